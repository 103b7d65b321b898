"""Hatchling's hook for the compiled wheel: mypyc compiles `core/` and `wire`, the sources of the pure one.

It acts where WEBRAFT_WEB_COMPILED is 1; see README.md beside it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME = "webraft_web"
COMPILED = ("core/*.py", "wire.py")
MYPY_OPTIONS = ["--config-file=", "--strict", "--follow-imports=silent"]
REQUIREMENTS = ["mypy==2.4.1", "setuptools>=77"]
"""What a compiled wheel is made with, and a pure one does without."""


class CompilingHook(BuildHookInterface):
    """Adds compiled modules beside the `.py` files that they are made from."""

    def dependencies(self) -> list[str]:
        """Return what a build front end has to install first."""
        return REQUIREMENTS if _is_wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have the wheel say for which Python and platform that is."""
        if self.target_name != "wheel" or version == "editable" or not _is_wanted():
            return
        self._built = tempfile.TemporaryDirectory()
        built = Path(self._built.name)
        sources = sorted(path for pattern in COMPILED for path in Path(self.root, NAME).glob(pattern))
        _compile([str(path.relative_to(self.root)) for path in sources], Path(self.root), built)
        libraries = [path for path in (built / "lib").rglob("*") if path.is_file()]
        build_data["force_include"] |= {str(path): str(path.relative_to(built / "lib")) for path in libraries}
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, *_: Any) -> None:
        """Forget what the wheel now holds."""
        if _is_wanted() and self.target_name == "wheel":
            self._built.cleanup()


def _is_wanted() -> bool:
    return os.environ.get("WEBRAFT_WEB_COMPILED") == "1"


def _compile(sources: list[str], root: Path, built: Path) -> None:
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    # mypy finds modules from where it runs. Its own report, and no other, ends the build.
    before = Path.cwd()
    os.chdir(root)
    try:
        extensions = mypycify(
            [*MYPY_OPTIONS, f"--cache-dir={built / 'cache'}", *sources],
            group_name=NAME,
            opt_level="2",
            debug_level="0",
            target_dir=str(built / "c"),
        )
        command = build_ext(Distribution({"name": NAME, "ext_modules": extensions}))
        command.build_lib = str(built / "lib")
        command.build_temp = str(built / "tmp")
        command.ensure_finalized()
        command.run()
    finally:
        os.chdir(before)
