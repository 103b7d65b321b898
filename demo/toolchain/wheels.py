"""The wheels a page loads: webraft_web's own, built here, and the two it depends on.

`wheels_dir()` is one directory to be served as it is. Its `index.json` lists
their URLs, in the order in which a page may load them.
"""

from __future__ import annotations

import json
from pathlib import Path

from demo.toolchain.environment import build_python
from demo.toolchain.places import CACHE, ROOT, digest, provide
from demo.toolchain.progress import run

PAGE_REQUIREMENTS = ROOT / "demo" / "requirements-page.txt"


def build_wheel() -> Path:
    """Return webraft_web's wheel, built by the standard front end if its sources have changed."""
    directory, python = CACHE / "built", build_python()
    build = (python, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory, ROOT)
    provide(directory, digest(_sources()), lambda: run(*build), title="Building the wheel")
    return next(directory.glob("*.whl"))


def download_wheels(requirements: Path) -> list[Path]:
    """Return the pure wheels that a lock file lists, got from the package index once.

    They are for Pyodide's Python, so this one's version does not choose among them.
    """
    directory, python = CACHE / f"downloaded-{requirements.stem}", build_python()
    pip = (python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    kind = ("--no-deps", "--only-binary=:all:", "--python-version=3.13")
    download = (*pip, *kind, "--dest", directory, "--require-hashes", "--requirement", requirements)
    title = f"Downloading what {requirements.relative_to(ROOT)} lists"
    provide(directory, digest([requirements]), lambda: run(*download), title=title)
    return sorted(directory.glob("*.whl"))


def wheels_dir() -> Path:
    """Return a directory to serve at `/wheels/`: three wheels and their `index.json`."""
    wheels = wheels_in_order()
    directory = CACHE / "wheels"

    def gather() -> None:
        for wheel in wheels:
            (directory / wheel.name).write_bytes(wheel.read_bytes())
        urls = [f"/wheels/{wheel.name}" for wheel in wheels]
        (directory / "index.json").write_text(json.dumps(urls, indent=2), encoding="utf-8")

    return provide(directory, digest(wheels), gather)


def wheels_in_order() -> list[Path]:
    """Return the three wheels, each after those that it depends on."""
    return [*reversed(download_wheels(PAGE_REQUIREMENTS)), build_wheel()]


def _sources() -> list[Path]:
    package = [path for path in (ROOT / "webraft_web").rglob("*") if path.is_file()]
    glue = (ROOT / "js_glue" / "src").glob("*.js")
    about = [ROOT / name for name in ("pyproject.toml", ".wheel/hook.py", "README.md", "LICENSE")]
    return [path for path in (*package, *glue, *about) if "__pycache__" not in path.parts and path.exists()]
