"""The npm package for JavaScript pages: the modules of `js_glue`, with the wheels that they load."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from demo.toolchain.places import CACHE, ROOT, digest, provide
from demo.toolchain.progress import run
from demo.toolchain.runtime import require_node
from demo.toolchain.wheels import wheels_in_order

_HOME = ROOT / "js_glue"


def npm_package() -> Path:
    """Return the package as `npm publish` takes it, made anew if its sources have changed."""
    wheels = wheels_in_order()
    sources = [path for path in _HOME.rglob("*") if path.is_file() and "node_modules" not in path.parts]
    directory = CACHE / "npm"
    stamp = digest([*sources, *wheels, ROOT / "README.md", ROOT / "LICENSE"])

    def pack() -> None:
        require_node()
        _lay_out(directory / "package", wheels)
        run(shutil.which("npm") or "npm", "pack", "--pack-destination", directory, directory / "package")

    provide(directory, stamp, pack, title="Packing the npm package")
    return next(directory.glob("*.tgz"))


def _lay_out(package: Path, wheels: list[Path]) -> None:
    """Copy what `npm pack` chooses from; `files` in package.json says what that is."""
    shutil.copytree(_HOME, package, ignore=shutil.ignore_patterns("node_modules", "package-lock.json", "src"))
    lent = Path("src", "peer_connection.js")  # all else of the glue is in the wheel
    (package / lent).parent.mkdir()
    shutil.copy(_HOME / lent, package / lent)
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, package)
    (package / "wheels").mkdir()
    for wheel in wheels:
        shutil.copy(wheel, package / "wheels")
    names = json.dumps([wheel.name for wheel in wheels], indent=2)
    text = f"// In the order in which they depend on one another.\nexport default {names};\n"
    (package / "wheels" / "index.js").write_text(text, encoding="utf-8")
