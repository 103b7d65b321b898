"""What only a leader does: replicating, committing, handing over, stepping down."""

import pytest

from tests.unit.core.servers import (
    HEARTBEAT_MS,
    TIMEOUT_MS,
    Cluster,
    Server,
    acknowledge,
    change,
    command,
    established,
    leading,
    only,
    stored,
)
from webraft_web.core.entry import Entry, EntryKind, HardState
from webraft_web.core.errors import BadArgumentError, NotLeaderError, OverloadedError, RemoteProtocolError
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshotResponse,
    Propose,
    ProposeResponse,
    TimeoutNow,
)
from webraft_web.core.progress import ProgressState
from webraft_web.core.ready import RestoredState
from webraft_web.core.role import Role

# Committing


def test_an_older_terms_entries_are_never_committed_by_counting() -> None:
    """Held by a majority they can still be overwritten; an entry of the own term settles them (§3.6.2)."""
    server = leading(1, 1)
    acknowledge(server, "b", "c", index=3)
    assert server.raft.commit_index == 1
    acknowledge(server, "b", index=4)
    assert server.raft.commit_index == 4


def test_a_new_leader_first_appends_a_no_op() -> None:
    """It makes the term able to commit without waiting for a client (§3.6.2)."""
    server = leading(1)
    assert server.stored.entries[-1] == Entry(2, 3, EntryKind.NO_OP)


def test_a_leader_counts_itself_only_once_its_entries_are_durable() -> None:
    """Until its own disk has caught up, its followers alone have to be a majority (§10.2.1)."""
    server = established()
    server.raft.propose(["x"])
    ready = server.raft.ready()
    assert only(ready.messages, AppendEntries)
    server.raft.step(AppendEntriesResponse("b", "a", 2, True, 3))
    assert server.raft.commit_index == 2
    server.carry_out(ready)
    assert server.raft.commit_index == 3


def test_a_majority_of_followers_commits_without_the_leaders_disk() -> None:
    """The leader may even commit what it has not written yet (§10.2.1)."""
    server = established()
    server.raft.propose(["x"])
    server.raft.ready()
    for one in "bc":
        server.raft.step(AppendEntriesResponse(one, "a", 2, True, 3))
    assert server.raft.commit_index == 3


def test_a_cluster_of_one_commits_by_itself() -> None:
    """Its own write is the majority."""
    server = leading(voters="a")
    server.raft.propose(["x", "y"])
    server.settle()
    assert server.commands == ["x", "y"]


def test_a_new_commit_index_is_pushed_at_once() -> None:
    """Followers do not wait for the next heartbeat to apply."""
    server = established()
    server.raft.propose(["x"])
    server.settle()
    sent = acknowledge(server, "b")
    assert AppendEntries("a", "b", 2, 3, 2, [], 3) in sent
    assert AppendEntries("a", "c", 2, 3, 2, [], 3) in sent


def test_a_commit_is_pushed_once_to_each() -> None:
    """A later acknowledgement of the same entries has nothing to tell."""
    server = established()
    server.raft.propose(["x"])
    server.settle()
    acknowledge(server, "b")
    assert only(acknowledge(server, "c"), AppendEntries) == []


def test_an_old_acknowledgement_does_not_count_for_newer_entries() -> None:
    """What a follower holds is what it said, not what was sent to it."""
    server = established()
    server.raft.propose(["x", "y"])
    server.settle()
    acknowledge(server, "b", "c", index=2)
    assert server.raft.commit_index == 2
    acknowledge(server, "b", index=3)
    assert server.raft.commit_index == 3


def test_an_acknowledgement_of_entries_never_sent_is_refused() -> None:
    """A follower cannot hold what its leader does not."""
    server = established()
    with pytest.raises(RemoteProtocolError, match="the log ends at 2"):
        server.raft.step(AppendEntriesResponse("b", "a", 2, True, 3))
    with pytest.raises(RemoteProtocolError, match="read round"):
        server.raft.step(HeartbeatResponse("b", "a", 2, 1))


def test_strangers_acknowledgements_count_for_nothing() -> None:
    """An unknown incarnation at a member's address is not that member."""
    server = leading()
    for message in (
        AppendEntriesResponse("b2", "a", 2, True, 2),
        HeartbeatResponse("b2", "a", 2),
        InstallSnapshotResponse("b2", "a", 2, 2, 0),
    ):
        assert server.step(message) == []
    assert server.raft.commit_index == 1


# Replicating


