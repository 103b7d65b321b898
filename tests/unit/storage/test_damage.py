"""Damaged journals: found out, never begun anew nor taken over; and what an older program wrote."""

import json
import zlib

import pytest

from webraft_web import wire
from webraft_web.core.entry import Configuration, Entry, HardState, Snapshot
from webraft_web.core.errors import StorageError
from webraft_web.storage.base import Batch, Identity, StoredState
from webraft_web.storage.indexed_db import JournalStorage
from webraft_web.storage.journal import Journal, read_record, salvage
from webraft_web.testing.journal import MemoryJournal

IDENTITY = Identity("site", "0" * 32, "cluster")
FIRST = Batch(identity=IDENTITY, hard_state=HardState(1, None, 0))


def entry(index):
    return Entry(1, index, data=f"command {index}")


def snapshot(index):
    return Snapshot(index, 1, Configuration(("a",)), "state")


def ask(call, *arguments, turns=None):
    """Make one call of a storage and return its answer."""
    answers = []
    call(*arguments, answers.append)
    while turns:
        turns.pop(0)()
    (answer,) = answers
    return answer


def take_over(journal):
    """Return what a page that takes over finds, or why it cannot."""
    turns = []
    storage = JournalStorage(journal.open(turns.append))
    return ask(storage.take_over, turns=turns)


def written(*batches):
    """Return a journal that one page took over and wrote these batches to."""
    journal, turns = MemoryJournal("room"), []
    storage = JournalStorage(journal.open(turns.append))
    assert ask(storage.take_over, turns=turns) is None
    for batch in batches:
        assert ask(storage.persist, batch, turns=turns) is None
    return journal


@pytest.fixture
def journal():
    """A journal with takeovers below a checkpoint, and records after it."""
    turns = []
    journal = written(FIRST, Batch(entries=[entry(1), entry(2)]))
    storage = JournalStorage(journal.open(turns.append))
    ask(storage.take_over, turns=turns)
    for batch in (Batch(snapshot=snapshot(2)), Batch(entries=[entry(3)]), Batch(entries=[entry(4)])):
        assert ask(storage.persist, batch, turns=turns) is None
    assert sorted(journal.records) == [1, 4, 5, 6, 7]
    assert journal.start == 5
    return journal


def check_refused(journal, complaint):
    """A takeover fails, says where and what to do, and leaves every record as it was."""
    before = dict(journal.records)
    with pytest.raises(
        StorageError, match=complaint + r".*Nothing was changed: export_room\('room'\).*delete"
    ):
        raise take_over(journal)
    assert journal.records == before


@pytest.mark.parametrize("position", [5, 6, 7])
def test_every_changed_character_of_a_record_that_is_needed_is_found(journal, position):
    """Be it in a number, a text or the checksum: where JSON would still parse, too."""
    text = journal.records[position]
    for place in range(len(text)):
        journal.records[position] = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
        assert isinstance(take_over(journal), StorageError), journal.records[position]
    assert sorted(journal.records) == [1, 4, 5, 6, 7]


@pytest.mark.parametrize("position", [5, 6, 7])
def test_a_record_cut_short_is_found(journal, position):
    """At whatever length."""
    text = journal.records[position]
    for length in range(len(text)):
        journal.records[position] = text[:length]
        assert isinstance(take_over(journal), StorageError), length


def test_a_record_that_stands_elsewhere_than_it_was_written_is_found(journal):
    """Though it is whole, and would follow."""
    journal.records[6], journal.records[7] = journal.records[7], journal.records[6]
    check_refused(journal, "position 7 does not match its checksum")


@pytest.mark.parametrize(
    ("missing", "complaint"),
    [(5, "position 5 is missing"), (6, "position 6 is missing, and position 7 is there")],
)
def test_a_record_that_is_missing_is_found(journal, missing, complaint):
    """The checkpoint that all begins with, or one after it; no discard has taken those."""
    del journal.records[missing]
    check_refused(journal, complaint)


def test_a_journal_without_the_record_it_begins_with_is_not_taken_for_a_new_one(journal):
    """Takeovers are left, and what says where it begins; or not even takeovers."""
    for position in (7, 6, 5, 4, 1):
        del journal.records[position]
        if position <= 5:
            check_refused(journal, "position 5 is missing")


