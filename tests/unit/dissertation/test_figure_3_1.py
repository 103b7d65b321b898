"""Figure 3.1, the summary of the basic algorithm: state, both RPCs, and the rules for servers."""

import pytest

from tests.unit import cluster as driven
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
    persisted,
    stored,
)
from webraft_web.core.entry import Committed, EntryKind, HardState
from webraft_web.core.errors import LocalProtocolError, NotLeaderError
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    Heartbeat,
    HeartbeatResponse,
    Message,
    PreVote,
    PreVoteResponse,
    RequestVote,
    RequestVoteResponse,
)
from webraft_web.core.ready import RestoredState, may_go_early
from webraft_web.core.role import Role

# State


def test_current_term() -> None:
    """currentTerm: the latest term seen; 0 on first boot, persisted, never falling (Fig. 3.1, §3.3, §3.8)."""
    server = Server("a", RestoredState())
    assert server.raft.current_term == 0
    server.step(Heartbeat("b", "a", 3, 0))
    server.step(Heartbeat("b", "a", 2, 0))
    server.restart()
    assert server.raft.current_term == 3


def test_voted_for() -> None:
    """votedFor: who got the vote of this term, or none; on disk before the answer leaves (Fig. 3.1, §3.8)."""
    server = Server("a")
    assert server.raft.voted_for is None
    server.raft.step(RequestVote("b", "a", 2, 1, 1))
    ready = server.raft.ready()
    assert ready.must_persist
    assert persisted(server.stored, ready).hard_state.voted_for == "b"
    assert ready.messages == [RequestVoteResponse("a", "b", 2, True)]
    assert not may_go_early(ready.messages[0])
    server.carry_out(ready)
    server.step(Heartbeat("c", "a", 3, 0))
    assert server.raft.voted_for is None


def test_log() -> None:
    """log[]: commands, each with the term in which its leader got it, from index 1 on (Fig. 3.1, §3.5)."""
    leader = Server("a", RestoredState(HardState(1), None, (change(1, "a"),)))
    leader.elect()
    leader.raft.propose(["x"])
    leader.settle()
    assert [(one.index, one.term, one.data) for one in leader.stored.entries[2:]] == [(3, 2, "x")]
    follower = Server("b", RestoredState())
    follower.raft.step(AppendEntries("a", "b", 2, 0, 0, list(leader.stored.entries), 0))
    ready = follower.raft.ready()
    assert only(ready.messages, AppendEntriesResponse)
    assert persisted(follower.stored, ready).entries == leader.stored.entries
    assert ready.entries[0].index == 1


def test_commit_index() -> None:
    """commitIndex: the highest index known to be committed; 0 at first, never falling (Fig. 3.1)."""
    server = Server("a", RestoredState())
    assert server.raft.commit_index == 0
    server.step(AppendEntries("b", "a", 1, 0, 0, [change(1, "ab"), command(2), command(3)], 3))
    server.step(Heartbeat("b", "a", 1, 2))
    server.step(AppendEntries("b", "a", 1, 3, 1, [], 1))
    assert server.raft.commit_index == 3


def test_last_applied() -> None:
    """lastApplied: the highest index applied; volatile, 0 after a start, never falling (Fig. 3.1)."""
    server = Server("a", stored(1, 1, voters="a", commit_index=3))
    assert server.raft.last_applied == 0
    server.settle()
    assert server.raft.last_applied == 3
    with pytest.raises(LocalProtocolError, match="3 was applied before"):
        server.raft.applied_to(2)
    server.restart()
    assert server.raft.last_applied == 0


def test_next_index() -> None:
    """nextIndex[]: what to send next; set to the leader's last index + 1 at each election (Fig. 3.1)."""
    server = leading(1, 1)
    server.step(AppendEntriesResponse("b", "a", 2, False, 3, 1, 1))
    assert server.peer("b").next_index == 2
    server.step(Heartbeat("c", "a", 3, 0))
    last_index = server.raft.log.last_index
    sent = only(server.elect(), AppendEntries)
    assert [message.prev_log_index for message in sent] == [last_index, last_index]


