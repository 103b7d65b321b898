"""What `SharedDocument.status()` says: pure, so that it cannot fail."""

from __future__ import annotations

from typing import Any

from webraft_web.site.protocol import Beat


def room_status(
    *,
    tab: str,
    runner: str,
    beat: Beat | None,
    last_applied: int,
    tabs: list[str],
    storage: str,
    links: dict[str, Any] | None,
) -> dict[str, Any]:
    """Describe the room as the tab `tab` sees it.

    Args:
        tab: This tab's id.
        runner: The id of the tab that runs the server, "" if none is known.
        beat: What is known of the server, None before anything is.
        last_applied: The last entry applied here.
        tabs: The ids of this browser's tabs in the room.
        storage: What the room is kept in.
        links: What this tab itself knows of connections to other browsers, None if another tab has them.
    """
    is_runner_here = runner == tab and beat is not None
    return {
        "role": beat.role if is_runner_here and beat else "observer",
        "leader": beat.leader or None if beat and runner else None,
        "address": beat.address if beat else None,
        "tab": tab,
        "runner": runner or None,
        "term": beat.term if beat else 0,
        # The copy is never ahead of what is committed, only of the last heartbeat.
        "commit_index": max(beat.commit, last_applied) if beat else last_applied,
        "last_applied": last_applied,
        "members": dict(beat.members) if beat else {},
        "missing": list(beat.missing) if beat else [],
        "tabs": list(tabs),
        "storage": storage,
        "links": links if links is not None else dict(beat.links) if beat else {},
    }
