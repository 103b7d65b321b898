"""The wheels a page loads: webraft_web's own, built here, and the two it depends on.

`wheels_dir()` is one directory to be served as it is. Its `index.json` lists
their URLs, in the order in which a page may load them.
"""

from __future__ import annotations

import json
from pathlib import Path

from demo.toolchain.environment import build_python
from demo.toolchain.places import CACHE, ROOT, begin, digest, finish, is_fresh, one_at_a_time
from demo.toolchain.progress import run, step

PAGE_REQUIREMENTS = ROOT / "demo" / "requirements-page.txt"


@one_at_a_time
def build_wheel() -> Path:
    """Return webraft_web's wheel, built by the standard front end if its sources have changed."""
    directory = CACHE / "built"
    stamp = digest(_sources())
    if not is_fresh(directory, stamp):
        python = build_python()
        begin(directory)
        with step("Building the wheel"):
            run(python, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory, ROOT)
        finish(directory, stamp)
    return next(directory.glob("*.whl"))


@one_at_a_time
def download_wheels(requirements: Path) -> list[Path]:
    """Return the pure wheels that a lock file lists, got from the package index once.

    They are for Pyodide's Python, so this one's version does not choose among them.
    """
    directory = CACHE / f"downloaded-{requirements.stem}"
    stamp = digest([requirements])
    if not is_fresh(directory, stamp):
        python = build_python()
        begin(directory)
        with step(f"Downloading what {requirements.relative_to(ROOT)} lists"):
            pip = (python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
            kind = ("--no-deps", "--only-binary=:all:", "--python-version=3.13")
            run(*pip, *kind, "--dest", directory, "--require-hashes", "--requirement", requirements)
        finish(directory, stamp)
    return sorted(directory.glob("*.whl"))


def wheels_dir() -> Path:
    """Return a directory to serve at `/wheels/`: three wheels and their `index.json`."""
    wheels = wheels_in_order()
    directory = CACHE / "wheels"
    stamp = digest(wheels)
    if not is_fresh(directory, stamp):
        begin(directory)
        for wheel in wheels:
            (directory / wheel.name).write_bytes(wheel.read_bytes())
        urls = [f"/wheels/{wheel.name}" for wheel in wheels]
        (directory / "index.json").write_text(json.dumps(urls, indent=2), encoding="utf-8")
        finish(directory, stamp)
    return directory


def wheels_in_order() -> list[Path]:
    """Return the three wheels, each after those that it depends on."""
    return [*reversed(download_wheels(PAGE_REQUIREMENTS)), build_wheel()]


def _sources() -> list[Path]:
    package = [path for path in (ROOT / "webraft_web").rglob("*") if path.is_file()]
    glue = (ROOT / "js_glue" / "src").glob("*.js")
    about = [ROOT / name for name in ("pyproject.toml", ".wheel/hook.py", "README.md", "LICENSE")]
    return [path for path in (*package, *glue, *about) if "__pycache__" not in path.parts and path.exists()]
