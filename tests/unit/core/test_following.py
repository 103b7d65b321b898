"""What a follower does with entries, heartbeats, snapshots and refreshes."""

import pytest

from tests.unit.core.servers import Cluster, Server, change, command, members, only, stored
from webraft_web.core.entry import HardState, Snapshot
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    ConfirmRefresh,
    ConfirmRefreshResponse,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
    Message,
)
from webraft_web.core.ready import RefreshRequest, RestoredState
from webraft_web.core.role import Role

ABC = members("abc")


def chunk(
    offset: int,
    data: str | None,
    *,
    done: bool = False,
    leader: str = "b",
    term: int = 1,
    last_index: int = 9,
) -> InstallSnapshot:
    """A chunk of the snapshot at index 9, term 1."""
    return InstallSnapshot(leader, "a", term, last_index, 1, ABC, 4, offset, data, done)


# Entries


def test_entries_that_follow_on_are_appended_and_acknowledged() -> None:
    """The consistency check holds, so the logs are equal up to the last of them (§3.5)."""
    server = Server("a")
    sent = server.step(AppendEntries("b", "a", 1, 1, 1, [command(2), command(3)], 1))
    assert sent == [AppendEntriesResponse("a", "b", 1, True, 3)]
    assert [entry.index for entry in server.stored.entries] == [1, 2, 3]


def test_entries_after_a_gap_are_refused_with_a_hint() -> None:
    """The leader is told where the log ends (§3.5)."""
    server = Server("a", stored(1))
    sent = server.step(AppendEntries("b", "a", 1, 7, 1, [command(8)], 1))
    assert sent == [AppendEntriesResponse("a", "b", 1, False, 7, 2, 1)]


def test_a_conflicting_predecessor_is_refused_with_a_hint_that_skips_its_term() -> None:
    """Everything of a larger term than the leader's predecessor cannot agree either (§3.5)."""
    server = Server("a", stored(1, 3, 3, 3))
    sent = server.step(AppendEntries("b", "a", 4, 4, 2, [], 1))
    assert sent == [AppendEntriesResponse("a", "b", 4, False, 4, 2, 1)]


def test_conflicting_entries_are_replaced() -> None:
    """The leader's log wins from the first difference on (§3.5)."""
    server = Server("a", stored(1, 1, 1))
    server.step(AppendEntries("b", "a", 2, 2, 1, [command(3, 2)], 1))
    assert [entry.term for entry in server.stored.entries] == [1, 1, 2]


def test_an_old_message_does_not_shorten_the_log() -> None:
    """What follows may have been acknowledged already (§3.5)."""
    server = Server("a", stored(1, 1, 1))
    server.step(AppendEntries("b", "a", 1, 1, 1, [command(2)], 1))
    assert server.raft.log.last_index == 4


def test_a_configuration_rolls_back_with_the_entries_that_held_it() -> None:
    """A change that its leader could not commit is undone by the next leader (§4.1)."""
    state = RestoredState(HardState(1, None, 1), None, (change(1, "abc"), change(2, "ab")))
    server = Server("a", state)
    assert server.raft.configuration == members("ab")
    server.step(AppendEntries("b", "a", 2, 1, 1, [command(2, 2)], 1))
    assert server.raft.configuration == ABC


def test_only_what_the_message_proves_is_committed() -> None:
    """Entries beyond it may differ from the leader's, whatever its commit index is (Fig. 3.1)."""
    server = Server("a", stored(1, 1, 1))
    server.step(AppendEntries("b", "a", 2, 2, 1, [], 9))
    assert server.raft.commit_index == 2


def test_entries_below_the_commit_index_are_acknowledged_as_far_as_that() -> None:
    """Everything committed agrees for certain, so a late message needs no check."""
    server = Server("a", stored(1, 1, commit_index=3))
    sent = server.step(AppendEntries("b", "a", 1, 1, 1, [command(2)], 1))
    assert sent == [AppendEntriesResponse("a", "b", 1, True, 3)]


def test_entries_that_follow_what_is_compacted_are_acknowledged_as_far_as_is_committed() -> None:
    """Nothing is left to compare them with, and nothing needs to be compared."""
    server = Server("a", RestoredState(HardState(1, None, 5), Snapshot(5, 1, ABC), (command(6),)))
    sent = server.step(AppendEntries("b", "a", 1, 3, 1, [command(4), command(5), command(6)], 6))
    assert sent == [AppendEntriesResponse("a", "b", 1, True, 5)]


