"""The fenced journal: what survives, who may write, and what happens to damage."""

import asyncio
import json
import random

import pytest

from webraft_web import wire
from webraft_web.core.entry import Configuration, Entry, HardState, Snapshot
from webraft_web.core.errors import FencedError, LocalProtocolError, StorageError
from webraft_web.storage import journal as journal_module
from webraft_web.storage.base import Batch, Identity, StoredState
from webraft_web.storage.indexed_db import JournalStorage
from webraft_web.storage.journal import Journal
from webraft_web.storage.memory import MemoryStorage
from webraft_web.testing import check_storage, run
from webraft_web.testing.journal import MemoryJournal, check_journal

IDENTITY = Identity("site", "0" * 32, "cluster")
FIRST = Batch(identity=IDENTITY, hard_state=HardState(1, None, 0))


class Browser:
    """A journal, the pages at it, and turns of their event loops that a test hands out."""

    def __init__(self):
        self.journal = MemoryJournal("room")
        self._turns = []

    def page(self):
        return JournalStorage(self.journal.open(self._turns.append), runner="tab")

    def settle(self, turns=()):
        self._turns.extend(turns)
        while self._turns:
            self._turns.pop(0)()

    def take_turns(self):
        """Take what is due out of the loop: a page that sleeps runs it once it wakes."""
        turns = list(self._turns)
        self._turns.clear()
        return turns

    def ask(self, call, *args):
        """Make one call and return what it answers."""
        answers = []
        call(*args, answers.append)
        self.settle()
        (answer,) = answers
        return answer

    def runner(self):
        storage = self.page()
        assert not isinstance(self.ask(storage.take_over), StorageError)
        return storage

    def stored(self):
        records = self.ask(self.journal.open(self._turns.append).load)
        return Journal("room", records).state()


@pytest.fixture
def browser():
    return Browser()


def entries(first, last, term=1):
    return [Entry(term, index, data=f"command {index}") for index in range(first, last + 1)]


def snapshot(index, term=1):
    return Snapshot(index, term, Configuration(("a",)), "state")


def comparable(state):
    if state is None or state.snapshot is None:
        return state
    return state._replace(snapshot=wire.encode_snapshot(state.snapshot))


def test_a_journal_keeps_what_every_storage_has_to_keep():
    """The contract suite for storages holds, with a fence."""
    journals = {}

    async def open_storage(name):
        journal = journals.setdefault(name, MemoryJournal(name))
        storage = JournalStorage(journal.open(asyncio.get_running_loop().call_soon))
        taken_over = asyncio.get_running_loop().create_future()
        storage.take_over(taken_over.set_result)
        await taken_over
        return storage

    run(check_storage(open_storage, fenced=True))


def test_a_simulated_journal_keeps_what_the_real_one_is_held_to():
    """The same contract is checked over IndexedDB in real tabs."""
    journals = {}

    async def open_store(name):
        journal = journals.setdefault(name, MemoryJournal(name))
        return journal.open(asyncio.get_running_loop().call_soon)

    async def delete(name):
        journals.pop(name).delete()

    run(check_journal(open_store, delete))


def test_a_new_journal_holds_nothing_but_its_first_takeover(browser):
    """Taking over an empty journal finds nothing and leaves one record."""
    assert browser.ask(browser.page().take_over) is None
    assert list(browser.journal.records) == [1]


def test_a_successor_finds_exactly_what_its_predecessor_stored(browser):
    """Everything that was answered with success is there, and nothing else."""
    storage = browser.runner()
    for batch in (
        FIRST,
        Batch(entries=entries(1, 3)),
        Batch(hard_state=HardState(1, "a", 2), entries=entries(3, 4, 2)),
    ):
        assert browser.ask(storage.persist, batch) is None
    found = browser.ask(browser.page().take_over)
    assert found == StoredState(IDENTITY, HardState(1, "a", 2), None, (*entries(1, 2), *entries(3, 4, 2)))


