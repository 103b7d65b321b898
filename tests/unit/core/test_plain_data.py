"""How entries, snapshots and messages look in a log: what they are, not all that they carry."""

import pytest

from tests.unit.core.servers import members
from webraft_web.core.entry import Entry, EntryKind, Snapshot
from webraft_web.core.message import Heartbeat, Message

LONG = "x" * 10_000


def test_a_log_line_shows_the_size_of_a_state_not_the_state() -> None:
    """Snapshots and commands may be megabytes, and the user's own."""
    assert repr(Snapshot(5, 2, members("a"), LONG)) == "Snapshot(last_index=5, last_term=2, data=10000)"
    assert repr(Snapshot(5, 2, members("a"))) == "Snapshot(last_index=5, last_term=2, data=none)"
    assert len(repr(Entry(1, 2, EntryKind.COMMAND, LONG))) < 200


def test_a_log_line_shows_who_says_what_to_whom() -> None:
    """The fields stand in the constructor's order."""
    assert repr(Heartbeat("a", "b", 3, 7, 1)) == "Heartbeat(a->b term=3 (7, 1))"


def test_equal_messages_and_entries_are_one_in_a_set() -> None:
    """Where they are collected a second copy counts for nothing."""
    assert len({Heartbeat("a", "b", 3, 7), Heartbeat("a", "b", 3, 7), Heartbeat("a", "c", 3, 7)}) == 2
    assert len({Entry(1, 2), Entry(1, 2), Entry(1, 3)}) == 2


def test_a_message_is_of_some_kind() -> None:
    """What has no kind cannot be compared, or sent."""
    with pytest.raises(NotImplementedError):
        Message("a", "b", 1).fields()
