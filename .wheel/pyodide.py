"""Builds the compiled wheel for Pyodide from nothing but packages of PyPI and npm; see README.md beside it.

`pyodide build` does the work. It is given a cross-build environment made here
from npm's Pyodide, and tools that stand in for Emscripten's.
"""

from __future__ import annotations

import argparse
import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STAND_IN = Path(__file__).with_name("emcc.py")
TOOLS = ("emcc", "emar", "emranlib", "emnm")
SYSCONFIG = "_sysconfigdata__emscripten_wasm32-emscripten"
SOURCES = ("webraft_web", "js_glue/src", ".wheel", "pyproject.toml", "README.md", "LICENSE")


def main() -> int:
    """Build the wheel; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runtime", type=Path, help="the directory of npm's pyodide")
    parser.add_argument("wheels", type=Path, help="where the wheel goes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        target = read_target(options.runtime)
        if target["VERSION"] != f"{sys.version_info.major}.{sys.version_info.minor}":
            parser.error(f"this Pyodide has Python {target['VERSION']}: run this with the same")
        make_environment(work / "xbuildenv" / "pyodide-root", options.runtime, target)
        make_tools(work / "bin")
        # pyodide-build leaves its tools among the sources.
        copy_sources(work / "sources")
        return build(work, options.wheels.resolve())


def read_target(runtime: Path) -> Mapping[str, Any]:
    """Return what `sysconfig` says in Pyodide."""
    with (
        tempfile.TemporaryDirectory() as directory,
        zipfile.ZipFile(runtime / "python_stdlib.zip") as library,
    ):
        path = library.extract(f"{SYSCONFIG}.py", directory)
        return runpy.run_path(path)["build_time_vars"]


def make_environment(root: Path, runtime: Path, target: Mapping[str, Any]) -> None:
    """Lay out as much of a cross-build environment as `pyodide build` looks at."""
    version = target["VERSION"]
    major, minor = version.split(".")
    install = root / "cpython"
    include = install / "include" / f"python{version}"
    shutil.copytree(sysconfig.get_path("include"), include)
    header = include / "pyconfig.h"
    header.write_text(configured(header.read_text(encoding="utf-8"), target), encoding="utf-8")
    (install / "sysconfigdata").mkdir()
    with zipfile.ZipFile(runtime / "python_stdlib.zip") as library:
        library.extract(f"{SYSCONFIG}.py", install / "sysconfigdata")
    variables = {
        "CFLAGS_BASE": "",
        "CPYTHONINSTALL": install,
        "LDFLAGS_BASE": "",
        "PIP_CONSTRAINT": "",
        "PLATFORM_TRIPLET": target["MULTIARCH"],
        "PYMAJOR": major,
        "PYMINOR": minor,
        "PYODIDE_ABI_VERSION": target["PYODIDE_ABI_VERSION"],
        "PYODIDE_EMSCRIPTEN_VERSION": "0.0.0",  # names a platform that the wheel is renamed from at last
        "PYTHONINCLUDE": include,
        "PYVERSION": version,
        "SYSCONFIG_NAME": SYSCONFIG,
        "TARGETINSTALLDIR": install,
    }
    exports = "".join(f"export {name}={value}\n" for name, value in variables.items())
    (root / "Makefile.envs").write_text(f"{exports}.output_vars:\n\t@env\n", encoding="utf-8")
    (root.parent / "requirements.txt").touch()


def configured(header: str, target: Mapping[str, Any]) -> str:
    """Return this Python's pyconfig.h with the values of Pyodide's."""

    def line(match: re.Match[str]) -> str:
        name = match["defined"] or match["undefined"]
        value = target.get(name, 0)
        return f"#define {name} {value}" if value else f"/* #undef {name} */"

    pattern = r"^(?:#define (?P<defined>\w+)(?: .*)?|/\* #undef (?P<undefined>\w+) \*/)$"
    return re.sub(pattern, line, header, flags=re.MULTILINE)


def make_tools(directory: Path) -> None:
    """Make the tools that are called by name."""
    directory.mkdir()
    for name in TOOLS:
        tool = directory / name
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" {name} "$@"\n', encoding="utf-8")
        tool.chmod(0o755)


def copy_sources(directory: Path) -> None:
    """Copy what a wheel is made of."""
    for name in SOURCES:
        source, copy = ROOT / name, directory / name
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            copy.parent.mkdir(exist_ok=True)
            shutil.copy(source, copy)


def build(work: Path, wheels: Path) -> int:
    """Run `pyodide build`; returns its exit code."""
    environment = {
        **os.environ,
        # pyodide-build's own wrappers run with whatever `python3` is first.
        "PATH": os.pathsep.join([str(work / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "CFLAGS": f"{os.environ.get('CFLAGS', '')} -O2",  # after pyodide-build's -Oz, which is slower
        "PYODIDE_ROOT": str(work / "xbuildenv" / "pyodide-root"),
        "SKIP_EMSCRIPTEN_VERSION_CHECK": "1",
        "USE_LEGACY_PLATFORM": "1",
        "WEBRAFT_WEB_COMPILED": "1",
        "ZIG_GLOBAL_CACHE_DIR": str(work / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(work / "zig"),
    }
    command = ["-m", "pyodide_cli", "build", "--no-isolation", "--exports=pyinit", "--outdir", str(wheels)]
    return subprocess.run(
        [sys.executable, *command, str(work / "sources")], check=False, cwd=work / "sources", env=environment
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