def test_whoever_was_taken_over_can_write_nothing_more(browser):
    """The position that a zombie wants is taken by the record that took it over."""
    zombie = browser.runner()
    browser.ask(zombie.persist, FIRST)
    successor = browser.runner()
    before = dict(browser.journal.records)
    assert isinstance(browser.ask(zombie.persist, Batch(entries=entries(1, 1))), FencedError)
    assert browser.journal.records == before
    assert browser.ask(successor.persist, Batch(entries=entries(1, 1))) is None
    assert isinstance(browser.ask(zombie.persist, Batch()), FencedError)


def test_an_empty_batch_writes_nothing_and_learns_of_a_takeover(browser):
    """A fence check reads, and tells a rightful writer from one that was taken over."""
    storage = browser.runner()
    before = dict(browser.journal.records)
    assert browser.ask(storage.persist, Batch()) is None
    assert browser.journal.records == before
    browser.runner()
    assert isinstance(browser.ask(storage.persist, Batch()), FencedError)


def test_no_checkpoint_ever_discards_a_takeover(browser):
    """However often its successors tidy up, a zombie finds its position taken."""
    zombie = browser.runner()
    browser.ask(zombie.persist, FIRST)
    taken = []
    for index in range(1, 6):
        storage = browser.runner()
        taken.append(max(browser.journal.records))
        assert browser.ask(storage.persist, Batch(entries=entries(index, index))) is None
        assert browser.ask(storage.persist, Batch(snapshot=snapshot(index))) is None
    assert set(taken) < set(browser.journal.records)
    assert isinstance(browser.ask(zombie.persist, Batch(entries=entries(1, 1))), FencedError)
    assert comparable(browser.stored()).snapshot[0] == 5


def test_a_takeover_that_slept_after_reading_reads_again(browser):
    """What it read is superseded, and the position it wants may be free once more: it counts for nothing."""
    awake = browser.runner()
    browser.ask(awake.persist, FIRST)
    sleeper, found = browser.page(), []
    sleeper.take_over(found.append)
    asleep = browser.take_turns()
    for index in range(1, 6):
        assert browser.ask(awake.persist, Batch(entries=entries(index, index))) is None
    assert browser.ask(awake.persist, Batch(snapshot=snapshot(5))) is None
    browser.settle(asleep)
    assert [comparable(state).snapshot[0] for state in found] == [5]
    assert isinstance(browser.ask(awake.persist, Batch()), FencedError)
    assert browser.ask(sleeper.persist, Batch(entries=entries(6, 6))) is None
    assert browser.stored().entries == tuple(entries(6, 6))


def test_a_snapshot_leaves_one_record_and_the_takeovers(browser):
    """What a snapshot supersedes is discarded in the very same write."""
    storage = browser.runner()
    browser.ask(storage.persist, FIRST)
    for index in range(1, 10):
        browser.ask(storage.persist, Batch(entries=entries(index, index)))
    browser.ask(storage.persist, Batch(snapshot=snapshot(7)))
    assert list(browser.journal.records) == [1, 12]
    assert browser.stored().entries == tuple(entries(8, 9))


def test_many_small_records_become_one(browser, monkeypatch):
    """A journal without snapshots stays short too, and says the same."""
    monkeypatch.setattr(journal_module, "CHECKPOINT_AFTER", 5000)
    storage = browser.runner()
    browser.ask(storage.persist, FIRST)
    for term in range(1, 500):
        browser.ask(storage.persist, Batch(hard_state=HardState(term)))
    assert len(browser.journal.records) < 25
    assert browser.stored().hard_state == HardState(499)


def test_a_takeover_that_is_overtaken_reads_again(browser):
    """What was stored between its reading and its record belongs to what it finds."""
    storage = browser.runner()
    browser.ask(storage.persist, FIRST)
    found = []
    turns = browser._turns
    browser.page().take_over(found.append)
    storage.persist(Batch(entries=entries(1, 1)), found.append)
    assert len(turns) == 2
    browser.settle()
    assert found == [None, StoredState(IDENTITY, HardState(1, None, 0), None, tuple(entries(1, 1)))]