def test_match_index() -> None:
    """matchIndex[]: what a follower is known to hold; 0 at each election, then only rising (Fig. 3.1)."""
    server = established()
    acknowledge(server, "b", index=1)
    assert server.peer("b").match_index == 2
    server.step(Heartbeat("c", "a", 3, 0))
    server.elect()
    assert (server.peer("b").match_index, server.peer("c").match_index) == (0, 0)


# AppendEntries RPC


def test_append_entries_names_the_leader() -> None:
    """leaderId: with it a follower can redirect its clients (Fig. 3.1, AppendEntries, arguments)."""
    server = Server("a")
    server.step(AppendEntries("b", "a", 1, 1, 1, [], 0))
    with pytest.raises(NotLeaderError) as refused:
        server.raft.propose(["x"])
    assert refused.value.leader_hint == "b"


@pytest.mark.parametrize(
    "message", [AppendEntries("b", "a", 2, 1, 1, [command(2, 2)], 2), Heartbeat("b", "a", 2, 1)]
)
def test_append_entries_1(message: Message) -> None:
    """A receiver in a newer term refuses, and answers with that term (Fig. 3.1, AppendEntries 1, §3.3).

    The answer deposes its reader by its term, and acknowledges no index.
    """
    server = Server("a", stored(term=5))
    assert server.step(message) == [AppendEntriesResponse("a", "b", 5, True, 0)]
    assert (server.raft.log.last_index, server.raft.leader_id) == (1, None)
    stale = established()
    stale.step(AppendEntriesResponse("b", "a", 5, True, 0))
    assert (stale.raft.role, stale.raft.current_term) == (Role.FOLLOWER, 5)


@pytest.mark.parametrize(("prev_index", "prev_term"), [(4, 1), (3, 2)])
def test_append_entries_2(prev_index: int, prev_term: int) -> None:
    """It refuses without an entry at prevLogIndex of prevLogTerm (Fig. 3.1, AppendEntries 2, §3.5)."""
    server = Server("a", stored(1, 1))
    new = command(prev_index + 1, 2)
    (answer,) = server.step(AppendEntries("b", "a", 2, prev_index, prev_term, [new], 9))
    assert isinstance(answer, AppendEntriesResponse)
    assert (answer.success, answer.index) == (False, prev_index)
    assert [entry.term for entry in server.stored.entries] == [1, 1, 1]
    assert server.raft.commit_index == 1


def test_append_entries_3() -> None:
    """An entry that conflicts with a new one goes, with all after it (Fig. 3.1, AppendEntries 3, §3.5)."""
    server = Server("a", stored(1, 1, 1, 1))
    server.step(AppendEntries("b", "a", 2, 2, 1, [command(3, 2)], 1))
    assert [entry.term for entry in server.stored.entries] == [1, 1, 2]
    server.restart()
    assert server.raft.log.last_index == 3


def test_append_entries_4() -> None:
    """Only entries that are not in the log yet are appended; the others stay (Fig. 3.1, AppendEntries 4)."""
    server = Server("a", stored(1, 1, 1))
    server.step(AppendEntries("b", "a", 1, 1, 1, [command(2), command(3)], 1))
    assert server.raft.log.last_index == 4
    server.raft.step(AppendEntries("b", "a", 1, 3, 1, [command(4), command(5)], 1))
    ready = server.raft.ready()
    assert ready.entries == [command(5)]


@pytest.mark.parametrize(("leader_commit", "expected"), [(2, 2), (3, 3), (9, 3)])
def test_append_entries_5(leader_commit: int, expected: int) -> None:
    """commitIndex becomes leaderCommit, or the last new entry's index (Fig. 3.1, AppendEntries 5).

    What lies beyond the last entry of the message may differ from the leader's.
    """
    server = Server("a", stored(1, 1, 1))
    server.step(AppendEntries("b", "a", 2, 2, 1, [command(3)], leader_commit))
    assert server.raft.commit_index == expected


