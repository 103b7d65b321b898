"""The Pyodide runtime, from npm by a lock file, laid out so that pages need no other host.

Pyodide's own lock file names some 380 packages at addresses elsewhere; ours
names only what lies beside it.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Collection
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from demo.toolchain.places import CACHE, ROOT, digest, provide
from demo.toolchain.progress import SetupError, run

DEFAULT_VERSION = "0.29.5"
OLDEST_NODE = 20
_LOADER_FILES = ("package.json", "pyodide.js", "pyodide.mjs", "python_stdlib.zip")


def require_node() -> None:
    """Check that Node and npm are there.

    Raises:
        SetupError: If they are missing or too old.
    """
    advice = f"Install Node.js {OLDEST_NODE} or newer; npm comes with it."
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise SetupError(f"There is no `{tool}` on the PATH. {advice}")
    version = run("node", "--version").strip()
    major = re.match(r"v(\d+)\.", version)
    if major is None or int(major[1]) < OLDEST_NODE:
        raise SetupError(f"Node.js is too old: {version}. {advice}")


def npm_install_into(directory: Path, lock_files: Collection[Path]) -> None:
    """Copy lock files to a directory, and install there exactly what they list."""
    for path in lock_files:
        shutil.copy(path, directory)
    npm_install(directory)


def npm_install(directory: Path) -> None:
    """Install exactly what the lock file in `directory` lists, running no package's scripts."""
    require_node()
    npm = shutil.which("npm") or "npm"  # on Windows the name alone does not start npm.cmd
    run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=directory)


def pyodide_dir(version: str = DEFAULT_VERSION) -> Path:
    """Return a directory to serve at `/pyodide/`, got from npm if it is not there yet."""
    lock_files = [
        ROOT / "demo" / "pyodide" / version / name for name in ("package.json", "package-lock.json")
    ]
    directory = CACHE / "pyodide" / version

    def get() -> None:
        npm_install_into(directory, lock_files)
        lay_out(directory / "node_modules" / "pyodide", directory / "dist", [])

    return provide(directory, digest(lock_files), get, title=f"Getting Pyodide {version}") / "dist"


def lay_out(source: Path, target: Path, wheels: Collection[Path]) -> None:
    """Copy a runtime to `target`, with a lock file that names just `wheels`, copied beside it."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.name in _LOADER_FILES or path.name.startswith("pyodide.asm."):
            shutil.copy(path, target)
    lock = json.loads((source / "pyodide-lock.json").read_text(encoding="utf-8"))
    packages = [_lock_entry(wheel) for wheel in wheels]
    for wheel in wheels:
        shutil.copy(wheel, target)
    lock["packages"] = {package["name"]: package for package in packages}
    (target / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")


def _lock_entry(wheel: Path) -> dict[str, Any]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    depends = [
        re.split(r"[^\w.-]", text)[0] for text in metadata.get_all("Requires-Dist", []) if "extra" not in text
    ]
    return {
        "name": metadata["Name"],
        "version": metadata["Version"],
        "file_name": wheel.name,
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "imports": [metadata["Name"]],
        "depends": depends,
        "install_dir": "site",
        "package_type": "package",
        "unvendored_tests": False,
    }