def test_entries_that_contradict_committed_ones_are_refused() -> None:
    """Their sender is broken or of another cluster; nothing changes."""
    server = Server("a", stored(1, 1, commit_index=3))
    with pytest.raises(RemoteProtocolError, match="contradicts the committed one"):
        server.raft.step(AppendEntries("b", "a", 5, 1, 1, [command(2), command(3, 4)], 1))
    assert server.raft.current_term == 1


def test_a_heartbeat_moves_the_commit_index_and_is_answered() -> None:
    """The answer confirms the read round that came with it (§3.4, §6.4)."""
    server = Server("a", stored(1, 1))
    assert server.step(Heartbeat("b", "a", 1, 2, 5)) == [HeartbeatResponse("a", "b", 1, 5)]
    assert server.raft.commit_index == 2


def test_a_commit_index_beyond_the_log_is_refused() -> None:
    """A leader tells a follower what it holds at most; more means that this log was lost."""
    server = Server("a")
    with pytest.raises(RemoteProtocolError, match="this log ends at 1"):
        server.raft.step(Heartbeat("b", "a", 7, 2))
    assert (server.raft.current_term, server.raft.leader_id) == (1, None)


# Snapshots


def test_a_snapshot_in_one_piece_replaces_the_log() -> None:
    """State, configuration and indexes come with it, and it is acknowledged like entries (Fig. 5.3)."""
    server = Server("a", stored(1))
    sent = server.step(chunk(0, "state", done=True))
    assert sent == [AppendEntriesResponse("a", "b", 1, True, 9)]
    assert server.stored.snapshot is not None
    assert (server.stored.snapshot.data, server.stored.snapshot.first_command_index) == ("state", 4)
    assert server.stored.entries == ()
    assert (server.raft.commit_index, server.raft.last_applied) == (9, 9)


def test_a_snapshot_is_acknowledged_only_once_it_is_durable() -> None:
    """The acknowledgement is in the batch that persists it, and installs the log's end."""
    server = Server("a")
    server.raft.step(chunk(0, "state", done=True))
    ready = server.raft.ready()
    assert ready.must_persist
    assert ready.snapshot is not None
    assert only(ready.messages, AppendEntriesResponse) == ready.messages != []


def test_chunks_of_two_terms_are_never_put_together() -> None:
    """The same server may lead again, and send another text for the same entry: it begins anew."""
    server = Server("a")
    server.step(chunk(0, "012"))
    assert server.step(chunk(3, "345", term=2))[-1] == InstallSnapshotResponse("a", "b", 2, 9, 0)


def test_chunks_are_put_together_in_order() -> None:
    """Each answer asks for what comes next; nothing is installed before the last (Fig. 5.3)."""
    server = Server("a")
    assert server.step(chunk(0, "012")) == [InstallSnapshotResponse("a", "b", 1, 9, 3)]
    assert server.step(chunk(3, "345")) == [InstallSnapshotResponse("a", "b", 1, 9, 6)]
    assert server.raft.commit_index == 1
    server.step(chunk(6, "6", done=True))
    assert server.stored.snapshot is not None
    assert server.stored.snapshot.data == "0123456"


