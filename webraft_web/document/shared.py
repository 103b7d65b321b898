"""What users hold: `SharedDocument`, one handle on a room's document."""

from __future__ import annotations

from webraft_web.document.client import Client


class SharedDocument:
    """One handle on a room; made by `join_room`."""

    def __init__(self, client: Client) -> None: ...
