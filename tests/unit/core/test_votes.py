"""Votes and terms where a second chance would be a second vote."""

from tests.unit.core.servers import (
    TIMEOUT_MS,
    Cluster,
    Server,
    acknowledge,
    command,
    established,
    leading,
    only,
    stored,
)
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    Heartbeat,
    HeartbeatResponse,
    PreVote,
    PreVoteResponse,
    RequestVote,
    RequestVoteResponse,
    TimeoutNow,
)
from webraft_web.core.role import Role


def test_a_candidate_that_lost_still_has_no_vote_to_give() -> None:
    """It gave that to itself: a role ends within a term, the vote does not (§3.4)."""
    server = Server("a", pre_vote=False)
    server.raft.campaign()
    server.settle()
    server.step(RequestVoteResponse("b", "a", 2, False), RequestVoteResponse("c", "a", 2, False))
    assert server.raft.role is Role.FOLLOWER
    answers = server.step(RequestVote("b", "a", 2, 9, 1))
    assert answers == [RequestVoteResponse("a", "b", 2, False)]


def test_a_new_term_brings_a_new_vote() -> None:
    """Whoever got the last one (§3.4)."""
    server = Server("a")
    assert server.step(RequestVote("b", "a", 2, 1, 1)) == [RequestVoteResponse("a", "b", 2, True)]
    assert server.step(RequestVote("c", "a", 3, 1, 1)) == [RequestVoteResponse("a", "c", 3, True)]


def test_a_granted_pre_vote_leaves_the_vote_of_the_term_where_it_is() -> None:
    """It promises nothing: the vote was given to another, and stays given (§9.6)."""
    server = Server("a")
    server.step(RequestVote("b", "a", 2, 1, 1))
    assert server.step(PreVote("c", "a", 3, 1, 1)) == [PreVoteResponse("a", "c", 3, True)]
    assert server.step(RequestVote("c", "a", 2, 1, 1)) == [RequestVoteResponse("a", "c", 2, False)]


def test_a_vote_in_a_term_that_is_known_already_is_written_too() -> None:
    """Otherwise it could be given again after a crash (§3.8)."""
    server = Server("a", stored(term=2))
    server.raft.step(RequestVote("b", "a", 2, 1, 1))
    ready = server.raft.ready()
    assert ready.must_persist
    assert ready.hard_state is not None
    assert ready.hard_state.voted_for == "b"


def test_a_server_never_campaigns_twice_in_one_term() -> None:
    """It may have led that term before it was restarted (§3.4)."""
    server = Server("a", pre_vote=False)
    server.raft.campaign()
    server.settle()
    server.restart()
    server.pass_time(TIMEOUT_MS)
    assert (server.raft.role, server.raft.current_term) == (Role.CANDIDATE, 3)


def test_a_candidate_follows_nobody() -> None:
    """Whoever led the term before is not asked to lead in this one: nothing is forwarded there (§3.4)."""
    server = Server("a")
    server.step(AppendEntries("b", "a", 1, 1, 1, [], 1))
    assert server.raft.leader_id == "b"
    server.step(TimeoutNow("b", "a", 1))
    assert (server.raft.role, server.raft.leader_id) == (Role.CANDIDATE, None)


def test_a_leader_of_one_term_is_none_in_the_next() -> None:
    """However it hears of the newer term (§3.3)."""
    server = established()
    server.step(AppendEntriesResponse("b", "a", 3, False, 1))
    assert (server.raft.role, server.raft.current_term) == (Role.FOLLOWER, 3)


def test_a_removed_leader_steps_down_by_itself() -> None:
    """As soon as its removal is committed, even if whoever is to lead next never hears of it (§4.2.2)."""
    cluster = Cluster()
    leader = cluster.elect("a")
    cluster.is_lost = lambda message: isinstance(message, TimeoutNow)
    leader.raft.remove_server("a")
    cluster.settle()
    assert only(cluster.sent, TimeoutNow)
    assert cluster.leaders == []


def test_a_follower_that_hears_its_leader_waits_on() -> None:
    """Its wait begins anew with every heartbeat (§3.4)."""
    server = Server("a")
    for _ in range(5):
        server.step(Heartbeat("b", "a", 1, 1, 0))
        assert server.pass_time(TIMEOUT_MS - 10) == []
    assert server.raft.role is Role.FOLLOWER