def test_damage_that_nobody_needs_to_read_does_not_matter(journal):
    """What a checkpoint has superseded is neither read nor missed."""
    journal.records[4] = "{"
    del journal.records[1]
    assert take_over(journal).hard_state == HardState(1, None, 0)


def test_a_record_at_no_position_is_damage():
    """Any key may be used in the database, by whoever uses it."""
    for position in ("5", 1.5, None, {}):
        with pytest.raises(StorageError, match="checksum"):
            read_record(position, '00000000[2,"takeover",""]')
        with pytest.raises(StorageError, match="checksum"):
            Journal("room", [(position, '[1,"takeover",""]')])


VERSION_1 = {
    1: '[1,"takeover","tab"]',
    2: json.dumps([1, "batch", wire.encode_batch(FIRST)]),
    3: json.dumps([1, "batch", wire.encode_batch(Batch(entries=[entry(1), entry(2)]))]),
}
"""What the first version of this package wrote: records without checksums."""


def test_what_the_first_version_wrote_is_read_and_gone_on_with():
    """Nothing is lost, the next records have checksums, and the next checkpoint leaves none without."""
    journal, turns = MemoryJournal("room"), []
    journal.records = dict(VERSION_1)
    storage = JournalStorage(journal.open(turns.append))
    found = ask(storage.take_over, turns=turns)
    assert found == StoredState(IDENTITY, HardState(1, None, 0), None, (entry(1), entry(2)))
    assert ask(storage.persist, Batch(entries=[entry(3)]), turns=turns) is None
    assert [text[0] == "[" for text in journal.records.values()] == [True] * 3 + [False] * 2
    assert take_over(journal).entries == (entry(1), entry(2), entry(3))
    journal.records[3] = VERSION_1[3][:-1]
    check_refused(journal, "position 3 is no list")
    journal.records[3] = VERSION_1[3]
    storage = JournalStorage(journal.open(turns.append))
    ask(storage.take_over, turns=turns)
    assert ask(storage.persist, Batch(snapshot=snapshot(1)), turns=turns) is None
    assert take_over(journal).entries == (entry(2), entry(3))
    assert [position for position, text in journal.records.items() if text[0] == "["] == [1]


def test_what_a_newer_version_wrote_is_refused_and_kept():
    """The error says what to do; nothing is written."""
    journal = written(FIRST)
    text = '[3,"batch",[]]'
    journal.records[3] = f"{zlib.crc32(text.encode(), 3):08x}{text}"
    check_refused(journal, "position 3 has version 3.*reload the page to get the newest program")


def test_salvaging_an_intact_journal_finds_what_a_takeover_would(journal):
    """And nothing wrong, takeovers below the checkpoint included."""
    state, problems = salvage(sorted(journal.records.items()))
    assert problems == []
    assert state.entries == (entry(3), entry(4)) == take_over(journal).entries


@pytest.mark.parametrize(
    ("damage", "indexes", "complaints"),
    [
        ({6: "{"}, [], ["position 6 does not match"]),
        ({7: "{"}, [3], ["position 7 does not match"]),
        ({6: None}, [], ["position 6 is missing"]),
        ({4: "{"}, [3, 4], []),
        ({5: "{"}, None, ["position 2 is missing", "position 5 does not match"]),
    ],
)
def test_salvaging_finds_the_newest_state_before_the_damage(journal, damage, indexes, complaints):
    """All that can be read in order, and a list of what cannot."""
    for position, text in damage.items():
        journal.records[position] = text
        if text is None:
            del journal.records[position]
    state, problems = salvage(sorted(journal.records.items()))
    assert (state and [one.index for one in state.entries]) == indexes
    assert len(problems) == len(complaints)
    assert all(complaint in problem for complaint, problem in zip(complaints, problems, strict=True))


def test_salvaging_goes_on_with_a_checkpoint_after_the_damage():
    """Whatever came before it is not needed."""
    records = written(FIRST, Batch(entries=[entry(1)])).records
    records[2] = "{"
    checkpoint = Batch(True, IDENTITY, HardState(1, None, 1), snapshot(1))
    text = json.dumps([1, "batch", wire.encode_batch(checkpoint)])
    state, problems = salvage([*sorted(records.items()), ("x", "?"), (9, text)])
    assert (state.snapshot.last_index, problems) == (1, [])
