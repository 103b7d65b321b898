"""What a page joins a room with, and the names that the room goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from webraft_web.site.neighbours import OpenNetwork  # which a room of one browser does without


class RoomOptions(NamedTuple):
    """What the parts of a connection are told about its room.

    Fields:
        room: The room's name, and its journal's.
        genesis: The command that a new room begins with.
        is_durable: Whether to keep the room in the journal; else in this page's memory.
        max_voters: How many servers vote at most.
        open_network: Finds other browsers; None for a room of this browser alone.
        invited_to: The cluster that a link invited to, "" for any: whoever is invited never founds one.
        secret: Of those who belong to the room, for links that invite to it.
        may_found: Whether to begin the room where nobody else is found who holds it.
        is_always_on: Whether it stays when others go, and so had better lead.
    """

    room: str
    genesis: str
    is_durable: bool
    max_voters: int
    open_network: OpenNetwork | None = None
    invited_to: str = ""
    secret: str | None = None
    may_found: bool = True
    is_always_on: bool = False


def scope_of(room: str, *, is_durable: bool) -> str:
    """Return a room's name in those of its locks: one in memory is another room than its durable namesake."""
    return f"durable:{room}" if is_durable else f"memory:{room}"


def channel_of(scope: str) -> str:
    """Return the name of a room's channel."""
    return f"webraft:room:{scope}"
