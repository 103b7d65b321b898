"""What one batch of work holds, and what counts only once it is durable."""

import pytest

from tests.unit.core.servers import (
    Server,
    command,
    members,
    stored,
)
from webraft_web.core.entry import Entry, HardState
from webraft_web.core.errors import LocalProtocolError
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    Heartbeat,
    InstallSnapshot,
    RequestVote,
    RequestVoteResponse,
    TimeoutNow,
)
from webraft_web.core.ready import RestoredState, may_go_early
from webraft_web.core.role import Role


def test_votes_leave_only_with_the_batch_that_makes_them_durable() -> None:
    """A grant is in the same batch as the vote and may not go early (§3.8)."""
    server = Server("a")
    server.raft.step(RequestVote("b", "a", 2, 1, 1))
    ready = server.raft.ready()
    assert ready.must_persist
    assert ready.hard_state == HardState(2, "b", 1)
    assert ready.messages == [RequestVoteResponse("a", "b", 2, True)]
    assert not may_go_early(ready.messages[0])


def test_a_candidate_counts_its_own_vote_only_once_it_is_durable() -> None:
    """Asked votes that come back sooner than the own write are not a majority yet."""
    server = Server("a", stored(voters="ab"), pre_vote=False)
    server.raft.campaign()
    ready = server.raft.ready()
    assert not any(may_go_early(message) for message in ready.messages)
    server.raft.step(RequestVoteResponse("b", "a", 2, True))
    assert server.raft.role is Role.CANDIDATE
    server.carry_out(ready)
    assert server.raft.is_leader


def test_batches_do_not_overlap() -> None:
    """One batch is out at a time, and only that can be advanced."""
    server = Server("a")
    with pytest.raises(LocalProtocolError, match="no batch is out"):
        server.raft.advance()
    server.raft.ready()
    with pytest.raises(LocalProtocolError, match="still out"):
        server.raft.ready()


def test_the_commit_index_rides_in_the_hard_state_with_the_next_write() -> None:
    """Alone it need not be written, but whatever is written carries it."""
    server = Server("a")
    server.step(AppendEntries("b", "a", 1, 1, 1, [command(2), command(3)], 1))
    server.raft.step(AppendEntries("b", "a", 1, 3, 1, [], 3))
    ready = server.raft.ready()
    assert (ready.must_persist, ready.hard_state) == (False, HardState(1, None, 3))
    server.raft.advance()
    server.raft.step(AppendEntries("b", "a", 1, 3, 1, [command(4)], 3))
    ready = server.raft.ready()
    assert (ready.must_persist, ready.hard_state) == (True, HardState(1, None, 3))


def test_a_restarted_server_applies_again_what_it_knew_to_be_committed() -> None:
    """The application begins from the snapshot, so everything after it comes once more, in order."""
    server = Server("a")
    server.step(AppendEntries("b", "a", 1, 1, 1, [command(2), command(3)], 3))
    assert server.commands == ["1/2", "1/3"]
    server.stored = RestoredState(HardState(1, None, 3), None, server.stored.entries)
    server.applied = []
    server.restart()
    server.settle()
    assert server.commands == ["1/2", "1/3"]


def test_committed_entries_are_handed_out_in_bounded_portions() -> None:
    """More than `max_apply_size` unapplied is not handed out, however slow the application is."""
    server = Server("a", stored(*[1] * 9, commit_index=10), max_apply_size=50)
    portions = []
    while server.raft.has_ready():
        ready = server.raft.ready()
        portions.append(len(ready.committed_entries))
        server.carry_out(ready)
    assert max(portions) <= 3
    assert sum(portions) == 10


def test_nothing_more_is_handed_out_until_something_is_applied() -> None:
    """An application that has not finished is not given more than the bound."""
    server = Server("a", stored(*[1] * 9, commit_index=10), max_apply_size=50)
    handed_out: list[Entry] = []
    while server.raft.has_ready():
        handed_out += server.raft.ready().committed_entries
        server.raft.advance()
    assert sum(entry.size for entry in handed_out[:-1]) < 50
    assert len(handed_out) < 10
    server.raft.applied_to(handed_out[-1].index)
    assert server.raft.ready().committed_entries[0].index == handed_out[-1].index + 1


def test_only_what_was_handed_out_can_be_applied() -> None:
    """A driver that claims more, or takes something back, is told so."""
    server = Server("a", stored(1, commit_index=2))
    with pytest.raises(LocalProtocolError, match="handed out"):
        server.raft.applied_to(2)
    server.settle()
    with pytest.raises(LocalProtocolError, match="applied before"):
        server.raft.applied_to(1)


def test_acknowledgements_leave_only_with_the_batch_that_makes_them_durable() -> None:
    """An acknowledgement is in the same batch as its entries and may not go early (§3.8)."""
    server = Server("a")
    server.raft.step(AppendEntries("b", "a", 1, 1, 1, [command(2)], 1))
    ready = server.raft.ready()
    assert ready.entries == [command(2)]
    assert ready.messages == [AppendEntriesResponse("a", "b", 1, True, 2)]
    assert not may_go_early(ready.messages[0])


def test_only_what_a_leader_replicates_may_go_early() -> None:
    """Entries and snapshots may overtake the leader's own write (§10.2.1), heartbeats may not."""
    assert may_go_early(AppendEntries("a", "b", 1, 0, 0, [], 0))
    assert may_go_early(InstallSnapshot("a", "b", 1, 1, 1, members("a"), 0, 0, "", True))
    assert not may_go_early(Heartbeat("a", "b", 1, 0))
    assert not may_go_early(TimeoutNow("a", "b", 1))


def test_a_snapshot_received_comes_before_the_entries_after_it() -> None:
    """One batch holds both, with the commit index of the snapshot in its hard state."""
    server = Server("a")
    server.raft.step(InstallSnapshot("b", "a", 1, 9, 1, members("abc"), 0, 0, "state", True))
    server.raft.step(AppendEntries("b", "a", 1, 9, 1, [command(10)], 9))
    ready = server.raft.ready()
    assert ready.snapshot is not None
    assert (ready.snapshot.last_index, ready.entries) == (9, [command(10)])
    assert ready.hard_state == HardState(1, None, 9)
    assert ready.must_persist
