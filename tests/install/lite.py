"""JupyterLite, built as README says, with what its kernel imports in place of Pyodide's distribution."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from demo.toolchain.environment import python_with
from demo.toolchain.places import CACHE, digest, provide
from demo.toolchain.progress import run
from demo.toolchain.wheels import PAGE_REQUIREMENTS, build_wheel, download_wheels
from tests.setup import PYODIDE_VERSIONS, pyodide_dist

HERE = Path(__file__).parent
NOTEBOOK = "room.ipynb"
LITE_SITE = CACHE / "jupyterlite" / "_output"
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"


def build_lite(command: str, cells: list[str]) -> None:
    """Have README's command build LITE_SITE, with one notebook.

    Args:
        command: `jupyter lite build`, with the name of webraft_web's wheel.
        cells: The notebook's code.
    """
    tool = python_with("jupyterlite", HERE / "requirements-lite.txt").with_name("jupyter-lite")
    wheels = [*download_wheels(PAGE_REQUIREMENTS), *download_wheels(HERE / "requirements-kernel.txt")]
    pyodide = pyodide_dist(PYODIDE_VERSIONS["pyodide-next"])
    directory = LITE_SITE.parent
    stamp = digest([*wheels, build_wheel(), Path(__file__)], command, *cells)

    def build() -> None:
        (directory / "jupyter-lite.json").write_text(json.dumps(_settings()), encoding="utf-8")
        shutil.copytree(pyodide, directory / "static" / "pyodide")
        (directory / "pypi").mkdir()
        for wheel in wheels:
            shutil.copy(wheel, directory / "pypi")
        shutil.copy(build_wheel(), directory)
        words = command.replace("webraft_web-0.1.0-py3-none-any.whl", build_wheel().name).split()
        assert words[:2] == ["jupyter", "lite"], command
        run(tool, *words[2:], cwd=directory)
        _add_notebook(LITE_SITE, cells)

    provide(directory, stamp, build, title="Building JupyterLite")


def _add_notebook(site: Path, cells: list[str]) -> None:
    """Add what the build adds for `--contents`, where a whole Jupyter server is installed to list them."""
    text = json.dumps(_notebook(cells))
    (site / "files").mkdir()
    (site / "files" / NOTEBOOK).write_text(text, encoding="utf-8")
    dates = dict.fromkeys(("created", "last_modified"), "2026-01-01T00:00:00Z")
    common = {**dates, "content": None, "format": None, "mimetype": None, "writable": True}
    listed = {**common, "name": NOTEBOOK, "path": NOTEBOOK, "type": "notebook", "size": len(text)}
    root = {**common, "name": "", "path": "", "type": "directory", "format": "json", "content": [listed]}
    (site / "api" / "contents").mkdir(parents=True, exist_ok=True)
    (site / "api" / "contents" / "all.json").write_text(json.dumps(root), encoding="utf-8")


def _notebook(cells: list[str]) -> dict[str, object]:
    kernel = {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for number, source in enumerate(cells)
        ],
    }


def _settings() -> dict[str, object]:
    """Return settings that keep the kernel from asking other hosts, and let tests press its buttons."""
    settings = {"disablePyPIFallback": True}
    return {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "contentsAllJsonFile": "all.json",
            "exposeAppInBrowser": True,
            "litePluginSettings": {KERNEL: settings},
        },
    }
