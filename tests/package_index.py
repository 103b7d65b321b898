"""A package index of plain files, as PEP 503 has it, for tests to install from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def lay_out(directory: Path, wheels: Iterable[Path]) -> Path:
    """Lay out one directory a project, wheels beside its page; returns `directory`."""
    for wheel in wheels:
        project = directory / wheel.name.split("-")[0].replace("_", "-").lower()
        project.mkdir(exist_ok=True)
        (project / wheel.name).write_bytes(wheel.read_bytes())
    for project in directory.iterdir():
        links = [
            f'<a href="{wheel.name}#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}">{wheel.name}</a>'
            for wheel in sorted(project.glob("*.whl"))
        ]
        page = "<!doctype html><html><body>" + "<br>".join(links) + "</body></html>"
        (project / "index.html").write_text(page, encoding="utf-8")
    return directory
