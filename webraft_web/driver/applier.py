"""Hands what is committed to the state machine, one piece at a time, and remembers what was committed.

Its own file because applying has its own pace: the state machine may take its
time, or fail and try again, while the driver goes on persisting and sending.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Protocol

from webraft_web.core.entry import Entry, Snapshot
from webraft_web.core.ready import RefreshRequest


class StateMachine(Protocol):
    """What committed entries are applied to. One `apply` or `restore` is under way at a time."""

    def apply(self, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
        """Apply entries of every kind, in order.

        `done(index)` says that everything up to `index` is applied; it may be
        called several times, now or later, in the end with the last entry's index.
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


class Applier:
    """The queue between what is committed and what is applied.

    Args:
        machine: What entries are applied to.
        on_applied: Told each new `applied_index`.
        applied_index: Where the machine stands at the start, 0 for nowhere.
        applied_term: The term of that entry.
    """

    def __init__(
        self,
        machine: StateMachine,
        on_applied: Callable[[int], None],
        applied_index: int = 0,
        applied_term: int = 0,
    ) -> None:
        self.applied_index = applied_index
        self._machine = machine
        self._on_applied = on_applied
        self._snapshot: Snapshot | None = None
        self._entries: list[Entry] = []
        # Where the call under way will have got to, 0 when none is.
        self._target_index = 0
        self._is_working = False
        self._is_stopped = False
        # Terms never fall along the log, so that it is enough to keep where each begins.
        self._term_starts = [applied_index]
        self._terms = [applied_term]

    def hand_over(self, snapshot: Snapshot | None, entries: Sequence[Entry]) -> None:
        """Queue what a batch committed: a snapshot supersedes whatever still waits before it."""
        if snapshot is not None:
            self._snapshot = snapshot
            self._entries = []
            self._term_starts = [snapshot.last_index]
            self._terms = [snapshot.last_term]
        for entry in entries:
            if entry.term != self._terms[-1]:
                self._term_starts.append(entry.index)
                self._terms.append(entry.term)
        self._entries.extend(entries)
        self._work()

    def holds(self, index: int, term: int) -> bool | None:
        """Tell whether the committed entry at `index`, handed over before, is of `term`.

        Returns:
            None if that can no longer be known: a snapshot stands in its place.
        """
        if index >= self._term_starts[0]:
            return self._terms[bisect_right(self._term_starts, index) - 1] == term
        # Whoever led in the term of the snapshot's last entry had appended `index` before it.
        if term >= self._terms[0]:
            return term == self._terms[0]
        return None

    def stop(self) -> None:
        """Take no more reports, and hand out no more work."""
        self._is_stopped = True

    def _work(self) -> None:
        if self._is_working:
            return
        self._is_working = True
        try:
            while not (self._target_index or self._is_stopped) and self._begin():
                pass
        finally:
            self._is_working = False

    def _begin(self) -> bool:
        """Give the machine the next piece; return whether there was one."""
        if self._snapshot is not None:
            snapshot, self._snapshot = self._snapshot, None
            self._target_index = snapshot.last_index
            self._machine.restore(snapshot, self._done)
            return True
        if self._entries:
            entries, self._entries = self._entries, []
            self._target_index = entries[-1].index
            self._machine.apply(entries, self._done)
            return True
        return False

    def _done(self, index: int) -> None:
        if self._is_stopped or index <= self.applied_index:
            return
        assert index <= self._target_index, (
            f"{index} was reported applied, only {self._target_index} was given"
        )
        self.applied_index = index
        if index == self._target_index:
            self._target_index = 0
        self._on_applied(index)
        self._work()
