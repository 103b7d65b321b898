"""A journal without IndexedDB: one database, several pages at it, faults on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from webraft_web.core.errors import FencedError, LocalProtocolError, StorageError


class MemoryJournal:
    """The database behind several `MemoryJournalStore`s, and what outlives them.

    Attributes:
        records: The texts by position. A test may look, and damage them.
        start: Where the last record stands that discarded others: loading begins there.
        is_full: Whether nothing more can be written.
    """

    def __init__(self, name: str = "journal") -> None:
        self.name = name
        self.records: dict[int, str] = {}
        self.start = 1
        self.is_full = False
        self.stores: list[MemoryJournalStore] = []
        self._failures: list[StorageError] = []

    def open(self, call_soon: Callable[[Callable[[], None]], object]) -> MemoryJournalStore:
        """Return a new open end, which answers through `call_soon` (`Clock.call_soon`, or slower)."""
        store = MemoryJournalStore(self, call_soon)
        self.stores.append(store)
        return store

    def dump(self, first: int = 1) -> list[tuple[int, str]]:
        """Return the records from `first` on; "" stands for the one to begin with where it is missing."""
        missing = {} if self.start == 1 else {self.start: ""}
        return sorted((at, text) for at, text in {**missing, **self.records}.items() if at >= first)

    def fail_next(self, error: StorageError) -> None:
        """Have the next call of any store fail with `error`, changing nothing; may be stacked."""
        self._failures.append(error)

    def delete(self) -> None:
        """Lose everything, as when site data is cleared: open ends learn by `on_closed`."""
        self.records.clear()
        self.start = 1
        for store in list(self.stores):
            store.close_from_outside()

    def take_failure(self) -> StorageError | None:
        """Return the fault that is due, if any."""
        return self._failures.pop(0) if self._failures else None


class MemoryJournalStore:
    """One open end: a `storage.journal.JournalStore`.

    What a call does is done at once, as the database would, whatever becomes of
    the page; the answer comes later, and not after `close`.
    """

    def __init__(self, journal: MemoryJournal, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self.name = journal.name
        self.on_closed: Callable[[StorageError], None] | None = None
        self._journal = journal
        self._call_soon = call_soon
        self._is_closed = False
        self._closed_from_outside: StorageError | None = None

    def load(self, done: Callable[[list[tuple[int, str]] | StorageError], None]) -> None:
        failure = self._begin()
        records = self._journal.dump(self._journal.start)
        self._answer(lambda: done(failure or records))

    def add(
        self,
        position: int,
        text: str,
        *,
        discard: Sequence[tuple[int, int]] = (),
        strict: bool = False,  # noqa: ARG002 - memory is as durable as it gets
        done: Callable[[StorageError | None], None],
    ) -> None:
        failure = self._begin()
        if failure is None and position in self._journal.records:
            failure = FencedError(f"journal {self.name!r} was taken over by another page; stop here")
        if failure is None and self._journal.is_full:
            failure = StorageError(f"journal {self.name!r} cannot grow: the disk is full")
        if failure is None:
            self._journal.records[position] = text
            if discard:
                self._journal.start = position
            for first, last in discard:
                for superseded in range(first, last + 1):
                    self._journal.records.pop(superseded, None)
        self._answer(lambda: done(failure))

    def reaches(self, position: int, done: Callable[[bool | StorageError], None]) -> None:
        failure = self._begin()
        is_taken = any(taken >= position for taken in self._journal.records)
        self._answer(lambda: done(failure or is_taken))

    def close(self) -> None:
        self._is_closed = True
        if self in self._journal.stores:
            self._journal.stores.remove(self)

    def close_from_outside(self) -> None:
        """Behave as when another page deletes the database."""
        self._journal.stores.remove(self)
        error = StorageError(f"journal {self.name!r} is being deleted by another page")
        self._closed_from_outside = error
        self._answer(lambda: self.on_closed and self.on_closed(error))

    def _begin(self) -> StorageError | None:
        if self._is_closed:
            raise LocalProtocolError(f"journal {self.name!r} was closed; open it again to use it")
        return self._closed_from_outside or self._journal.take_failure()

    def _answer(self, answer: Callable[[], object]) -> None:
        def unless_closed() -> None:
            if not self._is_closed:
                answer()

        self._call_soon(unless_closed)