# RequestVote RPC


def test_request_vote_1() -> None:
    """A candidate of an older term gets no vote (Fig. 3.1, RequestVote 1, §3.3).

    Nothing is answered, which elects nobody either; its next Pre-Vote tells it the newer term.
    """
    server = Server("a", stored(term=5))
    assert server.step(RequestVote("b", "a", 4, 9, 4)) == []
    assert server.raft.voted_for is None
    assert server.step(PreVote("b", "a", 5, 1, 1))[0].term == 5
    candidate = Server("b")
    candidate.pass_time(TIMEOUT_MS)
    candidate.step(PreVoteResponse("a", "b", 5, False))
    assert (candidate.raft.current_term, candidate.raft.role) == (5, Role.FOLLOWER)


def test_request_vote_2_one_vote_in_a_term() -> None:
    """The vote goes to a candidate only if none, or the same one, has it (Fig. 3.1, RequestVote 2, §3.4)."""
    server = Server("a")
    answers = server.step(RequestVote("b", "a", 2, 1, 1))
    server.restart()
    answers += server.step(RequestVote("c", "a", 2, 9, 2), RequestVote("b", "a", 2, 1, 1))
    assert answers == [
        RequestVoteResponse("a", "b", 2, True),
        RequestVoteResponse("a", "c", 2, False),
        RequestVoteResponse("a", "b", 2, True),
    ]


@pytest.mark.parametrize(
    ("last_index", "last_term", "vote_granted"),
    [(9, 1, False), (3, 2, False), (4, 2, True), (5, 2, True), (1, 3, True)],
)
def test_request_vote_2_only_for_an_up_to_date_log(
    last_index: int, last_term: int, vote_granted: bool
) -> None:
    """The later last term is more up-to-date, then the longer log (Fig. 3.1, RequestVote 2, §3.6.1)."""
    server = Server("a", stored(1, 2, 2))
    answer = server.step(RequestVote("b", "a", 3, last_index, last_term))
    assert answer == [RequestVoteResponse("a", "b", 3, vote_granted)]


# Rules for all servers


def test_all_servers_apply_what_is_committed() -> None:
    """While commitIndex is ahead of lastApplied, the next entry is applied, in order (Fig. 3.1, §3.5)."""
    server = Server("a", stored(1, 1, 1))
    server.step(Heartbeat("b", "a", 1, 3))
    assert [entry.index for entry in server.applied] == [1, 2, 3]
    server.step(Heartbeat("b", "a", 1, 4))
    assert [entry.index for entry in server.applied] == [1, 2, 3, 4]
    assert server.raft.last_applied == server.raft.commit_index == 4


@pytest.mark.parametrize(
    "message",
    [
        AppendEntries("b", "a", 7, 1, 1, [], 0),
        AppendEntriesResponse("b", "a", 7, True, 0),
        Heartbeat("b", "a", 7, 0),
        HeartbeatResponse("b", "a", 7),
        RequestVote("b", "a", 7, 1, 1),
        RequestVoteResponse("b", "a", 7, False),
    ],
)
@pytest.mark.parametrize("role", Role)
def test_all_servers_follow_in_a_newer_term(role: Role, message: Message) -> None:
    """A request or an answer of a larger term sets currentTerm, and makes one a follower (Fig. 3.1, §3.3).

    A leader whose followers answer ignores requests for votes alone (§4.2.3), so here it doesn't check.
    """
    server = Server("a", check_quorum=False, pre_vote=role is Role.PRE_CANDIDATE)
    if role is Role.LEADER:
        server.elect()
    elif role is not Role.FOLLOWER:
        server.pass_time(TIMEOUT_MS)
    assert server.raft.role is role
    server.step(message)
    assert (server.raft.role, server.raft.current_term) == (Role.FOLLOWER, 7)
    assert server.stored.hard_state.term == 7


# Rules for followers


