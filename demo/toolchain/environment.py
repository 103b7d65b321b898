"""Virtual environments with locked requirements, so that nothing is installed into anybody's Python."""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
from pathlib import Path

from demo.toolchain.places import CACHE, ROOT, digest, provide
from demo.toolchain.progress import SetupError, run

BUILD_REQUIREMENTS = ROOT / "demo" / "requirements-build.txt"


def build_python() -> Path:
    """Return the Python that has the tools to build a wheel."""
    return python_with("build", BUILD_REQUIREMENTS)


def python_with(name: str, requirements: Path) -> Path:
    """Return a virtual environment's Python that has exactly `requirements`; make it if need be.

    Args:
        name: Of the environment; each Python version has its own.
        requirements: A lock file with hashes.

    Raises:
        SetupError: If this Python cannot make one, or a package cannot be had.
    """
    directory = CACHE / f"{name}-python{sys.version_info.major}.{sys.version_info.minor}"
    python = directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def install() -> None:
        _require_venv()
        run(sys.executable, "-m", "venv", directory)
        # A lock file is complete. Asked for more, pip would look beyond it: it takes a newer release
        # of what a package wants with an extra, and then finds that the lock file has no hash for it.
        pip_install(python, "--no-deps", "--require-hashes", "--requirement", str(requirements))

    stamp = digest([requirements], sys.version, str(directory))
    title = f"Installing what {requirements.relative_to(ROOT)} lists"
    provide(directory, stamp, install, title=title, proof=python)
    return python


def packages_of(python: Path) -> Path:
    """Return the directory that an environment's Python, the same version as this, imports packages from."""
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(python.parents[1])}))


def pip_install(python: Path, *arguments: str) -> None:
    """Install into the environment of `python`, quietly."""
    run(python, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check", *arguments)


def _require_venv() -> None:
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise SetupError(
            f"This Python ({sys.executable}) comes without its {' and '.join(missing)} module.\n"
            "On Debian and Ubuntu: apt-get install python3-venv\n"
            "Elsewhere: install Python 3.11 or newer with venv, and run the command with that."
        )
