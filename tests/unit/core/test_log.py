"""The log: terms and sizes, merging, configurations, persistence marks, compaction."""

import pytest

from tests.unit.core.servers import change, command, members
from webraft_web.core.entry import ENTRY_OVERHEAD, Entry, EntryKind, Snapshot
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.core.log import RaftLog


def log_of(*terms: int) -> RaftLog:
    """A log of commands with these terms, after a configuration at index 1."""
    return RaftLog(None, [change(1, "abc"), *[command(i, term) for i, term in enumerate(terms, 2)]])


def terms_of(log: RaftLog) -> list[int]:
    """The terms of all entries kept."""
    return [entry.term for entry in log.entries_from(log.first_index, 10**9)]


def test_terms_are_known_from_the_snapshot_to_the_end() -> None:
    """Before the snapshot and beyond the end there is no term."""
    log = RaftLog(Snapshot(5, 3, members("a")), [command(6, 3), command(7, 4)])
    assert [log.term_at(index) for index in range(4, 9)] == [None, 3, 3, 4, None]
    assert (log.first_index, log.last_index, log.last_term) == (6, 7, 4)


def test_entries_that_the_snapshot_covers_are_passed_over_when_a_log_is_restored() -> None:
    """A crash between writing a snapshot and dropping the entries leaves both."""
    log = RaftLog(Snapshot(2, 1, members("a")), [command(1), command(2), command(3)])
    assert (log.first_index, log.last_index) == (3, 3)


@pytest.mark.parametrize(
    ("last_index", "last_term", "is_newer"),
    [(9, 1, False), (2, 3, True), (3, 2, True), (4, 2, True), (2, 2, False), (1, 1, False)],
)
def test_a_log_is_up_to_date_by_its_last_term_then_by_its_length(
    last_index: int, last_term: int, is_newer: bool
) -> None:
    """Compared with entries of terms 1, 1, 2 a later last term wins, and among equals the longer log."""
    assert log_of(1, 2).is_up_to_date(last_index, last_term) is is_newer


def test_a_conflict_hint_skips_whole_terms() -> None:
    """All entries of a larger term than the other side's are passed over at once."""
    log = log_of(1, 4, 4, 4, 5)
    assert log.find_conflict_by_term(6, 3) == (2, 1)
    assert log.find_conflict_by_term(6, 4) == (5, 4)
    assert log.find_conflict_by_term(6, 9) == (6, 5)
    assert log.find_conflict_by_term(99, 3) == (99, 0)


def test_a_conflict_hint_stops_where_the_log_is_compacted() -> None:
    """What lies before the snapshot is unknown, which a term of 0 says."""
    log = RaftLog(Snapshot(5, 3, members("a")), [command(6, 4)])
    assert log.find_conflict_by_term(6, 2) == (4, 0)


def test_entries_come_in_portions_of_bounded_size_but_never_none() -> None:
    """One entry larger than the bound still comes alone; none would mean a standstill."""
    log = RaftLog(None, [command(i, data="x" * 84) for i in range(1, 6)])
    assert [entry.index for entry in log.entries_from(2, 250)] == [2, 3]
    assert [entry.index for entry in log.entries_from(2, 1)] == [2]
    assert [entry.index for entry in log.entries_from(2, 10**6, 4)] == [2, 3, 4]
    assert log.entries_from(6, 250) == []
    assert log.size == 5 * (84 + ENTRY_OVERHEAD)


def test_merging_keeps_what_agrees() -> None:
    """An old message with entries that are held already must not drop those after them (§3.5)."""
    log = log_of(1, 1, 2)
    log.merge([command(2), command(3)])
    assert terms_of(log) == [1, 1, 1, 2]


def test_merging_replaces_from_the_first_entry_that_differs() -> None:
    """A conflicting entry goes, and all that follow it."""
    log = log_of(1, 1, 1, 1)
    log.merge([command(2), command(3, 2)])
    assert terms_of(log) == [1, 1, 2]
    assert log.size == sum(entry.size for entry in log.entries_from(1, 10**9))