@pytest.mark.parametrize(
    "message",
    [
        AppendEntries("b", "a", 1, 1, 1, [], 0),
        AppendEntries("b", "a", 1, 9, 1, [], 0),
        Heartbeat("b", "a", 1, 0),
        RequestVote("b", "a", 2, 1, 1),
        RequestVote("b", "a", 2, 0, 0),
        PreVote("b", "a", 2, 1, 1),
    ],
)
def test_followers_respond(message: Message) -> None:
    """A follower answers candidates and leaders, and sends nothing of its own (Fig. 3.1, followers, §3.4)."""
    server = Server("a")
    assert server.pass_time(TIMEOUT_MS - 1) == []
    assert [answer.receiver for answer in server.step(message)] == ["b"]


@pytest.mark.parametrize(
    ("message", "is_reset"),
    [
        (AppendEntries("b", "a", 2, 1, 1, [], 0), True),
        (Heartbeat("b", "a", 2, 0), True),
        (RequestVote("b", "a", 2, 1, 1), True),
        (RequestVote("b", "a", 2, 0, 0), False),
        (PreVote("b", "a", 3, 1, 1), False),
        (AppendEntries("b", "a", 1, 1, 1, [], 0), False),
    ],
)
def test_followers_become_candidates(message: Message, is_reset: bool) -> None:
    """Whoever, for an election timeout, heard no leader and gave no vote campaigns (Fig. 3.1, §3.4).

    A vote refused, a vote only promised, and a leader of an older term do not count.
    """
    server = Server("a", stored(term=2), pre_vote=False)
    server.pass_time(TIMEOUT_MS - 1)
    server.step(message)
    server.pass_time(1)
    assert server.raft.role is (Role.FOLLOWER if is_reset else Role.CANDIDATE)
    server.pass_time(TIMEOUT_MS - 1)
    assert server.raft.role is Role.CANDIDATE


# Rules for candidates


def test_candidates_start_an_election() -> None:
    """Next term, own vote, timer reset, RequestVote to all others (Fig. 3.1, candidates, §3.4).

    The requests leave in the batch that persists term and vote, and none of them before.
    """
    server = Server("a", stored(1, 2), pre_vote=False)
    server.now_ms = TIMEOUT_MS
    server.raft.tick(server.now_ms)
    ready = server.raft.ready()
    assert ready.hard_state == HardState(3, "a", 1)
    assert ready.messages == [RequestVote("a", "b", 3, 3, 2), RequestVote("a", "c", 3, 3, 2)]
    assert not any(may_go_early(message) for message in ready.messages)
    assert server.raft.deadline_ms == 2 * TIMEOUT_MS


def test_candidates_become_leaders() -> None:
    """Votes of a majority make a candidate the leader, and one vote less does not (Fig. 3.1, §3.4)."""
    server = Server("a", stored(voters="abcde"), pre_vote=False)
    server.pass_time(TIMEOUT_MS)
    vote = RequestVoteResponse("b", "a", 2, True)
    server.step(vote, vote, vote)
    assert server.raft.role is Role.CANDIDATE
    server.step(RequestVoteResponse("c", "a", 2, True))
    assert server.raft.role is Role.LEADER


def test_candidates_follow_a_new_leader() -> None:
    """AppendEntries of the term's leader makes a candidate its follower (Fig. 3.1, candidates, §3.4)."""
    server = Server("a", pre_vote=False)
    server.pass_time(TIMEOUT_MS)
    server.step(AppendEntries("b", "a", 2, 1, 1, [command(2, 2)], 1))
    assert (server.raft.role, server.raft.leader_id) == (Role.FOLLOWER, "b")
    assert server.raft.log.last_index == 2


def test_candidates_try_again() -> None:
    """When the election timeout passes without a winner, a new election starts (Fig. 3.1, §3.4)."""
    server = Server("a", pre_vote=False)
    server.pass_time(TIMEOUT_MS)
    assert only(server.pass_time(TIMEOUT_MS - 1), RequestVote) == []
    asked = only(server.pass_time(1), RequestVote)
    assert [message.term for message in asked] == [3, 3]


