"""Both compiled wheels, built where that can be done, and wheels laid out to be imported from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from functools import partial
from pathlib import Path

from demo.toolchain.environment import python_with
from demo.toolchain.places import CACHE, ROOT, digest, provide
from demo.toolchain.progress import run
from demo.toolchain.runtime import pyodide_dir
from demo.toolchain.wheels import build_wheel

RECIPE = ROOT / ".wheel"
PYODIDES_PYTHON = "3.13"
"""The version that cross-builds for Pyodide 0.29."""


class CannotBuildError(Exception):
    """Something that compiling needs is not on this machine; the message says what."""


def native_wheel() -> Path:
    """Return the wheel compiled for this Python.

    Raises:
        CannotBuildError: If there is no C compiler, or Python came without its headers.
    """
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        raise CannotBuildError(f"compiling needs a C compiler, and there is no {compiler}")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise CannotBuildError("compiling needs Python's headers: on Debian, apt-get install python3-dev")
    directory = CACHE / f"compiled-python{sys.version_info.major}.{sys.version_info.minor}"
    python = python_with("wheel", RECIPE / "requirements.txt")
    build = (python, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory, ROOT)
    # A variable of its own process alone: other threads build the pure wheel meanwhile.
    compiling = partial(run, "env", "WEBRAFT_WEB_COMPILED=1", *build)
    title = f"Compiling the core for Python {sys.version_info.major}.{sys.version_info.minor}"
    provide(directory, digest(_sources(), sys.version), compiling, title=title)
    return next(directory.glob("*.whl"))


def pyodide_wheel() -> Path:
    """Return the wheel compiled for Pyodide, built without Emscripten.

    Raises:
        CannotBuildError: If there is no Python of Pyodide's version, or no make.
    """
    python = _python_of(PYODIDES_PYTHON)
    if shutil.which("make") is None:
        raise CannotBuildError("pyodide-build needs make")
    runtime = pyodide_dir()
    directory = CACHE / "compiled-pyodide"
    stamp = digest([*_sources(), *RECIPE.glob("*.*")], str(python))

    def compiling() -> None:
        tools = (
            "import sys; from pathlib import Path; sys.path.append(sys.argv[1]);"
            "from demo.toolchain.environment import python_with;"
            "print(python_with('wheel-pyodide', Path(sys.argv[2])))"
        )
        printed = run(python, "-c", tools, ROOT, RECIPE / "requirements-pyodide.txt")
        run(printed.splitlines()[-1], RECIPE / "pyodide.py", runtime, directory)

    provide(directory, stamp, compiling, title="Compiling the core for Pyodide")
    return next(directory.glob("*.whl"))


def unpacked(wheel: Path) -> Path:
    """Return a directory to import from, with the contents of a wheel."""
    directory = CACHE / "unpacked" / wheel.stem
    with zipfile.ZipFile(wheel) as archive:
        return provide(directory, digest([wheel]), lambda: archive.extractall(directory))


def pure_wheel() -> Path:
    """Return the wheel that everybody gets who asks for nothing else."""
    return build_wheel()


def _sources() -> list[Path]:
    package = [path for path in (ROOT / "webraft_web").rglob("*") if path.is_file()]
    package = [path for path in package if "__pycache__" not in path.parts]
    glue = (ROOT / "js_glue" / "src").glob("*.js")
    about = [ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE")]
    return [*package, *glue, *about, RECIPE / "hook.py", RECIPE / "requirements.txt"]


def _python_of(version: str) -> Path:
    """Find another Python: this one, on the PATH, or among pyenv's."""
    if sys.version.startswith(f"{version}."):
        return Path(sys.executable)
    for command in ([f"python{version}"], *_pyenvs(version)):
        if shutil.which(command[0]):
            said = _said(*command, "-c", "import sys; print(sys.version.split()[0], sys.executable)")
            if said.startswith(f"{version}."):
                return Path(said.partition(" ")[2])
    raise CannotBuildError(f"the wheel for Pyodide is built with Python {version}, and there is none here")


def _pyenvs(version: str) -> list[list[str]]:
    if shutil.which("pyenv") is None:
        return []
    names = [name for name in _said("pyenv", "versions", "--bare").split() if name.startswith(f"{version}.")]
    return [[str(Path(_said("pyenv", "prefix", name), "bin", "python3"))] for name in names]


def _said(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ)
    return "" if done.returncode else done.stdout.strip()