def test_of_two_that_take_over_at_once_one_is_left(browser):
    """Both read the same tail; the one whose record comes first is fenced by the other."""
    one, two = browser.page(), browser.page()
    found = []
    one.take_over(found.append)
    two.take_over(found.append)
    browser.settle()
    assert found == [None, None]
    answers = [browser.ask(storage.persist, FIRST) for storage in (one, two)]
    assert [type(answer) for answer in answers] == [FencedError, type(None)]


@pytest.mark.parametrize("strict", [True, False])
def test_a_strict_storage_waits_for_the_disk_with_every_write(strict):
    """Its takeover and each batch: what it acknowledges has to survive a power cut."""
    browser = Browser()
    store = browser.journal.open(browser._turns.append)
    add, asked = store.add, []

    def note(*arguments, **options):
        asked.append(options.get("strict", False))
        add(*arguments, **options)

    store.add = note
    storage = JournalStorage(store, strict=strict)
    browser.ask(storage.take_over)
    for batch in (FIRST, Batch(hard_state=HardState(2, None, 0))):
        assert browser.ask(storage.persist, batch) is None
    assert asked == [strict] * 3


def test_a_full_disk_loses_nothing_that_was_stored(browser):
    """The writer hears of it and stops; its successor finds all that was answered with success."""
    storage = browser.runner()
    browser.ask(storage.persist, FIRST)
    browser.journal.fail_next(StorageError("full"))
    assert str(browser.ask(storage.persist, Batch(entries=entries(1, 1)))) == "full"
    assert str(browser.ask(storage.persist, Batch(entries=entries(1, 2)))) == "full"
    assert browser.ask(browser.page().take_over) == StoredState(IDENTITY, HardState(1, None, 0))


@pytest.mark.parametrize("failing_call", [0, 1])
def test_a_failed_takeover_says_why_and_can_be_tried_again(browser, failing_call):
    """Neither a failed read nor a failed write leaves anything behind."""
    storage = browser.page()
    answers = []
    if failing_call == 0:
        browser.journal.fail_next(StorageError("broken"))
    storage.take_over(answers.append)
    if failing_call == 1:
        browser.journal.fail_next(StorageError("broken"))
    browser.settle()
    assert [str(answer) for answer in answers] == ["broken"]
    assert browser.ask(storage.take_over) is None


def test_a_deleted_journal_is_noticed_and_never_written(browser):
    """Open ends learn of a deletion, and a later write fails instead of founding half a journal."""
    storage = browser.runner()
    closings = []
    browser.journal.stores[0].on_closed = closings.append
    browser.journal.delete()
    browser.settle()
    assert [type(closing) for closing in closings] == [StorageError]
    assert isinstance(browser.ask(storage.persist, FIRST), StorageError)
    assert browser.journal.records == {}


def test_a_closed_storage_calls_nobody_back(browser):
    """What was under way is written, but nobody hears of it."""
    storage = browser.runner()
    storage.persist(FIRST, lambda _: pytest.fail("called back after close"))
    storage.close()
    browser.settle()
    assert browser.stored() == StoredState(IDENTITY, HardState(1, None, 0))


def test_writing_before_taking_over_is_a_mistake_of_the_caller(browser):
    """Nobody owns a journal that they did not take over."""
    with pytest.raises(LocalProtocolError, match="take_over"):
        browser.page().persist(FIRST, lambda _: None)


def test_a_batch_that_cannot_follow_is_refused_and_not_written(browser):
    """A gap in the log never reaches the journal."""
    storage = browser.runner()
    browser.ask(storage.persist, FIRST)
    before = dict(browser.journal.records)
    assert isinstance(browser.ask(storage.persist, Batch(entries=entries(3, 3))), StorageError)
    assert browser.journal.records == before


BATCH = json.dumps([1, "batch", wire.encode_batch(FIRST)])


