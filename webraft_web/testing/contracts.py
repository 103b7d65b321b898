"""The contract of `storage.base`, as a suite for anything that claims to honour it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from webraft_web.core.entry import Configuration, Entry, EntryKind, HardState, Snapshot
from webraft_web.core.errors import FencedError, StorageError
from webraft_web.storage.base import Batch, Identity, Storage, StoredState

OpenStorage = Callable[[str], Awaitable[Storage]]

_IDENTITY: Final = Identity("here", "1", "cluster", True)
_CONFIGURATION: Final = Configuration(("1@here",), ("1@there",))


async def check_storage(open_storage: OpenStorage, *, fenced: bool = False) -> None:
    """Fail with an AssertionError unless a storage keeps the promise of `storage.base`.

    Args:
        open_storage: Opens the store of the given name, an empty one if the name is
            new, as a server's start would; the same name again is a restart.
        fenced: Whether opening a store again shuts out whoever opened it before.
    """
    await _check_empty(open_storage)
    await _check_every_field_survives(open_storage)
    await _check_log_is_replaced_from_an_index_on(open_storage)
    await _check_snapshot_drops_the_log(open_storage)
    await _check_snapshot_and_entries_at_once(open_storage)
    await _check_reset(open_storage)
    await _check_gap_is_refused(open_storage)
    await _check_text_is_kept_exactly(open_storage)
    await _check_names_are_apart(open_storage)
    await _check_many_batches(open_storage)
    if fenced:
        await _check_fence(open_storage)


async def _check_empty(open_storage: OpenStorage) -> None:
    """A new store holds nothing, and a fence check leaves it so."""
    storage = await open_storage("empty")
    assert await _load(storage) is None, "a new store must load as None"
    assert await _persist(storage, Batch()) is None, "an empty batch must succeed on an empty store"
    assert await _load(storage) is None, "an empty batch must write nothing"


async def _check_every_field_survives(open_storage: OpenStorage) -> None:
    """All that one batch carries is there after a restart."""
    storage = await open_storage("fields")
    snapshot = Snapshot(4, 2, _CONFIGURATION, "state", 3)
    entries = [_entry(5, 2), Entry(3, 6, EntryKind.CONFIGURATION, "", _CONFIGURATION)]
    await _write(storage, Batch(False, _IDENTITY, HardState(3, "1@there", 5), snapshot, entries))
    state = await _reloaded(open_storage, storage, "fields")
    assert state.identity == _IDENTITY
    assert state.hard_state == HardState(3, "1@there", 5)
    _assert_log(state, snapshot, entries)
    storage = await open_storage("fields")
    await _write(storage, Batch(hard_state=HardState(4, None, 6)))
    state = await _reloaded(open_storage, storage, "fields")
    assert state.hard_state == HardState(4, None, 6), "a hard state replaces the last one"
    assert state.identity == _IDENTITY, "fields that a batch leaves empty must not change"
    _assert_log(state, snapshot, entries)


async def _check_log_is_replaced_from_an_index_on(open_storage: OpenStorage) -> None:
    """Entries drop whatever was stored at and after their first index."""
    storage = await open_storage("replaced")
    await _write(storage, Batch(identity=_IDENTITY, entries=[_entry(index, 1) for index in range(1, 6)]))
    await _write(storage, Batch(entries=[_entry(3, 2)]))
    _assert_log(
        await _reloaded(open_storage, storage, "replaced"), None, [_entry(1, 1), _entry(2, 1), _entry(3, 2)]
    )


async def _check_snapshot_drops_the_log(open_storage: OpenStorage) -> None:
    """A snapshot drops the log up to its index, and all of it where the log disagrees."""
    for name, term, kept in (("agreeing", 1, [_entry(4, 1), _entry(5, 1)]), ("contradicting", 2, [])):
        storage = await open_storage(name)
        await _write(storage, Batch(identity=_IDENTITY, entries=[_entry(index, 1) for index in range(1, 6)]))
        snapshot = Snapshot(3, term, _CONFIGURATION, "state")
        await _write(storage, Batch(snapshot=snapshot))
        _assert_log(await _reloaded(open_storage, storage, name), snapshot, kept)
    storage = await open_storage("beyond")
    await _write(storage, Batch(identity=_IDENTITY, entries=[_entry(1, 1)]))
    snapshot = Snapshot(9, 1, _CONFIGURATION, None)
    await _write(storage, Batch(snapshot=snapshot))
    _assert_log(await _reloaded(open_storage, storage, "beyond"), snapshot, [])


async def _check_snapshot_and_entries_at_once(open_storage: OpenStorage) -> None:
    """Of one batch the snapshot comes first, then the entries."""
    storage = await open_storage("at once")
    await _write(storage, Batch(identity=_IDENTITY, entries=[_entry(index, 1) for index in range(1, 6)]))
    snapshot = Snapshot(3, 1, _CONFIGURATION, "state")
    await _write(storage, Batch(snapshot=snapshot, entries=[_entry(5, 2)]))
    _assert_log(await _reloaded(open_storage, storage, "at once"), snapshot, [_entry(4, 1), _entry(5, 2)])


async def _check_reset(open_storage: OpenStorage) -> None:
    """A reset forgets everything, then the rest of the batch is stored."""
    storage = await open_storage("reset")
    old = Batch(False, _IDENTITY, HardState(7, "1@here", 3), Snapshot(3, 1, _CONFIGURATION, "state"))
    await _write(storage, old)
    identity = Identity("here", "2", None, False)
    await _write(storage, Batch(reset=True, identity=identity, entries=[_entry(1, 1)]))
    state = await _reloaded(open_storage, storage, "reset")
    assert state.identity == identity
    assert state.hard_state == HardState()
    _assert_log(state, None, [_entry(1, 1)])


async def _check_gap_is_refused(open_storage: OpenStorage) -> None:
    """Entries that cannot follow the log are an error, and nothing of their batch counts."""
    storage = await open_storage("gap")
    await _write(storage, Batch(identity=_IDENTITY, entries=[_entry(1, 1)]))
    error = await _persist(storage, Batch(hard_state=HardState(9), entries=[_entry(3, 1)]))
    assert isinstance(error, StorageError), "entries that leave a gap must be refused"
    state = await _reloaded(open_storage, storage, "gap")
    assert state.hard_state == HardState(), "nothing of a refused batch may be stored"
    _assert_log(state, None, [_entry(1, 1)])


async def _check_text_is_kept_exactly(open_storage: OpenStorage) -> None:
    """Any text survives: empty, large, with quotes, NUL and characters beyond the BMP."""
    texts = ["", '"\\\u2028\0', "\U0001f6f6 \u00e9", "x" * 100_000]
    storage = await open_storage("text")
    entries = [Entry(1, index, EntryKind.COMMAND, text) for index, text in enumerate(texts, 1)]
    await _write(storage, Batch(identity=_IDENTITY, entries=entries))
    _assert_log(await _reloaded(open_storage, storage, "text"), None, entries)


async def _check_names_are_apart(open_storage: OpenStorage) -> None:
    """Two stores do not see each other."""
    first, second = await open_storage("first"), await open_storage("second")
    await _write(first, Batch(identity=_IDENTITY))
    assert await _load(second) is None, "stores of different names must not share anything"


async def _check_many_batches(open_storage: OpenStorage) -> None:
    """Hundreds of batches add up, with a snapshot every now and then."""
    storage = await open_storage("many")
    await _write(storage, Batch(identity=_IDENTITY))
    snapshot = None
    for index in range(1, 301):
        await _write(storage, Batch(hard_state=HardState(1, None, index - 1), entries=[_entry(index, 1)]))
        if index % 97 == 0:
            snapshot = Snapshot(index - 10, 1, _CONFIGURATION, f"state at {index - 10}")
            await _write(storage, Batch(snapshot=snapshot))
    state = await _reloaded(open_storage, storage, "many")
    assert state.hard_state == HardState(1, None, 299)
    _assert_log(state, snapshot, [_entry(index, 1) for index in range(282, 301)])


async def _check_fence(open_storage: OpenStorage) -> None:
    """Whoever opened the store first can neither write nor pass for its writer any more."""
    old = await open_storage("fenced")
    await _write(old, Batch(identity=_IDENTITY, entries=[_entry(1, 1)]))
    new = await open_storage("fenced")
    assert isinstance(await _persist(old, Batch()), FencedError), "a fence check must find the takeover"
    error = await _persist(old, Batch(entries=[_entry(2, 1)]))
    assert isinstance(error, FencedError), "a write must be refused after a takeover"
    await _write(new, Batch(entries=[_entry(2, 2)]))
    _assert_log(await _reloaded(open_storage, new, "fenced"), None, [_entry(1, 1), _entry(2, 2)])


def _entry(index: int, term: int) -> Entry:
    return Entry(term, index, EntryKind.COMMAND, f"command {index} of term {term}")


def _assert_log(state: StoredState, snapshot: Snapshot | None, entries: list[Entry]) -> None:
    assert list(state.entries) == entries, f"stored {list(state.entries)}, expected {entries}"
    assert (state.snapshot is None) == (snapshot is None), f"stored {state.snapshot}, expected {snapshot}"
    if state.snapshot is not None and snapshot is not None:
        for field in ("last_index", "last_term", "configuration", "data", "first_command_index"):
            found, expected = getattr(state.snapshot, field), getattr(snapshot, field)
            assert found == expected, f"the snapshot's {field} is {found!r}, expected {expected!r}"


async def _reloaded(open_storage: OpenStorage, storage: Storage, name: str) -> StoredState:
    """Restart: close the store, open it again, return what is there."""
    storage.close()
    state = await _load(await open_storage(name))
    assert state is not None, f"the store {name!r} lost everything in a restart"
    return state


async def _write(storage: Storage, batch: Batch) -> None:
    error = await _persist(storage, batch)
    assert error is None, f"a rightful batch was refused: {error}"


async def _persist(storage: Storage, batch: Batch) -> StorageError | None:
    future: asyncio.Future[StorageError | None] = asyncio.get_running_loop().create_future()
    storage.persist(batch, future.set_result)
    return await future


async def _load(storage: Storage) -> StoredState | None:
    future: asyncio.Future[StoredState | StorageError | None] = asyncio.get_running_loop().create_future()
    storage.load(future.set_result)
    state = await future
    assert not isinstance(state, StorageError), f"loading failed: {state}"
    return state