def test_a_snapshot_may_come_in_very_many_chunks() -> None:
    """However small its sender makes them, they fit together."""
    server = Server("a")
    size = 10_000
    for offset in range(size):
        server.raft.step(chunk(offset, str(offset % 10), done=offset == size - 1))
        server.settle()
    assert server.stored.snapshot is not None
    assert server.stored.snapshot.data == "0123456789" * (size // 10)


def test_a_missing_chunk_is_asked_for_again() -> None:
    """A chunk that does not follow on is dropped, even the last."""
    server = Server("a")
    server.step(chunk(0, "012"))
    assert server.step(chunk(6, "6", done=True)) == [InstallSnapshotResponse("a", "b", 1, 9, 3)]
    assert server.raft.commit_index == 1


def test_a_repeated_first_chunk_does_not_start_over() -> None:
    """What was received since stays received."""
    server = Server("a")
    server.step(chunk(0, "012"), chunk(3, "345"))
    assert server.step(chunk(0, "012")) == [InstallSnapshotResponse("a", "b", 1, 9, 6)]


def test_a_new_leaders_snapshot_starts_from_its_beginning() -> None:
    """Two leaders' texts of one state may differ, so their chunks never mix."""
    server = Server("a")
    server.step(chunk(0, "012"))
    answer = server.step(chunk(3, "xyz", leader="c", term=2))
    assert answer == [InstallSnapshotResponse("a", "c", 2, 9, 0)]
    server.step(chunk(0, "uvw", leader="c", term=2), chunk(3, "xyz", done=True, leader="c", term=2))
    assert server.stored.snapshot is not None
    assert server.stored.snapshot.data == "uvwxyz"


def test_a_newer_snapshot_of_the_same_leader_starts_over() -> None:
    """Chunks of two snapshots never mix."""
    server = Server("a")
    server.step(chunk(0, "012"))
    assert server.step(chunk(3, "x", last_index=10)) == [InstallSnapshotResponse("a", "b", 1, 10, 0)]


def test_a_snapshot_of_what_is_committed_here_changes_nothing() -> None:
    """The state must never go back."""
    server = Server("a", stored(*[1] * 8, commit_index=9))
    assert server.step(chunk(0, "old", done=True)) == [AppendEntriesResponse("a", "b", 1, True, 9)]
    assert server.stored.snapshot is None


def test_a_snapshot_of_entries_that_are_here_commits_them_instead() -> None:
    """The log already stands for the state, and keeps what follows (Fig. 5.3)."""
    server = Server("a", stored(*[1] * 10))
    assert server.step(chunk(0, "012")) == [AppendEntriesResponse("a", "b", 1, True, 9)]
    assert (server.raft.commit_index, server.raft.log.last_index) == (9, 11)
    assert server.stored.snapshot is None


def test_a_snapshot_that_grows_beyond_the_bound_is_refused() -> None:
    """No leader can fill this server's memory."""
    server = Server("a", max_snapshot_size=5)
    server.step(chunk(0, "0123"))
    with pytest.raises(RemoteProtocolError, match="max_snapshot_size"):
        server.raft.step(chunk(4, "45"))


def test_a_snapshot_in_chunks_survives_losses() -> None:
    """Lost chunks and lost requests are made up for by heartbeats, from where it stopped."""
    cluster = Cluster(max_message_size=10)
    leader = cluster.elect("a")
    cluster.cut_off = {"c"}
    leader.raft.propose([f"command {number}" for number in range(20)])
    cluster.settle()
    leader.compact(leader.raft.last_applied, "x" * 95)
    cluster.cut_off = set()
    seen = [0]

    def is_lost(message: Message) -> bool:
        if isinstance(message, InstallSnapshot | InstallSnapshotResponse):
            seen[0] += 1
        return isinstance(message, InstallSnapshot | InstallSnapshotResponse) and seen[0] % 3 == 0

    cluster.is_lost = is_lost
    cluster.pass_time(10_000)
    assert cluster["c"].raft.commit_index == leader.raft.commit_index
    chunks = only(cluster.sent, InstallSnapshot, "c")
    assert {one.offset for one in chunks} == set(range(0, 95, 10))
    assert len(chunks) < 30


def test_a_snapshot_goes_on_from_a_new_leader_after_its_sender_died() -> None:
    """The half that was received is dropped, and the new leader's comes in full."""
    cluster = Cluster(max_message_size=10)
    leader = cluster.elect("a")
    cluster.cut_off = {"c"}
    leader.raft.propose([f"command {number}" for number in range(20)])
    cluster.settle()
    for one in "ab":
        cluster[one].compact(cluster[one].raft.last_applied, one * 95)
    cluster.cut_off = set()
    cluster.is_lost = lambda message: isinstance(message, InstallSnapshot) and message.offset >= 50
    cluster.pass_time(1000)
    cluster.cut_off = {"a"}
    cluster.is_lost = lambda _message: False
    cluster["b"].raft.forget_leader()
    cluster["c"].raft.forget_leader()
    cluster["b"].raft.campaign()
    cluster.pass_time(2000)
    assert cluster.leaders == ["a", "b"]
    snapshot = cluster["c"].stored.snapshot
    assert snapshot is not None
    assert snapshot.data == "b" * 95


# Refreshes


def lagging() -> Cluster:
    """ "a" leads, applications keep their own state, and "c" lacks entries that are compacted."""
    cluster = Cluster()
    leader = cluster.elect("a")
    cluster.cut_off = {"c"}
    leader.raft.propose(["x", "y", "z"])
    cluster.settle()
    leader.compact(4, None)
    cluster.cut_off = set()
    cluster.pass_time(500)
    return cluster


def test_a_snapshot_without_data_asks_the_application_to_refresh_once() -> None:
    """Announcements go on with the heartbeats; one request is enough."""
    cluster = lagging()
    cluster.pass_time(2000)
    assert cluster["c"].refreshes == [RefreshRequest(4, 2)]
    assert cluster["c"].raft.commit_index == 2


def test_a_refreshed_state_is_adopted_once_the_leader_has_confirmed_it() -> None:
    """Then the log goes on after it, with the configuration that the leader names."""
    cluster = lagging()
    cluster["c"].raft.refreshed(2, 5)
    assert only(cluster["c"].raft.ready().messages, ConfirmRefresh) == [ConfirmRefresh("c", "a", 2, 2, 5)]
    cluster["c"].raft.advance()
    assert cluster["c"].raft.commit_index == 2
    cluster["c"].raft.refreshed(2, 5)
    cluster.settle()
    snapshot = cluster["c"].stored.snapshot
    assert snapshot is not None
    assert (snapshot.last_index, snapshot.last_term, snapshot.data) == (5, 2, None)
    assert (snapshot.configuration, snapshot.first_command_index) == (ABC, 3)
    cluster["a"].raft.propose(["more"])
    cluster.settle()
    assert cluster["c"].commands == ["more"]


@pytest.mark.parametrize(("term", "index"), [(1, 5), (2, 99)])
def test_a_refreshed_state_of_another_history_is_not_adopted(term: int, index: int) -> None:
    """The leader refuses a term that it does not hold there, and the application is asked anew."""
    cluster = lagging()
    cluster["c"].raft.refreshed(term, index)
    cluster.settle()
    assert cluster["c"].stored.snapshot is None
    cluster.pass_time(1000)
    assert cluster["c"].refreshes == [RefreshRequest(4, 2)] * 2


def test_a_state_beyond_the_leaders_commit_index_is_adopted_at_that() -> None:
    """An entry that is not committed may yet be replaced, but what it follows is certain.

    The asker may be needed to commit that entry: without a place in the log it
    could not help, and its application stood too far ahead for ever.
    """
    server = Server("a", stored(voters="ab"))
    server.elect()
    answer = server.step(ConfirmRefresh("b", "a", 2, 2, 2))
    assert answer == [ConfirmRefreshResponse("a", "b", 2, 2, 2, members("ab"), 0, 1, 1)]
    answer = server.step(ConfirmRefresh("b", "a", 2, 1, 2))
    assert answer == [ConfirmRefreshResponse("a", "b", 2, 1, 2, None)]
    server.step(AppendEntriesResponse("b", "a", 2, True, 2))
    answer = server.step(ConfirmRefresh("b", "a", 2, 2, 2))
    assert answer == [ConfirmRefreshResponse("a", "b", 2, 2, 2, members("ab"))]


def test_a_state_is_adopted_where_the_leader_says() -> None:
    """Not where it stands, if more than that is not known to be committed."""
    server = Server("a", stored(voters="abc"))
    server.step(Heartbeat("b", "a", 2, 0))
    server.raft.refreshed(2, 9)
    answer = server.step(ConfirmRefreshResponse("b", "a", 2, 2, 9, members("abc"), 3, 1, 7))
    assert (server.stored.snapshot.last_index, server.stored.snapshot.last_term) == (7, 1)
    assert answer[-1] == AppendEntriesResponse("a", "b", 2, True, 7)


def test_nobody_but_the_leader_that_was_asked_confirms_a_refreshed_state() -> None:
    """And no state of a term is adopted before that term is entered, whoever confirms it."""
    server = Server("a", stored(voters="abc"))
    server.step(Heartbeat("b", "a", 2, 0))
    server.raft.refreshed(2, 9)
    server.step(ConfirmRefreshResponse("c", "a", 2, 2, 9, members("abc")))
    assert server.stored.snapshot is None
    server.step(ConfirmRefreshResponse("b", "a", 2, 2, 9, members("abc")))
    assert server.stored.snapshot is not None
    server.raft.refreshed(3, 12)
    server.step(ConfirmRefreshResponse("b", "a", 3, 3, 12, members("abc")))
    assert server.stored.snapshot.last_index == 9


def test_a_confirmation_of_something_else_is_ignored() -> None:
    """Only the answer about the state that was offered last counts."""
    cluster = lagging()
    follower = cluster["c"]
    follower.step(ConfirmRefreshResponse("a", "c", 2, 2, 5, ABC))
    follower.raft.refreshed(2, 5)
    follower.step(ConfirmRefreshResponse("a", "c", 2, 2, 4, ABC))
    assert follower.stored.snapshot is None


def test_a_lost_confirmation_is_asked_for_again() -> None:
    """The next announcement finds the state still waiting to be judged."""
    cluster = lagging()
    cluster.is_lost = lambda message: isinstance(message, ConfirmRefresh)
    cluster["c"].raft.refreshed(2, 5)
    cluster.settle()
    cluster.is_lost = lambda _message: False
    cluster.pass_time(1000)
    assert cluster["c"].raft.commit_index == 5


def test_a_refreshed_state_that_is_too_old_is_asked_for_again() -> None:
    """A state at or below what is committed here brings nothing."""
    cluster = lagging()
    cluster["c"].raft.refreshed(2, 2)
    cluster.pass_time(1000)
    assert cluster["c"].refreshes == [RefreshRequest(4, 2)] * 2


def test_a_confirmed_state_whose_entry_is_here_commits_it() -> None:
    """The log caught up by itself meanwhile: nothing needs to be replaced."""
    server = Server("a", stored(1, 1))
    server.step(chunk(0, None, done=True))
    server.raft.refreshed(1, 3)
    server.step(ConfirmRefreshResponse("b", "a", 1, 1, 3, ABC))
    assert server.stored.snapshot is None
    assert server.raft.commit_index == 3


def test_a_server_that_has_come_to_lead_adopts_nothing() -> None:
    """A late confirmation cannot replace a leader's log (Leader Append-Only, Fig. 3.2)."""
    server = Server("a")
    server.step(Heartbeat("b", "a", 1, 0))
    server.raft.refreshed(1, 9)
    server.elect()
    server.step(ConfirmRefreshResponse("b", "a", 1, 1, 9, ABC))
    assert (server.raft.role, server.stored.snapshot) == (Role.LEADER, None)


def refreshing(entry_term: int = 1) -> Server:
    """A follower of "b" whose application has fetched the state at index 9, to be confirmed."""
    server = Server("a")
    server.step(chunk(0, None, done=True))
    server.raft.refreshed(entry_term, 9)
    assert only(server.settle(), ConfirmRefresh)
    return server


def test_a_state_fetched_without_a_leader_is_asked_about_when_there_is_one() -> None:
    """Nothing is sent to nobody; the next leader's announcement finds it waiting."""
    server = Server("a")
    server.step(chunk(0, None, done=True))
    server.raft.forget_leader()
    server.raft.refreshed(1, 9)
    assert server.settle() == []
    assert server.step(chunk(0, None, done=True)) == [ConfirmRefresh("a", "b", 1, 1, 9)]


def test_a_confirmation_counts_even_if_its_leader_is_gone_since() -> None:
    """What it says was committed stays so; nobody is there to acknowledge it to."""
    server = refreshing()
    server.raft.forget_leader()
    assert server.step(ConfirmRefreshResponse("b", "a", 1, 1, 9, ABC)) == []
    assert (server.raft.commit_index, server.raft.log.last_index) == (9, 9)


def test_a_state_of_a_later_term_is_not_adopted_before_that_term_is_entered() -> None:
    """A log's last term never lies beyond the server's own, or it could ask for votes that it cannot win."""
    server = refreshing(entry_term=2)
    assert server.step(ConfirmRefreshResponse("b", "a", 2, 2, 9, ABC)) == []
    assert (server.raft.current_term, server.raft.log.last_index) == (1, 1)


def test_a_candidate_adopts_nothing() -> None:
    """It has asked for votes with another log, and in a configuration that might now be over."""
    entries = (change(1, "abc"), change(2, "bc"))
    server = Server("a", RestoredState(HardState(1, None, 1), None, entries), pre_vote=False)
    server.step(chunk(0, None, done=True))
    server.raft.refreshed(1, 2)
    server.raft.campaign()
    server.step(ConfirmRefreshResponse("b", "a", 1, 1, 2, members("bc")))
    assert server.raft.role is Role.CANDIDATE
    assert server.raft.commit_index == 1


def test_an_adopted_state_outlives_a_restart() -> None:
    """The snapshot without data was persisted before it was acknowledged."""
    cluster = lagging()
    cluster["c"].raft.refreshed(2, 5)
    cluster.settle()
    cluster["c"].restart()
    assert cluster["c"].raft.commit_index == 5
    assert isinstance(cluster["c"].stored.snapshot, Snapshot)