def test_all_proposals_of_one_call_travel_in_one_message() -> None:
    """One message to each follower and one write, however many commands."""
    server = established()
    assert server.raft.propose(["x", "y", "z"]) == 3
    ready = server.raft.ready()
    entries = [command(3, 2, "x"), command(4, 2, "y"), command(5, 2, "z")]
    assert ready.messages == [
        AppendEntries("a", "b", 2, 2, 2, entries, 2),
        AppendEntries("a", "c", 2, 2, 2, entries, 2),
    ]
    assert ready.entries == entries


def test_entries_leave_before_they_are_acknowledged() -> None:
    """Messages are pipelined: the second does not wait for the first one's answer (§10.2.2)."""
    server = established()
    for data in "xyz":
        server.raft.propose([data])
    sent = only(server.settle(), AppendEntries, "b")
    assert [message.prev_log_index for message in sent] == [2, 3, 4]


def test_messages_under_way_are_bounded_in_number() -> None:
    """A follower that does not answer gets so many messages and no more."""
    server = established(max_inflight_messages=3)
    for data in "vwxyz":
        server.raft.propose([data])
    assert len(only(server.settle(), AppendEntries, "b")) == 3
    sent = only(acknowledge(server, "b", index=3), AppendEntries, "b")
    assert sum(len(message.entries) for message in sent) == 2


def test_messages_under_way_are_bounded_in_size() -> None:
    """A follower that does not answer gets so many characters and no more."""
    server = established(max_inflight_size=1000)
    for _ in range(10):
        server.raft.propose(["x" * 400])
    assert len(only(server.settle(), AppendEntries, "b")) == 3
    assert only(acknowledge(server, "b", index=3), AppendEntries, "b")[-1].entries


def test_one_message_is_bounded_in_size() -> None:
    """A long backlog goes in many messages."""
    server = established(max_message_size=1000)
    server.raft.propose(["x" * 400] * 7)
    sent = only(server.settle() + acknowledge(server, "b", index=4), AppendEntries, "b")
    assert max(len(message.entries) for message in sent) == 2
    assert sum(len(message.entries) for message in sent) == 7


def test_a_full_pipeline_is_probed_after_a_heartbeat() -> None:
    """If everything under way was lost, an empty message finds out where to go on."""
    server = established(max_inflight_messages=1)
    server.raft.propose(["x"])
    server.settle()
    sent = server.step(HeartbeatResponse("b", "a", 2))
    assert sent == [AppendEntries("a", "b", 2, 3, 2, [], 2)]
    sent = server.step(AppendEntriesResponse("b", "a", 2, False, 3, 2, 2))
    assert sent == [AppendEntries("a", "b", 2, 2, 2, [command(3, 2, "x")], 2)]


def test_a_refused_probe_goes_back_by_whole_terms() -> None:
    """The hint's term tells the leader which of its own entries cannot agree (§3.5)."""
    server = leading(1, 3, 3, 3, 3)
    assert server.peer("b").next_index == 7
    sent = server.step(AppendEntriesResponse("b", "a", 4, False, 6, 6, 2))
    assert only(sent, AppendEntries)[0].prev_log_index == 2


def test_a_diverged_follower_is_repaired_in_one_step_per_term() -> None:
    """Many conflicting entries of one term cost one refusal, not one each (§3.5)."""
    cluster = Cluster()
    cluster["a"].stored = stored(*[1, 1, *[3] * 10])
    cluster["b"].stored = stored(*[1, 1, *[2] * 10], term=3)
    for one in "ab":
        cluster[one].restart()
    cluster.elect("a")
    refusals = [
        one for one in only(cluster.sent, AppendEntriesResponse) if not one.success and one.sender == "b"
    ]
    assert len(refusals) == 1
    assert cluster["b"].stored.entries == cluster["a"].stored.entries


def test_a_matching_probe_turns_into_a_pipeline() -> None:
    """Probe, then replicate: the three states follow what is known (§3.5)."""
    server = leading()
    assert server.peer("b").state is ProgressState.PROBE
    acknowledge(server, "b")
    assert server.peer("b").state is ProgressState.REPLICATE
    server.raft.propose(["x"])
    server.settle()
    assert server.peer("b").next_index == 4


def test_a_broken_link_is_probed_before_it_is_filled_again() -> None:
    """What is under way there is lost, and an answer shows where to go on."""
    server = established()
    server.raft.propose(["x"])
    server.settle()
    server.raft.report_unreachable("b")
    assert (server.peer("b").state, server.peer("b").next_index) == (ProgressState.PROBE, 3)
    sent = server.step(HeartbeatResponse("b", "a", 2))
    assert only(sent, AppendEntries)[0].entries == [command(3, 2, "x")]
    acknowledge(server, "b")
    assert server.peer("b").state is ProgressState.REPLICATE


