"""One server's storage in a journal that tabs take over from one another.

Whose writes count is decided by the database alone. Every write adds a record
at the position after the last one that this writer knows of. A takeover adds
one there too, so the next write of whoever was taken over finds its position
taken and is refused, with no read before it and no race. That writer may be
frozen, out of date or convinced that it holds a lock: it does not matter.

Of its own because it is the traffic; what the records say is in `journal`.
"""

from __future__ import annotations

from collections.abc import Callable

from webraft_web.core.errors import FencedError, LocalProtocolError, StorageError
from webraft_web.storage.base import Batch, StoredState
from webraft_web.storage.journal import Journal, JournalStore

__all__ = ["JournalStorage", "JournalStore"]


class JournalStorage:
    """A `Storage` that belongs to whoever took its journal over last.

    After a failure it writes nothing more: its server is over, and a new one
    takes over and finds what had been stored.

    Args:
        store: An open end of the journal; closed with this.
        runner: Who is taking over: any text, for those who debug.
        strict: Whether a batch waits for the disk, and so survives a power cut;
            otherwise it survives a crash of the browser. Meant for rooms with several voters.
    """

    def __init__(self, store: JournalStore, *, runner: str = "", strict: bool = False) -> None:
        self._store = store
        self._runner = runner
        self.is_strict = strict
        self._journal: Journal | None = None
        self._failure: StorageError | None = None
        self.takeover_position = 0
        """Where this writer's takeover stands, 0 before it: a higher one has taken over from it."""

    def load(self, done: Callable[[StoredState | StorageError | None], None]) -> None:
        """Take over: a server loads what it is about to run."""
        self.take_over(done)

    def take_over(self, done: Callable[[StoredState | StorageError | None], None]) -> None:
        """Fence off every earlier writer, and hand over exactly what was stored until then.

        When another writer gets in between, the journal is read and taken over
        once more. A retry means that somebody added a record meanwhile, not that
        anybody got on: two that take over at once could overtake each other for
        ever, if each time one of them slept between its record and its look at
        what follows. Web Locks make them come one by one; here nothing is wrong
        without them, only late. It does not always collide: a checkpoint may have
        discarded what stood at the position meant for the takeover, so that is the
        last one, or it counts for nothing.
        """

        def loaded(records: list[tuple[int, str]] | StorageError) -> None:
            if isinstance(records, StorageError):
                done(records)
                return
            try:
                journal = Journal(self._store.name, records)
            except StorageError as error:
                done(error)
                return

            def added(error: StorageError | None) -> None:
                if error is None:
                    self._check_fence(journal.next_position, checked)
                else:
                    checked(error)

            def checked(error: StorageError | None) -> None:
                if isinstance(error, FencedError):
                    self.take_over(done)
                elif error is not None:
                    done(error)
                else:
                    self._journal = journal
                    self.takeover_position = position
                    done(journal.state())

            position, text, _ = journal.append_takeover(self._runner)
            self._store.add(position, text, strict=self.is_strict, done=added)

        self._store.load(loaded)

    def persist(self, batch: Batch, done: Callable[[StorageError | None], None]) -> None:
        journal = self._journal
        if journal is None:
            raise LocalProtocolError("take a journal over before writing to it: call take_over")
        if self._failure is not None:
            done(self._failure)
            return

        def answered(error: StorageError | None) -> None:
            self._failure = error
            done(error)

        if batch.is_empty:
            self._check_fence(journal.next_position, answered)
            return
        try:
            position, text, discard = journal.append(batch)
        except StorageError as error:
            answered(error)
            return
        self._store.add(position, text, discard=discard, strict=self.is_strict, done=answered)

    def close(self) -> None:
        self._store.close()

    def _check_fence(self, position: int, done: Callable[[StorageError | None], None]) -> None:
        def answered(is_taken: bool | StorageError) -> None:
            if isinstance(is_taken, StorageError):
                done(is_taken)
            elif is_taken:
                done(FencedError(f"journal {self._store.name!r} was taken over by another page; stop here"))
            else:
                done(None)

        self._store.reaches(position, answered)