# Rules for leaders


def test_leaders_assert_themselves() -> None:
    """AppendEntries to each server at once, and heartbeats while idle (Fig. 3.1, leaders, §3.4)."""
    server = Server("a")
    assert [message.receiver for message in only(server.elect(), AppendEntries)] == ["b", "c"]
    acknowledge(server, "b", "c")
    for _ in range(5):
        sent = server.pass_time(HEARTBEAT_MS)
        assert [message.receiver for message in only(sent, Heartbeat)] == ["b", "c"]
        server.step(HeartbeatResponse("b", "a", 2), HeartbeatResponse("c", "a", 2))
    assert HEARTBEAT_MS < TIMEOUT_MS


def test_leaders_respond_once_a_command_is_applied() -> None:
    """A client's command goes to the own log, and is answered after it was applied (Fig. 3.1, §3.5)."""

    async def main() -> None:
        cluster = driven.Cluster(3)
        leader = await cluster.leader()
        await driven.settle()
        leader.machine.is_manual = True
        proposal = leader.propose("x")
        await driven.settle()
        index, applied = leader.machine.pending[0]
        assert leader.raft.commit_index == leader.raft.log.last_index == index
        assert not proposal.done()
        applied(index)
        assert await proposal == Committed(leader.raft.current_term, index)

    driven.run(main())


def test_leaders_send_what_a_follower_lacks() -> None:
    """If the log goes as far as nextIndex, AppendEntries starts there (Fig. 3.1, leaders)."""
    server = established()
    server.raft.propose(["x"])
    server.raft.propose(["y"])
    sent = only(server.settle(), AppendEntries, "b")
    assert [message.prev_log_index + 1 for message in sent] == [3, 4]
    assert [entry.data for message in sent for entry in message.entries] == ["x", "y"]


def test_leaders_note_a_success() -> None:
    """A success moves the follower's nextIndex and matchIndex (Fig. 3.1, leaders, §3.5)."""
    server = leading()
    acknowledge(server, "b")
    assert (server.peer("b").match_index, server.peer("b").next_index) == (2, 3)
    assert (server.peer("c").match_index, server.peer("c").next_index) == (0, 2)


def test_leaders_step_back_after_a_refusal() -> None:
    """A refusal lowers nextIndex, and AppendEntries is tried again there (Fig. 3.1, leaders, §3.5)."""
    server = leading(1, 1, 1)
    for hint in (3, 2, 1):
        sent = server.step(AppendEntriesResponse("b", "a", 2, False, hint + 1, hint, 1))
        assert [message.prev_log_index for message in only(sent, AppendEntries, "b")] == [hint]
        assert [entry.index for entry in sent[0].entries] == [*range(hint + 1, 6)]
    cluster = Cluster()
    cluster["a"].stored = stored(1, 2, 2)
    cluster["a"].restart()
    cluster.elect("a")
    assert cluster["b"].stored.entries == cluster["a"].stored.entries


def test_leaders_commit_what_a_majority_holds() -> None:
    """The largest N in matchIndex of a majority is committed (Fig. 3.1, leaders, §3.5)."""
    server = established("abcde")
    server.raft.propose(["x", "y", "z"])
    server.settle()
    acknowledge(server, "b", index=5)
    assert server.raft.commit_index == 2
    acknowledge(server, "c", index=4)
    assert server.raft.commit_index == 4
    acknowledge(server, "d", index=3)
    assert server.raft.commit_index == 4
    acknowledge(server, "d", index=5)
    assert server.raft.commit_index == 5


def test_leaders_commit_by_counting_only_what_is_of_their_term() -> None:
    """… if log[N] is of currentTerm; what precedes it is committed with it (Fig. 3.1, leaders, §3.6.2)."""
    server = leading(1, 1)
    acknowledge(server, "b", "c", index=3)
    assert server.raft.commit_index == 1
    acknowledge(server, "b", index=4)
    assert server.raft.commit_index == 4
    assert server.stored.entries[-1].kind is EntryKind.NO_OP
