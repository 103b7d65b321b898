"""A journal in an SQLite file, for servers outside of a browser; the records are those of `journal`.

A position is the table's primary key, so that the database itself turns away the
second who wants it. Every commit waits for the disk. SQLite is called in a
thread of its own, one for each journal, for a disk may take its time and
heartbeats may not; its answers come in the order of the calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from webraft_web.core.errors import FencedError, LocalProtocolError, StorageError

LAYOUT_VERSION: Final = 1
"""Raised whenever an older program could not read the file; it then refuses it."""
APPLICATION_ID: Final = 0x57524654
"""Which tells the file from other databases."""
BUSY_S: Final = 5.0
"""How long to wait for another program that holds the file."""

_Outcome = TypeVar("_Outcome")

_TABLES: Final = (
    # `start` is where the last record stands that discarded others, 0 if none has.
    "CREATE TABLE room (name TEXT NOT NULL, start INTEGER NOT NULL)",
    "CREATE TABLE records (position INTEGER PRIMARY KEY, text TEXT NOT NULL)",
)


class SQLiteJournal:
    """One open end of a journal; what its methods promise stands with `journal.JournalStore`.

    Args:
        path: The file, which is created with its directory if it is missing.
        name: Of the room that the file is for.
        done: Gets this journal once it is open, or why it cannot be opened.
        is_alone: Whether to refuse to open it while another process has done so. Nothing depends on
            it but peace: two that take the journal over from one another get nothing done.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        done: Callable[[SQLiteJournal | StorageError], None],
        *,
        is_alone: bool = False,
    ) -> None:
        self.name = name
        self.on_closed: Callable[[StorageError], None] | None = None
        self._path = path
        self._is_closed = False
        self._gone: StorageError | None = None
        self._loop = asyncio.get_running_loop()
        self._worker = ThreadPoolExecutor(1, "webraft-journal")
        self._lock: sqlite3.Connection | None = None
        self._database: Any = None

        def open_it() -> SQLiteJournal:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if is_alone:
                self._lock = _hold(path)
            self._database = _open(path, name)
            self._file = _identity(path)
            return self

        def opened(outcome: SQLiteJournal | StorageError) -> None:
            if outcome is not self:
                self.close()
            done(outcome)

        self._call(open_it, opened)

    def load(self, done: Callable[[list[tuple[int, str]] | StorageError], None]) -> None:
        def load() -> list[tuple[int, str]]:
            with _transaction(self._database, "DEFERRED"):
                _, start = _read_room(self._database, self._path)
                rows = self._database.execute(
                    "SELECT position, text FROM records WHERE position >= ? ORDER BY position", (start,)
                ).fetchall()
            records = [(position, text if isinstance(text, str) else "") for position, text in rows]
            return records if not start or (records and records[0][0] == start) else [(start, ""), *records]

        self._call(load, done)

    def add(
        self,
        position: int,
        text: str,
        *,
        discard: Sequence[tuple[int, int]] = (),
        strict: bool = False,  # noqa: ARG002 - the disk is waited for in any case
        done: Callable[[StorageError | None], None],
    ) -> None:
        def add() -> None:
            with _transaction(self._database, "IMMEDIATE"):
                try:
                    self._database.execute("INSERT INTO records VALUES (?, ?)", (position, text))
                except sqlite3.IntegrityError:
                    raise FencedError(
                        f"journal {self.name!r} was taken over by another process; stop here"
                    ) from None
                self._database.executemany("DELETE FROM records WHERE position BETWEEN ? AND ?", discard)
                if discard:
                    self._database.execute("UPDATE room SET start = ?", (position,))
            self._check_place()

        self._call(add, done)

    def reaches(self, position: int, done: Callable[[bool | StorageError], None]) -> None:
        def reaches() -> bool:
            self._check_place()
            query = "SELECT EXISTS (SELECT 1 FROM records WHERE position >= ?)"
            return bool(self._database.execute(query, (position,)).fetchone()[0])

        self._call(reaches, done)

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True

        def close() -> None:
            for connection in (self._database, self._lock):
                if connection is not None:
                    connection.close()

        self._worker.submit(close)
        self._worker.shutdown(wait=False)

    def _check_place(self) -> None:
        """Make sure that what was written will be found: a file may be deleted while it is open."""
        if self._gone is None and _identity(self._path) != self._file:
            self._gone = StorageError(
                f"journal {self.name!r} was deleted: {self._path} is not the file any more that was opened"
            )
        if self._gone is not None:
            raise self._gone

    def _call(self, work: Callable[[], _Outcome], done: Callable[[_Outcome | StorageError], None]) -> None:
        """Have the worker do `work`, and hand its outcome over."""
        if self._is_closed:
            raise LocalProtocolError(f"journal {self.name!r} was closed; open it again to use it")

        def run() -> None:
            outcome: _Outcome | StorageError
            try:
                outcome = work()
            except StorageError as error:
                outcome = error
            except (sqlite3.Error, OSError) as error:
                outcome = sqlite_error(self.name, self._path, error)
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(answer, outcome)

        def answer(outcome: _Outcome | StorageError) -> None:
            if not self._is_closed:
                done(outcome)
            if self._gone is not None and not self._is_closed and self.on_closed is not None:
                on_closed, self.on_closed = self.on_closed, None
                on_closed(self._gone)

        self._worker.submit(run)


