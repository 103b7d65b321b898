"""One tab's end of a shared document: sends commands, applies entries, settles calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from webraft_web.clock import Clock
from webraft_web.core.entry import Entry, EntryKind, Snapshot
from webraft_web.core.errors import WebraftError


class Replica(Protocol):
    """What a shared document needs from the connection of its tab (the layer above)."""

    @property
    def room(self) -> str:
        """The room's name."""

    def submit(self, commands: Sequence[str], kind: EntryKind) -> None:
        """Have the room's server append `commands`, in order. They may get lost, or arrive twice.

        What certainly was not appended is reported by `Client.refused(commands, error)`,
        at once or later; a command that just vanishes is sent again after a while.
        """

    def read(self, done: Callable[[int | WebraftError], None]) -> None:
        """Confirm a linearizable read: `done(index)`, to be served once `index` is applied here.

        `done` may be called at once, later, or never (then it is asked for again). An error means ask again later.
        """

    def status(self) -> dict[str, Any]:
        """What `SharedDocument.status` returns; never raises."""

    async def release(self) -> None:
        """One handle was closed; the last one to close ends the connection."""

    async def leave_room(self) -> None:
        """Take this browser out of the room and forget it here."""

    async def recover(self) -> None:
        """Mint a new cluster from what this browser holds."""

    def invite_link(self) -> str:
        """Return the link that lets another browser join."""


class Client:
    """One tab's end of the document; several handles (`SharedDocument`) may share it.

    Args:
        replica: The connection.
        clock: For timeouts and for sending again.
        session_id: Random and never used before, 32 hex characters or so.
    """

    def __init__(self, replica: Replica, clock: Clock, session_id: str) -> None: ...

    @property
    def applied_index(self) -> int:
        """The last entry or snapshot applied here."""
        raise NotImplementedError

    def apply(self, entries: Sequence[Entry]) -> None:
        """Apply committed entries of every kind, in order; those at or below `applied_index` are ignored.

        Synchronous: settles own calls and notifies listeners before it returns.

        Raises:
            RemoteProtocolError: If entries are missing in between; nothing was applied.
        """

    def restore(self, snapshot: Snapshot) -> None:
        """Adopt a snapshot; ignored at or below `applied_index`.

        Raises:
            RemoteProtocolError: If its data cannot be read; nothing was changed.
        """

    def reset(self) -> None:
        """Forget the document and all sessions: another cluster's follow, from index 0. What is pending stays."""

    @property
    def document(self) -> Any:
        """The document itself, not a copy: to be read at once, and never changed."""
        raise NotImplementedError

    def take_snapshot(self) -> str:
        """Return the state after `applied_index` as text."""
        raise NotImplementedError

    def resubmit(self) -> None:
        """A new runner serves: send everything unsettled again, and ask again for reads."""

    def refused(self, commands: Sequence[str], error: WebraftError) -> None:
        """These submitted commands were certainly not appended, because of `error`.

        After an OverloadedError the calls fail with it; otherwise they are sent again after a while.
        """

    def fail(self, error: WebraftError) -> None:
        """The connection is over: everything pending raises OutcomeUnknownError, later calls LocalProtocolError."""

    def emit(self, event: str, *args: object) -> None:
        """Emit an event on every handle: `join`, `leave` (tab id), `leader`, `follower` (), `error` (exception)."""
