"""A disk with a journal: it is slow, forgets what was not synced, tears what it was writing, and fills up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.simulator.world import Process, World
from webraft_web.core.errors import FencedError, StorageError


class Disk:
    """One journal, which several processes may have open; see `storage.journal.JournalStore`.

    What a process asks for takes effect a little later, and is answered later
    still, when it is synced. A process that dies takes what has not taken effect
    with it, or not; when the power fails, what was not synced is lost, from some
    record on.

    Attributes:
        delays_ms: One of them is drawn for each step.
        is_full: Whether writing fails.
        tears: Whether a failing power may leave half a record.
    """

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self.delays_ms = [0, 1]
        self.is_full = False
        self.tears = False
        self.records: dict[int, str] = {}
        self.start = 1
        self._world = world
        self._unsynced: list[tuple[int, int, dict[int, str]]] = []
        """What to undo: a position, where the journal started before, and what was discarded."""

    def open(self, process: Process) -> DiskStore:
        """Return a new open end."""
        return DiskStore(self, process, self._world)

    def wipe(self) -> None:
        """Lose everything."""
        self.records = {}
        self.start = 1
        self._unsynced = []

    def add(self, position: int, text: str, discard: Sequence[tuple[int, int]]) -> StorageError | None:
        """Write one record; it counts as synced only after `sync`."""
        if position in self.records:
            return FencedError(f"journal {self.name!r} was taken over")
        if self.is_full:
            return StorageError(f"journal {self.name!r} could not grow: the disk is full")
        gone = {
            old: self.records.pop(old)
            for first, last in discard
            for old in range(first, last + 1)
            if old in self.records
        }
        self._unsynced.append((position, self.start, gone))
        self.records[position] = text
        if discard:
            self.start = position
        return None

    def sync(self, position: int) -> None:
        """Make everything up to this record survive."""
        while any(position == unsynced for unsynced, _, _ in self._unsynced):
            self._unsynced.pop(0)

    def lose_power(self) -> None:
        """Forget unsynced records from some point on, and perhaps half of the last one left."""
        chance = self._world.chance
        while self._unsynced and chance.random() < 0.7:
            position, self.start, gone = self._unsynced.pop()
            del self.records[position]
            self.records.update(gone)
        if self._unsynced and self.tears and chance.random() < 0.3:
            position = self._unsynced[-1][0]
            self.records[position] = self.records[position][: len(self.records[position]) // 2]
            self._world.note(f"{self.name} is torn at {position}")
        self._unsynced = []


class DiskStore:
    """One process's open end of a disk's journal."""

    def __init__(self, disk: Disk, process: Process, world: World) -> None:
        self.name = disk.name
        self.on_closed: Callable[[StorageError], None] | None = None
        self._disk = disk
        self._process = process
        self._world = world
        self._is_closed = False

    def load(self, done: Callable[[list[tuple[int, str]] | StorageError], None]) -> None:
        def read() -> None:
            disk = self._disk
            records = sorted((at, text) for at, text in disk.records.items() if at >= disk.start)
            self._answer(lambda: done(records))

        self._later(read)

    def add(
        self,
        position: int,
        text: str,
        *,
        discard: Sequence[tuple[int, int]] = (),
        strict: bool = False,
        done: Callable[[StorageError | None], None],
    ) -> None:
        def write() -> None:
            if not self._process.is_alive and self._world.is_likely(0.5):
                return
            error = self._disk.add(position, text, discard)
            self._world.note(f"{self.name} {position} {error or 'written'}")

            def answer() -> None:
                if error is None:
                    self._disk.sync(position)
                done(error)

            self._answer(answer)

        self._process.crash_point()
        self._later(write)
        self._process.crash_point()

    def reaches(self, position: int, done: Callable[[bool | StorageError], None]) -> None:
        def look() -> None:
            is_taken = any(taken >= position for taken in self._disk.records)
            self._answer(lambda: done(is_taken))

        self._later(look)

    def close(self) -> None:
        self._is_closed = True

    def _later(self, action: Callable[[], None]) -> None:
        self._world.at(self._world.chance.choice(self._disk.delays_ms), action)

    def _answer(self, answer: Callable[[], None]) -> None:
        def unless_closed() -> None:
            if not self._is_closed:
                self._process.crash_point()
                answer()

        self._process.at(self._world.chance.choice(self._disk.delays_ms), unless_closed)
