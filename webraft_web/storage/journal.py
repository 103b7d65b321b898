"""The journal: what it promises to its writer, what its records say, and what they amount to.

The logic of `indexed_db` without its traffic. A journal is a sequence of text
records at the positions 1, 2, 3, … to which one record is added at a time. A
record is a JSON list `[RECORD_VERSION, kind, body]` after a checksum of it and
of its position, in eight hexadecimal digits; one of version 1 has no checksum,
and is replaced by the next checkpoint:

- a *takeover* (body: who) says that from here on another writer's records
  count. It is never discarded: a writer that was taken over, however long
  ago, collides with it when it next writes.
- a *batch* (body: `wire.encode_batch`) is one atomic write of a server. One
  that resets and carries everything is a *checkpoint*: nothing before it is
  needed, and everything but the takeovers may be discarded.

What can go wrong with them? A transaction is never torn, and a browser that
gives up a database gives up all of it. But a browser keeps large values, as
checkpoints are, in files of their own, where nothing notices that a bit has
changed; any script of the origin can write here; and programs have bugs. So
each record is checked, by its checksum and by what it says, and so is that none
is missing: a damaged journal is an error, and neither begun anew nor taken over.
That the last records are missing cannot be seen from those that are left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol
from zlib import crc32

from webraft_web import wire
from webraft_web.core.errors import RemoteProtocolError, StorageError
from webraft_web.storage.base import Batch, StoredState
from webraft_web.storage.replay import Replay

RECORD_VERSION: Final = 2
"""Raised whenever records change their meaning, the document's snapshots in them included.

The layout in `js_glue/src/journal.js` is raised with it: that keeps older programs from the database.
"""

RECORD_OVERHEAD: Final = 256
"""What a record costs besides its text: a key, a lookup, a crossing into Python."""

CHECKPOINT_AFTER: Final = 128 * 1024
"""A checkpoint is due when the records since the last one cost this much, and as much as it did.

