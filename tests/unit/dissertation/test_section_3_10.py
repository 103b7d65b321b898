"""§3.10: handing the leadership over."""

import pytest

from tests.unit.core.servers import (
    HEARTBEAT_MS,
    TIMEOUT_MS,
    Cluster,
    Server,
    acknowledge,
    established,
    only,
)
from webraft_web.core.errors import NotLeaderError
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    Heartbeat,
    HeartbeatResponse,
    Message,
    Propose,
    ProposeResponse,
    RequestVote,
    RequestVoteResponse,
    TimeoutNow,
)
from webraft_web.core.role import Role


def test_step_1_no_new_requests() -> None:
    """The prior leader stops accepting client requests (§3.10, step 1)."""
    server = established()
    server.raft.transfer_leadership("b")
    with pytest.raises(NotLeaderError) as refused:
        server.raft.propose(["x"])
    assert refused.value.leader_hint == "b"
    answers = only(server.step(Propose("c", "a", 2, 7, ["x"])), ProposeResponse)
    assert answers == [ProposeResponse("a", "c", 2, 7, 0, 0, "not leader")]
    assert server.raft.log.last_index == 2


def test_step_2_the_target_is_brought_up_to_date() -> None:
    """By ordinary replication the target's log is made to match the prior leader's (§3.10, step 2)."""
    cluster = Cluster()
    leader = cluster.elect("a")
    cluster.cut_off = {"c"}
    leader.raft.propose(["x", "y"])
    cluster.settle()
    cluster.cut_off = set()
    log_at_the_end: list[int] = []

    def note(message: Message) -> bool:
        if isinstance(message, TimeoutNow):
            log_at_the_end.append(cluster["c"].raft.log.last_index)
        return False

    cluster.is_lost = note
    leader.raft.transfer_leadership("c")
    cluster.pass_time(TIMEOUT_MS)
    assert log_at_the_end == [4]
    assert cluster.leaders == ["c"]
    assert cluster["c"].commands == ["x", "y"]


def test_step_3_timeout_now_waits_for_the_whole_log() -> None:
    """Then, and only then, the prior leader sends TimeoutNow to the target (§3.10, step 3)."""
    server = established()
    server.raft.propose(["x"])
    server.raft.propose(["y"])
    server.settle()
    server.raft.transfer_leadership("b")
    assert only(server.settle(), TimeoutNow) == []
    assert only(acknowledge(server, "c"), TimeoutNow) == []
    assert only(acknowledge(server, "b", index=3), TimeoutNow) == []
    assert only(acknowledge(server, "b"), TimeoutNow) == [TimeoutNow("a", "b", 2)]


def test_step_3_timeout_now_starts_an_election() -> None:
    """It has the effect of the election timer: a new term, a candidate, at once (§3.10, step 3).

    No Pre-Vote comes before, since the voters still hear the prior leader.
    """
    server = Server("b")
    server.step(Heartbeat("a", "b", 2, 0))
    asked = server.step(TimeoutNow("a", "b", 2))
    assert (server.raft.role, server.raft.current_term) == (Role.CANDIDATE, 3)
    assert server.stored.hard_state[:2] == (3, "b")
    assert [(one.receiver, one.term) for one in only(asked, RequestVote)] == [("a", 3), ("c", 3)]


def test_the_request_has_permission_to_disrupt() -> None:
    """Its RequestVote is marked, so that servers that hear a leader answer it (§3.10, §4.2.3)."""
    target = Server("b")
    target.step(Heartbeat("a", "b", 2, 0))
    (request, _) = only(target.step(TimeoutNow("a", "b", 2)), RequestVote)
    assert request.is_transfer
    voter = Server("c")
    voter.step(Heartbeat("a", "c", 2, 0))
    assert voter.step(RequestVote("b", "c", 3, 1, 1)) == []
    marked = RequestVote("b", "c", 3, 1, 1, is_transfer=True)
    assert voter.step(marked) == [RequestVoteResponse("c", "b", 3, True)]


def test_the_prior_leader_steps_down() -> None:
    """The target's next message carries its new term, which completes the transfer (§3.10)."""
    server = established()
    server.raft.transfer_leadership("b")
    server.step(RequestVote("b", "a", 3, 2, 2, is_transfer=True))
    assert (server.raft.role, server.raft.current_term) == (Role.FOLLOWER, 3)
    assert server.raft.voted_for == "b"


def test_a_transfer_is_aborted() -> None:
    """After about an election timeout the prior leader resumes accepting requests (§3.10)."""
    cluster = Cluster()
    leader = cluster.elect("a")
    cluster.is_lost = lambda message: isinstance(message, TimeoutNow)
    leader.raft.transfer_leadership("c")
    cluster.settle()
    cluster.pass_time(TIMEOUT_MS - HEARTBEAT_MS // 2)
    with pytest.raises(NotLeaderError):
        leader.raft.propose(["x"])
    cluster.pass_time(HEARTBEAT_MS)
    leader.raft.propose(["x"])
    cluster.settle()
    assert leader.commands == ["x"]


def test_an_aborted_transfer_stays_so() -> None:
    """What the target acknowledges afterwards makes it campaign no more (§3.10)."""
    server = established()
    server.raft.propose(["x"])
    server.settle()
    server.raft.transfer_leadership("b")
    server.step(HeartbeatResponse("c", "a", 2))
    server.pass_time(TIMEOUT_MS)
    server.raft.propose(["y"])
    server.settle()
    assert only(acknowledge(server, "b", "c"), TimeoutNow) == []


def test_a_mistaken_abort_costs_an_election() -> None:
    """If the target was only late, one more election restores the service (§3.10)."""
    cluster = Cluster()
    leader = cluster.elect("a")
    late: list[Message] = []
    cluster.is_lost = lambda message: isinstance(message, TimeoutNow) and (late.append(message) or True)
    leader.raft.transfer_leadership("c")
    cluster.pass_time(2 * TIMEOUT_MS)
    leader.raft.propose(["between"])
    cluster.settle()
    cluster.under_way += late
    cluster.settle()
    assert (cluster.leaders, cluster["c"].raft.current_term) == (["c"], 3)
    cluster["c"].raft.propose(["after"])
    cluster.settle()
    assert [server.commands for server in cluster.servers.values()] == [["between", "after"]] * 3


def test_safety_is_that_of_any_election() -> None:
    """A transfer is an election like any other, so a target that lags is not elected (§3.10, §3.6.1)."""
    cluster = Cluster()
    leader = cluster.elect("a")
    cluster.cut_off = {"c"}
    leader.raft.propose(["x"])
    cluster.settle()
    cluster.cut_off = set()
    cluster.is_lost = lambda message: isinstance(message, AppendEntries | AppendEntriesResponse)
    cluster.under_way.append(TimeoutNow("a", "c", 2))
    cluster.settle()
    assert cluster.leaders == []
    assert not cluster["c"].raft.is_leader
    cluster.is_lost = lambda _message: False
    cluster.pass_time(5 * TIMEOUT_MS)
    assert [server.commands for server in cluster.servers.values()] == [["x"]] * 3