def dump_file(path: Path, name: str) -> list[tuple[Any, str]] | None:
    """Return all records in a file, in order, as far as they can be read; None if there is no file.

    Raises:
        StorageError: If nothing can be read.
    """
    if not path.exists():
        return None
    records: list[tuple[Any, str]] = []
    try:
        with contextlib.closing(_connect(path)) as database:
            for position, text in database.execute("SELECT position, text FROM records ORDER BY position"):
                records.append((position, text if isinstance(text, str) else ""))
    except sqlite3.Error as error:
        if not records:
            raise sqlite_error(name, path, error) from error
    return records


def delete_file(path: Path, name: str) -> None:
    """Delete a file, if it is there and no other process has it.

    Raises:
        StorageError: If another process has it, or it may not be deleted.
    """
    try:
        if path.exists():
            with contextlib.closing(_hold(path)):
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{path}{suffix}").unlink(missing_ok=True)
        Path(f"{path}-lock").unlink(missing_ok=True)
    except (sqlite3.Error, OSError) as error:
        raise sqlite_error(name, path, error) from error


def room_in(path: Path) -> str | None:
    """Return the name of the room that a file is for, None if it is none of this package's."""
    with contextlib.suppress(sqlite3.Error, StorageError), contextlib.closing(_connect(path)) as database:
        if _is_ours(database):
            return str(_read_room(database, path)[0])
    return None


def sqlite_error(name: str, path: Path, error: Exception) -> StorageError:
    """Make a failure of SQLite, or of the file system, an error that says what to do."""
    kind = getattr(error, "sqlite_errorname", "")
    advice = next((advice for prefix, advice in _ADVICE.items() if kind.startswith(prefix)), "")
    seen = f"journal {name!r} in {path}: {error}"
    return StorageError(f"{seen} ({advice})" if advice else seen)


_MAY_NOT: Final = "see to whom the file and its directory belong, and who may write there"
_DAMAGED: Final = (
    "nothing was changed; --export prints what can be read, and once the file is moved away the room "
    "is fetched again from the others"
)
_ADVICE: Final = {
    "SQLITE_FULL": "the disk is full; what was stored before is intact, what was being written is not "
    "stored: free some space, and the room goes on by itself",
    "SQLITE_BUSY": "another program holds the file: end that one, or wait for it",
    "SQLITE_READONLY": _MAY_NOT,
    "SQLITE_CANTOPEN": _MAY_NOT,
    "SQLITE_PERM": _MAY_NOT,
    "SQLITE_CORRUPT": f"the file is damaged: {_DAMAGED}",
    "SQLITE_NOTADB": f"it is no database, or damaged: {_DAMAGED}",
    "SQLITE_IOERR": "the disk fails; what was stored before is intact as far as the disk is",
}


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    # What is no UTF-8 any more does not match its checksum either; that error says where it is.
    database.text_factory = lambda data: data.decode("utf-8", "replace")
    return database


def _open(path: Path, name: str) -> sqlite3.Connection:
    database = _connect(path)
    try:
        database.execute("PRAGMA journal_mode = WAL")  # one wait for the disk at each commit, not three
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA fullfsync = ON")  # on macOS; elsewhere the disk is waited for anyway
        with _transaction(database, "IMMEDIATE"):
            _lay_out(database, path, name)
    except BaseException:
        database.close()
        raise
    return database


def _lay_out(database: sqlite3.Connection, path: Path, name: str) -> None:
    """Create the tables in an empty file, or make sure that they are what they should be.

    Raises:
        StorageError: If they are not.
    """
    if not database.execute("SELECT 1 FROM sqlite_schema").fetchone():
        for statement in _TABLES:
            database.execute(statement)
        database.execute("INSERT INTO room VALUES (?, 0)", (name,))
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")
        return
    if not _is_ours(database):
        raise StorageError(f"{path} is a database of something else; it is left as it is")
    ((version,),) = database.execute("PRAGMA user_version")
    if version != LAYOUT_VERSION:
        raise StorageError(
            f"{path} has layout {version}, and this program reads {LAYOUT_VERSION}: "
            "a newer version of this package wrote it, install that one"
        )
    found, _ = _read_room(database, path)
    if found != name:
        raise StorageError(f"{path} holds the room {found!r}, not {name!r}: was it renamed, or copied?")


def _read_room(database: sqlite3.Connection, path: Path) -> tuple[Any, Any]:
    """Return the name of the room that a file of this package is for, and where its records start.

    Raises:
        StorageError: If it does not say so once.
    """
    rows = database.execute("SELECT name, start FROM room").fetchall()
    if len(rows) != 1:
        raise StorageError(f"{path} names {len(rows)} rooms, expected one: the file is damaged: {_DAMAGED}")
    name, start = rows[0]
    return name, start


def _is_ours(database: sqlite3.Connection) -> bool:
    ((found,),) = database.execute("PRAGMA application_id")
    return bool(found == APPLICATION_ID)


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection, kind: str) -> Iterator[None]:
    database.execute(f"BEGIN {kind}")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _hold(path: Path) -> sqlite3.Connection:
    """Hold the right to be the only process with this file; the system takes it from one that dies.

    By an exclusive transaction in a database beside it: every system has that lock,
    and readers are not kept from the file itself.

    Raises:
        StorageError: If another process has it, and keeps it for some seconds.
    """
    lock = sqlite3.connect(f"{path}-lock", timeout=BUSY_S, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if getattr(error, "sqlite_errorname", "") != "SQLITE_BUSY":
            raise
        raise StorageError(
            f"{path} is in use by another process, and one at a time may be a room's member with it: "
            "end that process, or keep the room in another directory"
        ) from error
    return lock


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