def test_entries_that_contradict_committed_ones_are_refused() -> None:
    """No true leader's log differs from what is committed."""
    log = log_of(1, 1)
    log.commit_to(2)
    log.check_merge([command(2), command(3, 7)])
    with pytest.raises(RemoteProtocolError, match="contradicts the committed one"):
        log.check_merge([command(2, 2)])


def test_a_configuration_is_in_force_once_appended_and_until_truncated() -> None:
    """The latest configuration in the log counts, committed or not, and rolls back with the log (§4.1)."""
    log = RaftLog(None, [change(1, "abc")])
    log.append([change(2, "abcd"), command(3), change(4, "abc", "d")])
    assert (log.configuration, log.configuration_index) == (members("abc", "d"), 4)
    log.merge([command(3, 2)])
    assert (log.configuration, log.configuration_index) == (members("abcd"), 2)
    log.merge([command(2, 3)])
    assert (log.configuration, log.configuration_index) == (members("abc"), 1)


def test_the_configuration_of_any_kept_index_is_known() -> None:
    """A snapshot or a refresh at an index needs the configuration that was in force there."""
    log = RaftLog(None, [change(1, "a"), command(2), change(3, "a", "b"), command(4), change(5, "ab")])
    log.commit_to(5)
    log.handed_out_index = log.applied_index = 5
    found = [log.configuration_at(index) for index in range(1, 6)]
    assert found == [members("a"), members("a"), members("a", "b"), members("a", "b"), members("ab")]
    assert log.compact(4, "state").configuration == members("a", "b")
    assert (log.configuration, log.configuration_index) == (members("ab"), 5)
    assert log.configuration_at(4) == members("a", "b")


def test_what_was_written_counts_unless_others_have_replaced_it() -> None:
    """A write that ends after its entries were replaced proves nothing of the new ones."""
    log = log_of(1)
    log.append([command(3), command(4)])
    assert [entry.index for entry in log.take_unwritten()] == [3, 4]
    log.merge([command(4, 2)])
    log.written(4, 1)
    assert log.persisted_index == 2
    assert [entry.index for entry in log.take_unwritten()] == [4]
    log.written(4, 2)
    assert log.persisted_index == 4
    assert not log.has_unwritten


def test_the_commit_index_never_falls() -> None:
    """What is committed stays so."""
    log = log_of(1, 1)
    assert log.commit_to(3)
    assert not log.commit_to(2)
    assert log.commit_index == 3


def test_the_first_command_is_remembered_beyond_compaction() -> None:
    """Whether there is user data must not be forgotten with the entry that was the first."""
    log = RaftLog(
        None,
        [
            change(1, "a"),
            Entry(1, 2, EntryKind.NO_OP),
            Entry(1, 3, EntryKind.HOUSEKEEPING, "x"),
            command(4),
            command(5),
        ],
    )
    log.commit_to(3)
    assert log.first_command_index == 0
    log.handed_out_index = log.applied_index = 3
    assert log.compact(3, "").first_command_index == 0
    log.commit_to(5)
    assert log.first_command_index == 4
    log.handed_out_index = log.applied_index = 5
    assert log.compact(5, "").first_command_index == 4


def test_compaction_keeps_what_follows_it() -> None:
    """Entries, size and term of the last compacted entry stay right (chapter 5)."""
    log = log_of(1, 2, 3)
    log.commit_to(3)
    log.handed_out_index = log.applied_index = 3
    snapshot = log.compact(3, "state")
    assert (snapshot.last_index, snapshot.last_term, snapshot.data) == (3, 2, "state")
    assert (log.first_index, log.last_index, log.term_at(3)) == (4, 4, 2)
    assert log.size == log.size_between(4, 4)


def test_an_installed_snapshot_replaces_the_whole_log() -> None:
    """What a snapshot contradicts is gone, and its configuration is in force (Fig. 5.3)."""
    log = RaftLog(None, [change(1, "abc"), command(2), change(3, "ab")])
    log.install(Snapshot(9, 4, members("bc"), "state", 2))
    assert (log.first_index, log.last_index, log.commit_index) == (10, 9, 9)
    assert (log.configuration, log.configuration_index) == (members("bc"), 9)
    assert (log.first_command_index, log.size) == (2, 0)
