"""A journal without IndexedDB, and the contract that it keeps as well as the one in IndexedDB does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from webraft_web.core.errors import FencedError, LocalProtocolError, StorageError
from webraft_web.storage.journal import JournalStore


class MemoryJournal:
    """The database behind several `MemoryJournalStore`s, and what outlives them.

    Attributes:
        records: The texts by position. A test may look, and damage them.
        start: Where the last record stands that discarded others: loading begins there.
        is_full: Whether nothing more can be written.
        relaxed: How many records were added that were not to wait for the disk.
    """

    def __init__(self, name: str = "journal") -> None:
        self.name = name
        self.records: dict[int, str] = {}
        self.start = 1
        self.is_full = False
        self.relaxed = 0
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
        strict: bool = False,
        done: Callable[[StorageError | None], None],
    ) -> None:
        failure = self._begin()
        if failure is None and position in self._journal.records:
            failure = FencedError(f"journal {self.name!r} was taken over by another page; stop here")
        if failure is None and self._journal.is_full:
            failure = StorageError(f"journal {self.name!r} cannot grow: the disk is full")
        if failure is None:
            self._journal.records[position] = text
            self._journal.relaxed += not strict
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


OpenStore = Callable[[str], Awaitable[JournalStore]]


async def check_journal(open_store: OpenStore, delete: Callable[[str], Awaitable[None]]) -> None:
    """Fail with an AssertionError unless stores keep the promise of `storage.journal.JournalStore`.

    Args:
        open_store: Opens an end of the journal of the given name; a new name is a new journal.
        delete: Deletes the journal of the given name.
    """
    one, two = await open_store("journal"), await open_store("journal")
    assert await _load(one) == [], "a new journal must be empty"
    texts = ["", "one", '"\\\u2028\0\U0001f6f6', "x" * 100_000, "five"]
    for position, text in enumerate(texts[1:], 1):
        assert await _add((one, two)[position % 2], position, text) is None
    written = list(enumerate(texts[1:], 1))
    assert await _load(two) == written, "what was added must be there, in order, for every end"
    assert isinstance(await _add(one, 2, "late"), FencedError), "a position must be written once"
    late = await _add(one, 4, "late", discard=[(1, 3)])
    assert isinstance(late, FencedError), "whatever else is asked for"
    assert await _load(one) == written, "a refused write must change nothing, nor discard anything"
    assert [await _reaches(two, position) for position in (1, 4, 5)] == [True, True, False]
    assert await _add(one, 5, "all", discard=[(1, 1), (3, 4)], strict=True) is None
    assert await _load(two) == [(5, "all")], "loading must begin at the last record that discarded others"
    assert isinstance(await _add(two, 2, "late"), FencedError), "what was not discarded must stay"
    assert [await _reaches(two, position) for position in (1, 5, 6)] == [True, True, False]
    other = await open_store("other")
    assert await _load(other) == [], "journals of different names must not share anything"
    one.close()
    one.close()
    closings: list[StorageError] = []
    two.on_closed = closings.append
    await delete("journal")
    assert type(await _add(two, 6, "late")) is StorageError, "a deleted journal must refuse writes"
    assert [type(closing) for closing in closings] == [StorageError], "a deletion must be told, once"
    two.close()
    three = await open_store("journal")
    assert await _load(three) == [], "a deleted journal must be gone"
    three.close()
    other.close()


async def _add(
    store: JournalStore,
    position: int,
    text: str,
    discard: Sequence[tuple[int, int]] = (),
    *,
    strict: bool = False,
) -> StorageError | None:
    answer: asyncio.Future[StorageError | None] = asyncio.get_running_loop().create_future()
    store.add(position, text, discard=discard, strict=strict, done=answer.set_result)
    assert not answer.done(), "an answer must come later"
    return await answer


async def _load(store: JournalStore) -> list[tuple[int, str]]:
    answer: asyncio.Future[list[tuple[int, str]] | StorageError] = asyncio.get_running_loop().create_future()
    store.load(answer.set_result)
    records = await answer
    assert not isinstance(records, StorageError), f"loading failed: {records}"
    return records


async def _reaches(store: JournalStore, position: int) -> bool:
    answer: asyncio.Future[bool | StorageError] = asyncio.get_running_loop().create_future()
    store.reaches(position, answer.set_result)
    is_taken = await answer
    assert not isinstance(is_taken, StorageError), f"looking failed: {is_taken}"
    return is_taken