Low, because a takeover reads the journal while everybody waits, and a checkpoint
is read several times faster than the records that it replaces.
"""

_TAKEOVER: Final = "takeover"
_BATCH: Final = "batch"


class JournalStore(Protocol):
    """One open end of a journal, whose positions are each written once.

    Every method answers exactly once, later, in the order of the calls; after
    `close` nothing is answered any more. An answer is a StorageError where the
    store failed, or was closed from outside.
    """

    name: str
    on_closed: Callable[[StorageError], None] | None
    """Called once if the store is closed from outside: deleted, or removed by the browser."""

    def load(self, done: Callable[[list[tuple[int, str]] | StorageError], None]) -> None:
        """Hand over the records with their positions, in order, as of one moment.

        All of them, or only those from the last one on that discarded others:
        takeovers are many after a year, and nobody needs to read the old ones.
        If that one is missing, or any is no text, it is handed over as "".
        """

    def add(
        self,
        position: int,
        text: str,
        *,
        discard: Sequence[tuple[int, int]] = (),
        strict: bool = False,
        done: Callable[[StorageError | None], None],
    ) -> None:
        """Write `text` at `position` and discard ranges of positions, both or neither.

        Args:
            position: Where; if it is taken, `done` gets a FencedError.
            text: Any text.
            discard: Ranges (first, last), both included.
            strict: Whether to wait until the operating system has it on disk.
            done: Called once it is durable, or why it is not.
        """

    def reaches(self, position: int, done: Callable[[bool | StorageError], None]) -> None:
        """Tell whether `position`, or any after it, is taken, as of a moment after the call."""

    def close(self) -> None:
        """Let go. What is under way may still be written; idempotent."""


class NewRecord(NamedTuple):
    """What is to be added to a journal: the arguments of `JournalStore.add`."""

    position: int
    text: str
    discard: list[tuple[int, int]]


class Journal:
    """What the records of one journal amount to, and what its next record is.

    Args:
        name: For error messages.
        records: As `JournalStore.load` hands them over.

    Raises:
        StorageError: If a record that is still needed cannot be read, is
            missing, or does not follow its predecessors: says which and why.
    """

    def __init__(self, name: str, records: Sequence[tuple[int, str]] = ()) -> None:
        self._name = name
        self._replay = Replay()
        # Where the last checkpoint stands; below it nothing but takeovers is left.
        self._first = 1
        self._tail = 0
        # From `_first` on; older ones play no part any more.
        self._takeovers: list[int] = []
        self._checkpoint_cost = 0
        self._cost_since = 0
        self._read(records)

    @property
    def next_position(self) -> int:
        """Where the next record goes: one after the last."""
        return self._tail + 1

    def state(self) -> StoredState | None:
        """Return what is stored, None if nothing is."""
        return self._replay.state()

    def append_takeover(self, runner: str) -> NewRecord:
        """Count a takeover by `runner` as stored, and return the record that makes it so."""
        record = NewRecord(self.next_position, _encode(self.next_position, _TAKEOVER, runner), [])
        self._count(record.position, len(record.text), None)
        return record

    def append(self, batch: Batch) -> NewRecord:
        """Count `batch` as stored, and return the record that makes it so.

        It is written as a checkpoint when much has gathered since the last one,
        or when it brings a snapshot: that is when most of the journal has become
        superfluous.

        Raises:
            StorageError: If it cannot follow what is stored; nothing is changed.
        """
        self._replay.apply(batch)
        if batch.snapshot is not None or self._cost_since >= max(CHECKPOINT_AFTER, self._checkpoint_cost):
            batch = self._checkpoint()
        discard = self._discardable() if batch.reset else []
        position = self.next_position
        record = NewRecord(position, _encode(position, _BATCH, wire.encode_batch(batch)), discard)
        self._count(record.position, len(record.text), batch)
        return record

    def _read(self, records: Sequence[tuple[int, str]]) -> None:
        needed: list[tuple[int, int, Batch | None]] = []
        for position, text in reversed(records):
            batch = self._decode(position, text)
            needed.append((position, len(text), batch))
            if batch is not None and batch.reset:
                self._tail = position - 1
                break
        for position, size, batch in reversed(needed):
            if position != self.next_position:
                raise self._damaged(self.next_position, f"is missing, and position {position} is there")
            if batch is not None:
                try:
                    self._replay.apply(batch)
                except StorageError as error:
                    raise self._damaged(position, str(error)) from error
            self._count(position, size, batch)

    def _count(self, position: int, size: int, batch: Batch | None) -> None:
        """Note that `position` holds a record: a takeover if `batch` is None."""
        self._tail = position
        cost = size + RECORD_OVERHEAD
        if batch is None:
            self._takeovers.append(position)
            self._cost_since += cost
        elif batch.reset:
            self._first = position
            self._takeovers = []
            self._checkpoint_cost = cost
            self._cost_since = 0
        else:
            self._cost_since += cost

    def _checkpoint(self) -> Batch:
        state = self._replay.state()
        if state is None:
            raise AssertionError("a batch was applied, so there is an identity")
        return Batch(True, state.identity, state.hard_state, state.snapshot, state.entries)

    def _discardable(self) -> list[tuple[int, int]]:
        """Return the ranges of positions that a checkpoint at the next one supersedes: takeovers stay."""
        ranges = []
        first = self._first
        for fence in [*self._takeovers, self.next_position]:
            if first < fence:
                ranges.append((first, fence - 1))
            first = fence + 1
        return ranges

    def _decode(self, position: int, text: str) -> Batch | None:
        """Read one record; None for a takeover."""
        try:
            return read_record(position, text)
        except StorageError as error:
            raise self._damaged(position, str(error)) from error

    def _damaged(self, position: int, what: str) -> StorageError:
        return StorageError(
            f"journal {self._name!r}: the record at position {position} {what}. Nothing was changed: "
            f"export_room({self._name!r}) saves what can be read, and delete_room({self._name!r}) makes way"
        )


def read_record(position: object, text: str) -> Batch | None:
    """Return the batch that a record holds, None for a takeover.

    Raises:
        StorageError: If it is damaged; says how, but not where.
    """
    if not text:
        raise StorageError("is missing, or no text")
    # Of version 1, before there were checksums.
    is_old = text[0] == "["
    payload = text if is_old else text[_CHECKSUM_SIZE:]
    if type(position) is not int or not (is_old or text[:_CHECKSUM_SIZE] == _checksum(position, payload)):
        raise StorageError("does not match its checksum: it is damaged, or not from here")
    try:
        version, kind, body = json.loads(payload)
    except (ValueError, TypeError, RecursionError) as error:
        raise StorageError(f"is no list of version, kind and body: {error}") from error
    if version != (1 if is_old else RECORD_VERSION):
        raise StorageError(
            f"has version {str(version)[:20]}, and this program reads {RECORD_VERSION}: "
            "reload the page to get the newest program"
        )
    if kind == _TAKEOVER:
        return None
    if kind != _BATCH:
        raise StorageError(f"is of the unknown kind {str(kind)[:20]!r}")
    try:
        return wire.decode_batch(body)
    except RemoteProtocolError as error:
        raise StorageError(f"holds an unreadable batch: {error}") from error


def salvage(records: Sequence[tuple[object, str]]) -> tuple[StoredState | None, list[str]]:
    """Return the newest state that can be read, and what is wrong with the records, if anything is.

    Args:
        records: All there are, in order of their positions, however damaged.
    """
    replay, problems = Replay(), list[str]()
    is_whole = True
    expected: object = 1
    for position, text in records:
        problem, batch = "", None
        try:
            batch = read_record(position, text)
            if batch is not None and batch.reset:
                replay, problems, is_whole, expected = Replay(), [], True, position
            if position != expected:
                problem = f"the record at position {expected} is missing"
            elif batch is not None and is_whole:
                replay.apply(batch)
        except StorageError as error:
            problem = f"the record at position {position} {error}"
        if problem:
            is_whole = False
            problems.append(problem)
        expected = position + 1 if type(position) is int else 0
    return replay.state(), problems


_CHECKSUM_SIZE: Final = 8
_dumps = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def _encode(position: int, kind: str, body: Any) -> str:
    payload = _dumps([RECORD_VERSION, kind, body])
    return _checksum(position, payload) + payload


def _checksum(position: int, payload: str) -> str:
    return f"{crc32(payload.encode(errors='surrogatepass'), position & 0xFFFFFFFF):08x}"
