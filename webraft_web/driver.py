"""Runs one Raft server: time, storage, peers and the state machine, around a core that knows none of them.

One batch of work at a time, in the order that keeps it safe (§3.8, §10.2.1):
persist, then send, then apply. The next batch may be prepared, and messages be
stepped, while one is being persisted, but only one write is ever under way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from webraft_web.clock import Clock
from webraft_web.core.entry import Committed, Entry, EntryKind, Snapshot
from webraft_web.core.errors import StorageError, WebraftError
from webraft_web.core.message import Message
from webraft_web.core.raft import Raft
from webraft_web.core.ready import RefreshRequest
from webraft_web.storage.base import Identity, Storage

T = TypeVar("T")


class StateMachine(Protocol):
    """What committed entries are applied to. One call of `apply` or `restore` is under way at a time."""

    def apply(self, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
        """Apply entries of every kind, in order.

        `done(index)` says that everything up to `index` is applied; it may be
        called several times, now or later, last with the last entry's index.
        """

    def restore(self, snapshot: Snapshot, done: Callable[[int], None]) -> None:
        """Replace the state by a snapshot's, then call `done(snapshot.last_index)`.

        Its `data` is None where the application fetched the state itself, after `refresh`.
        """

    def refresh(self, request: RefreshRequest) -> None:
        """Fetch the state from elsewhere; answer whenever through `Driver.refreshed`."""

    def take_snapshot(self) -> str | None:
        """Return the state after the last entry reported done; None where the application keeps it."""

    def may_compact_to(self) -> int:
        """Return the last index that the log may forget; 0 for none."""


class Driver:
    """One server at work.

    Args:
        raft: The core, restored from `storage`.
        storage: Where it persists; nobody else writes there meanwhile.
        clock: Where time comes from.
        machine: What committed entries are applied to.
        send: Carries messages away, at once or never; each goes to its `receiver`.
        on_batch: Called after every batch's persist and send, and whenever time or
            messages were handled: role, term, leader, commit index may have changed.
        on_stopped: Called once when the storage failed or fenced this server: it is over.
        compact_after_entries: Compact once so many entries were applied since the last time.
        compact_after_size: … or once the log holds so many characters.
    """

    def __init__(
        self,
        raft: Raft,
        storage: Storage,
        clock: Clock,
        *,
        machine: StateMachine,
        send: Callable[[Sequence[Message]], None],
        on_batch: Callable[[], None] | None = None,
        on_stopped: Callable[[StorageError], None] | None = None,
        compact_after_entries: int = 10_000,
        compact_after_size: int = 4 * 1024 * 1024,
    ) -> None:
        self.raft = raft
        self.message_timeout_ms = 3000
        self.is_stopped = False
        self.rejected_messages = 0

    def receive(self, messages: Sequence[Message]) -> None:
        """Let time pass, step all messages, and do what follows at once.

        A message that the core rejects is counted in `rejected_messages` and logged.
        """

    def propose(
        self, command: str, kind: EntryKind, settled: Callable[[Committed | WebraftError], None]
    ) -> None:
        """Have a command appended, here or by the leader; call `settled` once it is committed and applied here.

        All proposals of one turn of the event loop travel as one batch. Without a
        leader they wait up to `message_timeout_ms`, then NotLeaderError: certainly
        not appended. OverloadedError as well. OutcomeUnknownError if the leader is
        lost before the command is known to be committed.
        """

    def read(self, done: Callable[[int | WebraftError], None]) -> None:
        """Call `done` with a linearizable read index (§6.4) once that is applied here.

        NotLeaderError if no leader confirmed one within `message_timeout_ms`.
        """

    def refreshed(self, term: int, index: int) -> None:
        """Take the answer to `StateMachine.refresh`: the application holds the state at (term, index)."""

    def change(self, function: Callable[[Raft], T]) -> T:
        """Call `function` with the core (`add_server`, `campaign`…), do what follows, return its result."""
        raise NotImplementedError

    def write_identity(self, identity: Identity, *, reset: bool = False) -> None:
        """Have the next batch replace the stored identity; with `reset` everything else is forgotten first."""

    def flush(self) -> None:
        """Do all that is to be done, at once."""

    def flush_soon(self) -> None:
        """Flush at the end of this turn of the event loop."""

    def stop(self, stopped: Callable[[], None] | None = None) -> None:
        """Stop like a crash: nothing more is sent or called, nothing settles.

        Args:
            stopped: Called once no write of this driver is under way any more, at
                once if none is: from then on another may use the storage.
        """
