"""When the log is cut short, and by how much (chapter 5).

Its own file because this is policy: the core only knows how, the driver only
that a snapshot has to be written with the next batch.
"""

from __future__ import annotations

from webraft_web.core.entry import Snapshot
from webraft_web.core.raft import Raft
from webraft_web.core.ready import Ready
from webraft_web.driver.applier import StateMachine


class Compaction:
    """Decides by what was applied since the last snapshot.

    Args:
        raft: The core, whose log is cut.
        machine: Gives the state, and says how much may be forgotten.
        after_entries: Compact once so many entries were applied, if they are not a trifle
            beside the last snapshot.
        after_size: … or so many characters, if the last snapshot was not larger.
    """

    def __init__(self, raft: Raft, machine: StateMachine, after_entries: int, after_size: int) -> None:
        self._raft = raft
        self._machine = machine
        self._after_entries = after_entries
        self._after_size = after_size
        self._size = 0
        self._snapshot_size = 0

    def count(self, ready: Ready) -> None:
        """Take note of what is about to be applied."""
        if ready.snapshot is not None:
            self._begin_anew(ready.snapshot)
        self._size += sum([entry.size for entry in ready.committed_entries])

    def compact_if_due(self) -> Snapshot | None:
        """Cut the log if it is time and the machine allows it; return the snapshot to persist."""
        applied = self._raft.last_applied
        base = self._raft.log.first_index - 1
        # A snapshot larger than the entries it replaces would cost more than it saves.
        is_large = self._size >= max(self._after_size, self._snapshot_size)
        is_long = applied - base >= self._after_entries and 4 * self._size >= self._snapshot_size
        if not is_long and not is_large:
            return None
        index = min(applied, self._machine.may_compact_to())
        # Where only little may be forgotten yet, wait until it is worth the copying.
        if index <= base or 2 * (index - base) < applied - base:
            return None
        data = self._machine.take_snapshot()
        if data is not None and index < applied:
            return None
        snapshot = self._raft.compact(index, data)
        self._begin_anew(snapshot)
        return snapshot

    def _begin_anew(self, snapshot: Snapshot) -> None:
        self._size = 0
        self._snapshot_size = len(snapshot.data or "")
