"""What a sequence of batches amounts to: the meaning of `Batch`, in one place.

Its own file because every storage needs it: one that keeps everything in memory
holds a `Replay`, one that keeps a journal replays its records through it.
"""

from __future__ import annotations

from webraft_web.core.entry import Entry, HardState, Snapshot
from webraft_web.core.errors import StorageError
from webraft_web.storage.base import Batch, Identity, StoredState


class Replay:
    """A stored state that batches are applied to, one after another."""

    def __init__(self) -> None:
        self._identity: Identity | None = None
        self._hard_state = HardState()
        self._snapshot: Snapshot | None = None
        # Invariant: consecutive, and beginning at most one beyond the snapshot.
        self._entries: list[Entry] = []

    def apply(self, batch: Batch) -> None:
        """Carry out one batch; all of it or, if it cannot follow what is here, nothing.

        Raises:
            StorageError: If the entries would leave a gap, or if the very first
                batch names no identity that the others could belong to.
        """
        self._refuse_misfits(batch)
        if batch.reset:
            self._hard_state = HardState()
            self._snapshot = None
            self._entries = []
        if batch.identity is not None:
            self._identity = batch.identity
        if batch.hard_state is not None:
            self._hard_state = batch.hard_state
        if batch.snapshot is not None:
            self._entries = self._beyond(batch.snapshot)
            self._snapshot = batch.snapshot
        if batch.entries:
            if self._entries:
                del self._entries[max(0, batch.entries[0].index - self._entries[0].index) :]
            self._entries.extend(batch.entries)

    def state(self) -> StoredState | None:
        """Return everything that is stored, None if nothing is."""
        if self._identity is None:
            return None
        return StoredState(self._identity, self._hard_state, self._snapshot, tuple(self._entries))

    def _refuse_misfits(self, batch: Batch) -> None:
        if batch.is_empty:
            return
        if batch.identity is None and (batch.reset or self._identity is None):
            raise StorageError(
                "a store's first batch names no identity; write the identity before anything else"
            )
        if not batch.entries:
            return
        base = 0 if batch.reset or self._snapshot is None else self._snapshot.last_index
        last = base if batch.reset or not self._entries else self._entries[-1].index
        if batch.snapshot is not None:
            base = batch.snapshot.last_index
            last = max(base, last if self._holds(batch.snapshot) and not batch.reset else 0)
        first = batch.entries[0].index
        if not base < first <= last + 1:
            raise StorageError(
                f"entries from index {first} on cannot follow a log that holds {base + 1} to {last}; "
                "the store is damaged, or two writers share it"
            )

    def _holds(self, snapshot: Snapshot) -> bool:
        """Tell whether the stored log agrees with the snapshot, so that its tail may stay."""
        own = self._snapshot
        if own is not None and own.last_index == snapshot.last_index:
            return own.last_term == snapshot.last_term
        if not self._entries:
            return False
        position = snapshot.last_index - self._entries[0].index
        return 0 <= position < len(self._entries) and self._entries[position].term == snapshot.last_term

    def _beyond(self, snapshot: Snapshot) -> list[Entry]:
        if not self._holds(snapshot):
            return []
        return [entry for entry in self._entries if entry.index > snapshot.last_index]
