"""A tab's copy of the document as what the room's server applies to, through all the server's lives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from webraft_web.core.entry import Entry, EntryKind, Snapshot
from webraft_web.core.errors import RemoteProtocolError, StorageError
from webraft_web.core.raft import Raft
from webraft_web.core.ready import RefreshRequest
from webraft_web.driver.applier import StateMachine
from webraft_web.server.machine import Notices
from webraft_web.site.local_copy import LocalCopy


class RoomMachine:
    """The copy of the tab that runs the server (see `LastingMachine`).

    Args:
        copy: This tab's copy. It may be ahead of the driver, having observed another runner before.
        on_unreadable: Called with what is wrong with a snapshot that cannot be read.
    """

    def __init__(
        self,
        copy: LocalCopy,
        on_unreadable: Callable[[StorageError], None],
    ) -> None:
        self._copy = copy
        self._on_unreadable = on_unreadable
        self._notices: Notices
        self._is_held = False
        self.completed = 0
        """As the driver counts."""
        self.is_newcomer = False
        """Whether this life of the server began with nothing, so that what it has may be just a beginning."""
        self.minted: str | None = None
        """The cluster that begins with what the copy holds."""

    def serve(self, notices: Notices) -> None:
        self._notices = notices

    def begin(self, cluster_id: str, raft: Raft, snapshot: Snapshot | None) -> StateMachine:
        self._is_held = False
        self.completed = 0
        if cluster_id == self.minted:
            self._copy.cluster = cluster_id
        self._copy.belong_to(cluster_id)
        self.is_newcomer = raft.log.last_index == 0
        if snapshot is not None:
            self.restore(snapshot, _ignore)
        return self

    def hold(self) -> None:
        self._is_held = True

    def stop(self) -> None:
        self._is_held = True

    def apply(self, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
        first = 0
        for position, entry in enumerate(entries):
            if entry.kind in _NOTICED:
                # What the server makes of it may end this life: nothing after that is applied.
                self._apply(entries[first : position + 1], done)
                first = position + 1
                self._notice(entry)
        self._apply(entries[first:], done)

    def restore(self, snapshot: Snapshot, done: Callable[[int], None]) -> None:
        if self._is_held:
            return
        try:
            self._copy.restore(snapshot)
        except RemoteProtocolError as error:
            self._on_unreadable(StorageError(f"the stored document cannot be read: {error}"))
            return
        self.completed = snapshot.last_index
        done(snapshot.last_index)

    def refresh(self, request: RefreshRequest) -> None:
        raise AssertionError(f"documents travel in snapshots, nothing is to be refreshed: {request}")

    def take_snapshot(self) -> str:
        return self._copy.client.take_snapshot()

    def may_compact_to(self) -> int:
        # The copy may be ahead of what the driver, restarted, has handed out so far:
        # a snapshot would then claim to be older than it is.
        return self.completed if self._copy.applied_index == self.completed else 0

    def _apply(self, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
        if entries and not self._is_held:
            self._copy.apply(entries)
            self.completed = entries[-1].index
            done(self.completed)

    def _notice(self, entry: Entry) -> None:
        if self._is_held:
            return
        if entry.kind is EntryKind.YIELD:
            self._notices.yield_applied(entry)
        elif entry.configuration is not None:
            self._notices.configuration_applied(entry.configuration)


_NOTICED = (EntryKind.CONFIGURATION, EntryKind.YIELD)


def _ignore(_: int) -> None:
    """Nobody waits for this."""
