"""Projects that have installed the npm package, beside Pyodide, as `npm install` would."""

from __future__ import annotations

import tarfile
from pathlib import Path

from demo.toolchain.npm_package import npm_package
from demo.toolchain.runtime import pyodide_dir


def install(project: Path) -> Path:
    """Install into a project without modules, and return where they are."""
    modules = project / "node_modules"
    modules.mkdir()
    with tarfile.open(npm_package()) as archive:
        archive.extractall(modules, filter="data")
    (modules / "package").rename(modules / "webraft-web")
    (modules / "pyodide").symlink_to(pyodide_dir().parent / "node_modules" / "pyodide")
    return modules
