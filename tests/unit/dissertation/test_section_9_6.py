"""§9.6: Pre-Vote, so that a server that rejoins does not disturb the cluster."""

import pytest

from tests.unit.core.servers import TIMEOUT_MS, Cluster, Server, SpreadTimeouts, established, only, stored
from webraft_web.core.entry import HardState
from webraft_web.core.message import Heartbeat, PreVote, PreVoteResponse, RequestVote
from webraft_web.core.role import Role


def test_a_candidate_asks_before_it_increments_its_term() -> None:
    """It first asks whether others would vote for it in the next term, its own unchanged (§9.6)."""
    server = Server("a", stored(1, 1))
    asked = server.pass_time(TIMEOUT_MS)
    assert asked == [PreVote("a", "b", 2, 3, 1), PreVote("a", "c", 2, 3, 1)]
    assert server.raft.hard_state == HardState(1, None, 1)


@pytest.mark.parametrize(
    ("answers", "term"),
    [("", 1), ("b", 1), ("bb", 1), ("bx", 1), ("bc", 2)],
)
def test_a_term_begins_once_a_majority_is_willing(answers: str, term: int) -> None:
    """Only a majority of the cluster that would grant its votes lets it raise its term (§9.6)."""
    server = Server("a", stored(voters="abcde"))
    server.pass_time(TIMEOUT_MS)
    sent = server.step(*[PreVoteResponse(one, "a", 2, True) for one in answers])
    assert server.stored.hard_state == HardState(term, "a" if term == 2 else None, 1)
    assert len(only(sent, RequestVote)) == (4 if term == 2 else 0)


def test_a_candidate_that_is_refused_gives_up() -> None:
    """When a majority would not vote for it, it stays in its term and waits again (§9.6)."""
    server = Server("a")
    server.pass_time(TIMEOUT_MS)
    server.step(*[PreVoteResponse(one, "a", 1, False) for one in "bc"])
    assert (server.raft.role, server.raft.hard_state) == (Role.FOLLOWER, HardState(1, None, 1))
    assert server.pass_time(TIMEOUT_MS - 1) == []
    assert only(server.pass_time(1), PreVote)


@pytest.mark.parametrize(
    ("last_index", "last_term", "vote_granted"),
    [(9, 1, False), (2, 2, False), (3, 2, True), (2, 3, True)],
)
def test_voters_are_willing_if_the_log_is_up_to_date(
    last_index: int, last_term: int, vote_granted: bool
) -> None:
    """The candidate's log has to be as up-to-date as for a vote (§9.6, §3.6.1)."""
    server = Server("a", stored(1, 2))
    (answer,) = server.step(PreVote("b", "a", 3, last_index, last_term))
    assert answer == PreVoteResponse("a", "b", 3 if vote_granted else 2, vote_granted)


def test_voters_are_willing_if_they_hear_no_leader() -> None:
    """Within a baseline election timeout of a valid leader's heartbeat they are not (§9.6)."""
    server = Server("a", timeouts=SpreadTimeouts(4))  # its own wait is longer than the baseline
    server.step(Heartbeat("c", "a", 1, 1))
    server.pass_time(TIMEOUT_MS - 1)
    request = PreVote("b", "a", 2, 1, 1)
    assert only(server.step(request), PreVoteResponse) == []
    server.pass_time(1)
    assert server.step(request) == [PreVoteResponse("a", "b", 2, True)]


def test_a_leader_is_not_willing() -> None:
    """The leader of the term has the best reason to think that there is one (§9.6)."""
    server = established()
    server.pass_time(TIMEOUT_MS)
    assert server.step(PreVote("b", "a", 3, 9, 2)) == []
    assert (server.raft.is_leader, server.raft.current_term) == (True, 2)


def test_to_be_willing_binds_to_nothing() -> None:
    """Neither term, vote nor timer change, and several candidates may be told so (§9.6)."""
    server = Server("a")
    server.pass_time(TIMEOUT_MS - 1)
    answers = server.step(PreVote("b", "a", 2, 1, 1), PreVote("c", "a", 2, 1, 1), PreVote("b", "a", 9, 1, 1))
    assert [answer.vote_granted for answer in only(answers, PreVoteResponse)] == [True] * 3
    assert server.stored.hard_state == HardState(1, None, 1)
    assert only(server.pass_time(1), PreVote)


def test_a_partitioned_server_stays_in_its_term() -> None:
    """Without a majority to ask, it cannot increment its term however long it waits (§9.6)."""
    cluster = Cluster()
    cluster.elect("a")
    cluster.cut_off = {"c"}
    for _ in range(50):
        cluster["c"].pass_time(TIMEOUT_MS)
    assert cluster["c"].raft.role is Role.PRE_CANDIDATE
    assert cluster["c"].raft.current_term == 2


def test_a_server_that_rejoins_deposes_nobody() -> None:
    """The others hear the leader's heartbeats, so it still cannot increment its term (§9.6)."""
    cluster = Cluster()
    leader = cluster.elect("a")
    cluster.cut_off = {"c"}
    cluster.pass_time(5 * TIMEOUT_MS)
    for _ in range(8 * 5):
        cluster["c"].pass_time(TIMEOUT_MS // 8)
    cluster.cut_off = set()
    cluster.is_lost = lambda message: message.sender == "a" and message.receiver == "c"
    cluster.pass_time(20 * TIMEOUT_MS)
    asked = [one for one in only(cluster.sent, PreVote) if one.sender == "c"]
    assert len(asked) > 10
    assert (leader.raft.is_leader, {one.raft.current_term for one in cluster.servers.values()}) == (True, {2})


def test_a_server_that_rejoins_follows() -> None:
    """A heartbeat returns it to follower state, in the same term (§9.6)."""
    server = Server("a", stored(term=2))
    server.pass_time(TIMEOUT_MS)
    assert server.raft.role is Role.PRE_CANDIDATE
    server.step(Heartbeat("b", "a", 2, 1))
    assert (server.raft.role, server.raft.leader_id, server.raft.current_term) == (Role.FOLLOWER, "b", 2)
    server.step(PreVoteResponse("b", "a", 3, True), PreVoteResponse("c", "a", 3, True))
    assert server.raft.role is Role.FOLLOWER


def test_a_candidate_of_an_old_term_learns_of_the_newer() -> None:
    """Since its term does not rise by itself any more, refusals carry the voter's (§9.6)."""
    voter = Server("b", stored(term=5))
    refusals = voter.step(PreVote("a", "b", 2, 1, 1))
    assert refusals == [PreVoteResponse("b", "a", 5, False)]
    server = Server("a")
    server.pass_time(TIMEOUT_MS)
    server.step(*refusals)
    assert (server.raft.role, server.raft.current_term) == (Role.FOLLOWER, 5)


def test_an_election_still_succeeds_when_the_leader_is_gone() -> None:
    """Once the others have missed the leader for a timeout they are willing, and elect one (§9.6)."""
    cluster = Cluster()
    cluster.elect("a")
    cluster.cut_off = {"a"}
    cluster.pass_time(5 * TIMEOUT_MS, only_for="bc")
    assert cluster.leaders in (["a", "b"], ["a", "c"])
    assert cluster["b"].raft.current_term == 3
