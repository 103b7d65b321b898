"""What a storage promises to the driver.

Callbacks instead of coroutines: a storage that answers at once (memory) calls
back before it returns, and one that answers in a browser's event callback goes
on working where tasks no longer run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from webraft_web.core.entry import Entry, HardState, Snapshot
from webraft_web.core.errors import StorageError


class Identity(NamedTuple):
    """Who this store belongs to.

    Fields:
        address: Where the server can be reached.
        incarnation: Random; new whenever state is lost or the server was removed.
        cluster_id: The cluster it belongs to, None while it is fresh.
        may_found: Whether it may found a cluster (False once removed, or yielded).
        dissolved: Clusters that it saw yield, the last one last: who still belongs to one has to be told.
    """

    address: str
    incarnation: str
    cluster_id: str | None = None
    may_found: bool = True
    dissolved: tuple[str, ...] = ()


class StoredState(NamedTuple):
    """Everything a restarted server finds."""

    identity: Identity
    hard_state: HardState = HardState()
    snapshot: Snapshot | None = None
    entries: tuple[Entry, ...] = ()


class Batch(NamedTuple):
    """One atomic write. Done in this order; empty fields change nothing.

    Fields:
        reset: Forget everything first (a new identity begins).
        identity: Replaces the identity.
        hard_state: Replaces the hard state.
        snapshot: Drops the log up to its last_index, and all of it unless the
            stored log holds last_term at last_index.
        entries: Drop the stored log from `entries[0].index` on, then append these.
    """

    reset: bool = False
    identity: Identity | None = None
    hard_state: HardState | None = None
    snapshot: Snapshot | None = None
    entries: Sequence[Entry] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write: persisting it is then a fence check only."""
        return not (self.reset or self.identity or self.hard_state or self.snapshot or self.entries)


class Storage(Protocol):
    """Where one server keeps what it must not forget.

    The durability promise: `done(None)` means that the whole batch survives a
    crash of everything, that all earlier batches do too, and that at some moment
    after the call began this writer was still the store's rightful one. One
    batch is under way at a time; the driver sees to that.
    """

    def load(self, done: Callable[[StoredState | StorageError | None], None]) -> None:
        """Hand over what is stored, None if nothing is, or what is wrong with it."""

    def persist(self, batch: Batch, done: Callable[[StorageError | None], None]) -> None:
        """Write `batch`; an empty one only checks the fence.

        `done` gets None, or a StorageError (nothing of the batch counts), or a
        FencedError (this writer must stop for good).
        """

    def close(self) -> None:
        """Let go. A batch under way may still become durable; its `done` is not called."""