def test_a_broken_link_to_whom_nothing_is_under_way_changes_nothing() -> None:
    """One that is probed is not waited for anyhow, a stranger not at all, and a follower feeds nobody."""
    server = leading()
    before = server.peer("b").next_index
    server.raft.report_unreachable("b")
    server.raft.report_unreachable("stranger")
    assert (server.peer("b").state, server.peer("b").next_index) == (ProgressState.PROBE, before)
    follower = Server("b")
    follower.settle()
    follower.raft.report_unreachable("a")
    assert not follower.raft.has_ready()


def test_a_caught_up_follower_on_probe_recovers_with_the_next_heartbeat() -> None:
    """A heartbeat's answer brings an empty message, whose answer ends the probing."""
    cluster = Cluster()
    leader = cluster.elect("a")
    leader.raft.report_unreachable("b")
    cluster.pass_time(HEARTBEAT_MS)
    assert leader.peer("b").state is ProgressState.REPLICATE


def test_lost_entries_are_sent_again() -> None:
    """Raft's messages may all be lost once; a heartbeat later everything goes on."""
    cluster = Cluster()
    leader = cluster.elect("a")
    cluster.is_lost = lambda message: isinstance(message, AppendEntries)
    leader.raft.propose(["x", "y"])
    cluster.settle()
    cluster.is_lost = lambda _message: False
    cluster.pass_time(3 * HEARTBEAT_MS)
    assert [server.commands for server in cluster.servers.values()] == [["x", "y"]] * 3


def test_a_heartbeat_never_tells_more_than_the_receiver_holds() -> None:
    """A commit index beyond what matches could commit entries that the leader does not have."""
    server = established()
    server.raft.propose(["x"])
    acknowledge(server, "b")
    beats = only(server.pass_time(HEARTBEAT_MS), Heartbeat)
    assert beats == [Heartbeat("a", "b", 2, 3), Heartbeat("a", "c", 2, 2)]


def test_followers_that_hear_their_leader_stay_followers() -> None:
    """Heartbeats in time keep elections from starting (§3.4)."""
    cluster = Cluster()
    cluster.elect("a")
    cluster.pass_time(20 * TIMEOUT_MS)
    assert (cluster.leaders, cluster["a"].raft.current_term) == (["a"], 2)


# Bounds


def test_uncommitted_commands_are_bounded() -> None:
    """Beyond the limit nothing is appended, until earlier entries are committed and applied."""
    server = established(max_uncommitted_size=100)
    server.raft.propose(["x" * 70])
    with pytest.raises(OverloadedError, match="limit of 100"):
        server.raft.propose(["x" * 50])
    assert server.raft.log.last_index == 3
    refused = only(server.step(Propose("b", "a", 2, 1, ["x" * 50])), ProposeResponse)
    assert refused == [ProposeResponse("a", "b", 2, 1, 0, 0, "overloaded")]
    acknowledge(server, "b")
    assert server.raft.propose(["x" * 50]) == 4


def test_one_command_larger_than_the_bound_may_pass_alone() -> None:
    """Otherwise it could never be proposed."""
    server = established(max_uncommitted_size=100)
    assert server.raft.propose(["x" * 500]) == 3


def test_what_an_earlier_leadership_left_uncommitted_counts_towards_the_bound() -> None:
    """A leader deposed and elected again and again does not pile up more each time."""
    server = Server("a", stored(1, 1, 1, 1, 1), max_uncommitted_size=100)
    server.elect()
    with pytest.raises(OverloadedError):
        server.raft.propose(["x" * 50])


def test_what_is_committed_but_not_applied_counts_towards_the_bound() -> None:
    """A slow application slows its clients down instead of filling the memory."""
    server = established(max_uncommitted_size=100)
    server.raft.propose(["x" * 70])
    server.raft.ready()
    server.raft.advance()
    server.raft.step(AppendEntriesResponse("b", "a", 2, True, 3))
    ready = server.raft.ready()
    server.raft.advance()
    assert [entry.index for entry in ready.committed_entries] == [3]
    with pytest.raises(OverloadedError):
        server.raft.propose(["x" * 50])
    server.raft.applied_to(3)
    assert server.raft.propose(["x" * 50]) == 4


# The quorum check


def test_a_leader_without_a_majority_steps_down() -> None:
    """Clients learn that it cannot commit, and look for another (§6.2)."""
    server = established()
    server.pass_time(TIMEOUT_MS)
    server.pass_time(TIMEOUT_MS)
    assert (server.raft.role, server.raft.leader_id) == (Role.FOLLOWER, None)


def test_a_leader_that_hears_a_majority_stays() -> None:
    """One answer of two others in every election timeout is enough (§6.2)."""
    server = established()
    for _ in range(10):
        server.pass_time(TIMEOUT_MS)
        server.step(HeartbeatResponse("b", "a", 2))
    assert server.raft.is_leader
    assert server.raft.voters_heard() == ["a", "b"]