@pytest.mark.parametrize(
    ("records", "complaint"),
    [
        ({1: ""}, "position 1 is missing, or no text"),
        ({1: "{"}, "position 1 does not match its checksum"),
        ({1: f"1234567g{BATCH}"}, "position 1 does not match its checksum"),
        ({1: "["}, "position 1 is no list"),
        ({1: "[]"}, "position 1 is no list"),
        ({1: "[" * 200_000}, "position 1 is no list"),
        ({1: '[2, "takeover", ""]'}, "position 1 has version 2.*newest program"),
        ({1: '[1, "surprise", ""]'}, "position 1 is of the unknown kind 'surprise'"),
        ({1: '[1, [], ""]'}, "position 1 is of the unknown kind"),
        ({1: '[1, "batch", [1]]'}, "position 1 holds an unreadable batch"),
        ({2: BATCH}, "position 1 is missing, and position 2 is there"),
        ({1: BATCH, 3: BATCH}, "position 2 is missing, and position 3 is there"),
        (
            {1: json.dumps([1, "batch", wire.encode_batch(Batch(hard_state=HardState(1)))])},
            "position 1 .*identity",
        ),
        (
            {1: BATCH, 2: json.dumps([1, "batch", wire.encode_batch(Batch(entries=entries(5, 5)))])},
            "position 2 .*index 5",
        ),
    ],
)
def test_damage_is_named_with_its_place_and_left_alone(browser, records, complaint):
    """A journal that cannot be read says which record is wrong and how, and is kept."""
    browser.journal.records = dict(records)
    answer = browser.ask(browser.page().take_over)
    assert type(answer) is StorageError
    with pytest.raises(StorageError, match=f"journal 'room'.*{complaint}"):
        raise answer
    assert browser.journal.records == records


def test_damage_below_the_last_checkpoint_does_not_matter(browser):
    """What nobody needs to read is not read."""
    storage = browser.runner()
    browser.ask(storage.persist, FIRST)
    browser.ask(storage.persist, Batch(snapshot=snapshot(5)))
    browser.journal.records[1] = "{"
    assert browser.stored().hard_state == HardState(1, None, 0)


@pytest.mark.parametrize("seed", range(30))
def test_any_history_of_batches_and_takeovers_is_stored_as_in_memory(browser, monkeypatch, seed):
    """Journal and memory agree after every restart, wherever checkpoints and takeovers fall."""
    chance = random.Random(seed)  # the seed is the test's parameter
    monkeypatch.setattr(journal_module, "CHECKPOINT_AFTER", chance.choice([500, 3000, 100_000]))
    memory, storage = MemoryStorage(), browser.runner()
    for batch in random_batches(chance, 60):
        assert browser.ask(memory.persist, batch) is None
        assert browser.ask(storage.persist, batch) is None
        if chance.random() < 0.15:
            storage = browser.runner()
    assert comparable(browser.stored()) == comparable(browser.ask(memory.load))


def random_batches(chance, count):
    """Yield batches that can follow one another."""
    yield FIRST
    log = {0: 0}  # terms by index; the first is the snapshot's, or none
    for term in range(1, count):
        kind = chance.random()
        base, last = min(log), max(log)
        if kind < 0.05:
            log = {0: 0}
            yield Batch(reset=True, identity=IDENTITY._replace(incarnation=f"{term:032x}"))
        elif kind < 0.2 and last > base:
            index = chance.randint(base + 1, last)
            if chance.random() < 0.5:
                log = {kept: log[kept] for kept in range(index, last + 1)}
            else:
                log = {index: term}  # it disagrees with the log, and drops all of it
            yield Batch(snapshot=snapshot(index, log[index]))
        elif kind < 0.3:
            yield Batch(hard_state=HardState(term, "a", base))
        else:
            first = chance.randint(base + 1, last + 1)
            new = entries(first, first + chance.randint(0, 3), term)
            log = {kept: log[kept] for kept in range(base, first)} | {entry.index: term for entry in new}
            yield Batch(hard_state=HardState(term), entries=new)
