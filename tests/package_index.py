"""A package index of plain files, as PEP 503 has it, for tests to install from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def lay_out(directory: Path, served_at: str, wheels: Iterable[Path]) -> Path:
    """Lay out one directory a project, wheels beside its page; returns `directory`.

    Args:
        directory: An empty one.
        served_at: The path at which it is to be served, ending in a slash: old releases of
            micropip take relative addresses for relative to something else.
        wheels: What it is to offer.
    """
    for wheel in wheels:
        project = directory / wheel.name.split("-")[0].replace("_", "-").lower()
        project.mkdir(exist_ok=True)
        (project / wheel.name).write_bytes(wheel.read_bytes())
    for project in directory.iterdir():
        links = []
        for wheel in sorted(project.glob("*.whl")):
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            address = f"{served_at}{project.name}/{wheel.name}#sha256={digest}"
            links.append(f'<a href="{address}">{wheel.name}</a>')
        page = "<!doctype html><html><body>" + "<br>".join(links) + "</body></html>"
        (project / "index.html").write_text(page, encoding="utf-8")
    return directory