@pytest.mark.parametrize(("voters", "answering"), [("ab", ""), ("abcd", "b")])
def test_half_the_voters_silent_do_not_depose_a_leader(voters: str, answering: str) -> None:
    """Only when the silent ones alone are a majority could they have elected another."""
    server = established(voters, tends_membership=False)
    for _ in range(5):
        server.pass_time(TIMEOUT_MS)
        for one in answering:
            server.step(HeartbeatResponse(one, "a", 2))
    assert server.raft.is_leader
    server = established(voters + "xy", tends_membership=False)
    server.pass_time(TIMEOUT_MS)
    server.pass_time(TIMEOUT_MS)
    assert not server.raft.is_leader


def test_half_the_voters_silent_depose_a_leader_that_has_committed_nothing_yet() -> None:
    """It may not shrink the configuration yet (§4.1), and would keep its clients waiting for nothing."""
    server = leading(voters="ab")
    server.raft.propose(["waiting"])
    server.pass_time(TIMEOUT_MS)
    assert not server.raft.is_leader


def test_without_check_quorum_a_leader_stays_alone() -> None:
    """The option leaves the basic algorithm as it was."""
    server = established(check_quorum=False)
    for _ in range(5):
        server.pass_time(TIMEOUT_MS)
    assert server.raft.is_leader


# Handing over (§3.10)


def test_leadership_is_handed_to_a_caught_up_server_at_once() -> None:
    """The target hears TimeoutNow and leads in the next term, without anybody waiting."""
    cluster = Cluster()
    leader = cluster.elect("a")
    leader.raft.transfer_leadership("c")
    cluster.settle()
    assert (cluster.leaders, cluster["c"].raft.current_term) == (["c"], 3)


def test_the_target_is_brought_up_to_date_first() -> None:
    """TimeoutNow waits until the target holds everything, or it could not win."""
    server = established()
    server.raft.propose(["x"])
    server.settle()
    server.raft.transfer_leadership("b")
    assert only(server.settle(), TimeoutNow) == []
    assert only(acknowledge(server, "b"), TimeoutNow) == [TimeoutNow("a", "b", 2)]


def test_proposals_are_refused_during_a_transfer() -> None:
    """New entries would keep the target from ever being up to date."""
    server = established()
    server.raft.transfer_leadership("b")
    with pytest.raises(NotLeaderError) as refused:
        server.raft.propose(["x"])
    assert refused.value.leader_hint == "b"


def test_a_transfer_that_fails_ends_after_an_election_timeout() -> None:
    """The old leader goes on if the target does not take over."""
    server = established()
    server.raft.transfer_leadership("b")
    server.pass_time(TIMEOUT_MS - 1)
    with pytest.raises(NotLeaderError):
        server.raft.propose(["x"])
    server.pass_time(1)
    assert server.raft.propose(["x"]) == 3


def test_a_transfer_to_oneself_takes_an_earlier_one_back() -> None:
    """The leader stays and serves again."""
    server = established()
    server.raft.transfer_leadership("b")
    server.raft.transfer_leadership("a")
    assert server.raft.propose(["x"]) == 3


def test_only_a_voter_can_be_handed_the_leadership() -> None:
    """Others could not win the election."""
    server = established()
    with pytest.raises(BadArgumentError, match="no voter"):
        server.raft.transfer_leadership("d")


def test_a_restarted_leader_is_no_leader() -> None:
    """Leadership is volatile: a restarted server follows until it is elected again (Fig. 3.1)."""
    server = established()
    server.restart()
    assert server.raft.role is Role.FOLLOWER
    assert server.raft.hard_state == HardState(2, "a", 2)


def test_a_leader_that_removed_itself_but_crashed_leads_until_that_is_committed() -> None:
    """Of two servers the removed one alone holds its removal, so only it can be elected (§4.2.2)."""
    cluster = Cluster("ab")
    leader = cluster.elect("a")
    cluster.cut_off = {"b"}
    leader.raft.remove_server("a")
    cluster.settle()
    leader.restart()
    cluster.cut_off = set()
    cluster.pass_time(5 * TIMEOUT_MS)
    assert cluster.leaders == ["b"]
    assert cluster["b"].raft.configuration.servers == ("b",)


def test_a_restored_log_keeps_its_uncommitted_configuration_in_force() -> None:
    """Effective at append means effective after a restart too (§4.1)."""
    entries = (change(1, "abc"), change(2, "abcd"))
    server = Server("a", RestoredState(HardState(1, None, 1), None, entries))
    assert server.raft.configuration.voters == ("a", "b", "c", "d")
