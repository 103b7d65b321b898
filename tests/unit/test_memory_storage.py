"""MemoryStorage, and the replaying of batches that every storage shares."""

import pytest

from webraft_web.core.entry import Configuration, Entry, HardState, Snapshot
from webraft_web.core.errors import StorageError
from webraft_web.storage.base import Batch, Identity, Storage
from webraft_web.storage.memory import MemoryStorage
from webraft_web.storage.replay import Replay
from webraft_web.testing import check_storage, run

IDENTITY = Identity("here", "1")


def test_memory_storage_keeps_the_promise_of_every_storage() -> None:
    """The public contract suite passes."""
    stores: dict[str, MemoryStorage] = {}

    async def open_storage(name: str) -> Storage:
        return stores.setdefault(name, MemoryStorage())

    run(check_storage(open_storage))


def test_memory_storage_answers_before_it_returns() -> None:
    """No event loop is needed between a call and its answer."""
    storage = MemoryStorage()
    answers: list[object] = []
    storage.persist(Batch(identity=IDENTITY), answers.append)
    storage.load(answers.append)
    assert answers[0] is None
    assert answers[1].identity == IDENTITY


def test_a_store_without_an_identity_is_refused() -> None:
    """Term and vote must never outlive the knowledge of whose they are."""
    storage = MemoryStorage()
    answers: list[object] = []
    storage.persist(Batch(hard_state=HardState(1)), answers.append)
    storage.persist(Batch(reset=True), answers.append)
    assert [type(answer) for answer in answers] == [StorageError, StorageError]


@pytest.mark.parametrize(
    "batch",
    [
        Batch(entries=[Entry(1, 5)]),
        Batch(entries=[Entry(1, 2)]),
        Batch(snapshot=Snapshot(9, 1, Configuration()), entries=[Entry(1, 11)]),
        Batch(snapshot=Snapshot(9, 1, Configuration()), entries=[Entry(1, 9)]),
        Batch(reset=True, identity=IDENTITY, entries=[Entry(1, 4)]),
    ],
)
def test_a_batch_that_cannot_follow_changes_nothing(batch: Batch) -> None:
    """Gaps and entries below the snapshot are refused before anything is touched."""
    replay = Replay()
    replay.apply(Batch(identity=IDENTITY, snapshot=Snapshot(2, 1, Configuration()), entries=[Entry(1, 3)]))
    before = replay.state()
    with pytest.raises(StorageError):
        replay.apply(batch)
    assert replay.state() == before


def test_an_old_snapshot_again_keeps_the_log() -> None:
    """Persisting the same snapshot twice is harmless."""
    replay = Replay()
    snapshot = Snapshot(2, 1, Configuration(), "state")
    replay.apply(Batch(identity=IDENTITY, snapshot=snapshot, entries=[Entry(1, 3)]))
    replay.apply(Batch(snapshot=snapshot))
    assert replay.state().entries == (Entry(1, 3),)


def test_a_reset_forgets_everything() -> None:
    """A server that starts afresh has no log, no snapshot and no vote of the one before it."""
    configuration = Configuration(("1@here",))
    entries = tuple(Entry(1, index) for index in range(4, 7))
    replay = Replay()
    snapshot = Snapshot(3, 1, configuration, "state")
    replay.apply(Batch(identity=IDENTITY, hard_state=HardState(2, "1@here", 3), snapshot=snapshot))
    replay.apply(Batch(entries=entries))
    replay.apply(Batch(reset=True, identity=Identity("here", "2")))
    assert replay.state() == (Identity("here", "2"), HardState(), None, ())