def test_whoever_has_voted_gives_the_candidate_time() -> None:
    """Its wait begins anew with its vote, in a term that it knew already, too (§3.4)."""
    server = Server("a", stored(term=2))
    server.pass_time(TIMEOUT_MS - 10)
    server.step(RequestVote("b", "a", 2, 1, 1))
    assert server.pass_time(TIMEOUT_MS - 10) == []
    assert server.pass_time(10) != []


def test_non_voting_members_elect_nobody_and_keep_nobody_from_it() -> None:
    """A majority is one of the voters, whatever the others say (§4.2.1)."""
    state = stored(voters="abc", non_voting="defg")
    server = Server("a", state, pre_vote=False)
    server.raft.campaign()
    server.settle()
    server.step(*[RequestVoteResponse(one, "a", 2, True) for one in "defg"])
    assert not server.raft.is_leader
    server.step(RequestVoteResponse("b", "a", 2, True))
    assert server.raft.is_leader


def test_non_voting_members_keep_no_leader_and_confirm_no_read() -> None:
    """They may be many, and know of none of the voters' elections (§6.2, §6.4)."""
    server = Server("a", stored(voters="abc", non_voting="defg"), tends_membership=False)
    server.elect()
    acknowledge(server, *"bc")
    server.raft.read_index(1)
    server.settle()
    newest = server.leadership.reads.newest
    server.step(*[HeartbeatResponse(one, "a", 2, newest) for one in "defg"])
    assert server.read_states == []
    server.pass_time(TIMEOUT_MS)
    server.step(*[HeartbeatResponse(one, "a", 2, newest) for one in "defg"])
    server.pass_time(TIMEOUT_MS)
    assert not server.raft.is_leader


def test_who_is_no_member_acknowledges_nothing() -> None:
    """And nothing that it says is put down to anybody else (§4.1)."""
    server = established()
    server.raft.propose(["x"])
    server.raft.ready()
    server.raft.step(AppendEntriesResponse("z", "a", 2, True, 3))
    server.raft.step(AppendEntriesResponse("b", "a", 2, True, 3))
    assert server.raft.commit_index == 2


def test_a_new_incarnation_holds_nothing() -> None:
    """Whatever the server before it at its address has acknowledged (§4.1)."""
    server = established()
    assert server.peer("c").match_index == 2
    server.raft.replace_server("c", "d")
    assert server.peer("d").match_index == 0
    acknowledge(server, "b")
    server.raft.propose(["x"])
    server.settle()
    assert server.raft.commit_index == 3


def test_two_of_four_confirm_no_read() -> None:
    """Half is no majority: the other half may have elected another (§6.4)."""
    server = established("abcd")
    server.raft.read_index(1)
    server.settle()
    newest = server.leadership.reads.newest
    server.step(HeartbeatResponse("b", "a", 2, newest))
    assert server.read_states == []
    server.step(HeartbeatResponse("c", "a", 2, newest))
    assert len(server.read_states) == 1


def test_a_leader_acknowledged_by_half_of_four_commits_nothing() -> None:
    """Nor does half make a commit (§3.6)."""
    server = leading(voters="abcd")
    acknowledge(server, "b")
    assert server.raft.commit_index == 1
    acknowledge(server, "c")
    assert server.raft.commit_index == 2


def test_what_a_follower_holds_beyond_a_message_is_not_acknowledged() -> None:
    """Its log may differ there from the leader's (§3.5)."""
    server = Server("a", stored(1, 1, 1))
    sent = server.step(AppendEntries("b", "a", 2, 1, 1, [command(2, 1)], 1))
    assert sent == [AppendEntriesResponse("a", "b", 2, True, 2)]


def test_who_has_heard_the_leader_of_a_term_votes_for_nobody_else_in_it() -> None:
    """Not even where its own vote was never given: that leader is elected (§3.4)."""
    server = Server("a")
    server.step(Heartbeat("b", "a", 2, 0))
    assert server.raft.voted_for is None
    assert server.step(RequestVote("c", "a", 2, 9, 1)) == [RequestVoteResponse("a", "c", 2, False)]
