"""Roles, terms and votes (§3.4, §4.2.3, §9.6), and what one batch of work promises."""

import pytest

from tests.unit.core.servers import (
    HEARTBEAT_MS,
    TIMEOUT_MS,
    Cluster,
    Server,
    SpreadTimeouts,
    change,
    command,
    members,
    only,
    stored,
)
from webraft_web.core.entry import Entry, EntryKind, HardState, Snapshot
from webraft_web.core.errors import BadArgumentError, LocalProtocolError, NotLeaderError, RemoteProtocolError
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    ConfirmRefresh,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    PreVote,
    PreVoteResponse,
    Propose,
    ProposeResponse,
    ReadIndex,
    RequestVote,
    RequestVoteResponse,
    TimeoutNow,
)
from webraft_web.core.ready import Feed, ProposalResult, RestoredState
from webraft_web.core.role import Role


def test_an_election_begins_with_a_pre_vote_that_changes_nothing() -> None:
    """Term and vote stay as they are until a majority would vote (§9.6)."""
    server = Server("a")
    asked = server.pass_time(TIMEOUT_MS)
    assert asked == [PreVote("a", "b", 2, 1, 1), PreVote("a", "c", 2, 1, 1)]
    assert server.raft.role is Role.PRE_CANDIDATE
    assert server.raft.hard_state == HardState(1, None, 1)


def test_a_won_pre_vote_is_followed_by_the_election() -> None:
    """With a majority behind it the server enters the next term and asks for real votes."""
    server = Server("a")
    server.pass_time(TIMEOUT_MS)
    asked = server.step(PreVoteResponse("b", "a", 2, True))
    assert asked == [RequestVote("a", "b", 2, 1, 1), RequestVote("a", "c", 2, 1, 1)]
    assert server.stored.hard_state == HardState(2, "a", 1)


def test_without_pre_vote_a_candidate_asks_for_votes_at_once() -> None:
    """The option leaves §3.4 as it was."""
    server = Server("a", pre_vote=False)
    assert only(server.pass_time(TIMEOUT_MS), RequestVote)
    assert server.raft.current_term == 2


def test_a_lost_pre_vote_leaves_term_and_leader_in_peace() -> None:
    """A server back from a partition that nobody would elect does not disturb (§9.6)."""
    cluster = Cluster()
    cluster.elect("a")
    cluster.cut_off = {"c"}
    cluster.pass_time(500)
    for _ in range(40):
        cluster["c"].pass_time(50)
    assert cluster["c"].raft.current_term == 2
    cluster.cut_off = set()
    cluster.pass_time(1000)
    assert cluster.leaders == ["a"]
    assert {server.raft.current_term for server in cluster.servers.values()} == {2}


def test_a_granted_pre_vote_counts_for_the_term_asked_about_only() -> None:
    """A late grant from an earlier round says nothing of this one."""
    server = Server("a")
    server.pass_time(TIMEOUT_MS)
    server.step(Heartbeat("b", "a", 2, 0))
    server.pass_time(TIMEOUT_MS)
    assert server.raft.role is Role.PRE_CANDIDATE
    assert server.step(PreVoteResponse("c", "a", 2, True)) == []
    assert only(server.step(PreVoteResponse("c", "a", 3, True)), RequestVote)


def test_a_candidate_with_a_majority_leads_and_says_so_at_once() -> None:
    """The first thing that a new leader sends is its no-op (§3.4, §3.6.2)."""
    server = Server("a")
    sent = server.elect()
    no_op = Entry(2, 2, EntryKind.NO_OP)
    assert sent == [
        AppendEntries("a", "b", 2, 1, 1, [no_op], 1),
        AppendEntries("a", "c", 2, 1, 1, [no_op], 1),
    ]


def test_a_split_vote_is_tried_again() -> None:
    """A candidate without a majority starts over when its election timeout has passed."""
    server = Server("a", pre_vote=False)
    server.pass_time(TIMEOUT_MS)
    assert server.pass_time(TIMEOUT_MS - 1) == []
    server.pass_time(1)
    assert server.raft.current_term == 3


def test_a_candidate_that_is_refused_by_a_majority_follows() -> None:
    """A lost election leaves the term, not the role."""
    server = Server("a", pre_vote=False)
    server.pass_time(TIMEOUT_MS)
    server.step(RequestVoteResponse("b", "a", 2, False), RequestVoteResponse("c", "a", 2, False))
    assert (server.raft.role, server.raft.current_term) == (Role.FOLLOWER, 2)


def test_a_candidate_follows_whoever_leads_its_term() -> None:
    """Another one has won: the candidate returns to follower state (§3.4)."""
    server = Server("a", pre_vote=False)
    server.pass_time(TIMEOUT_MS)
    server.step(Heartbeat("b", "a", 2, 0))
    assert (server.raft.role, server.raft.leader_id) == (Role.FOLLOWER, "b")


def test_votes_of_an_older_term_do_not_count() -> None:
    """A vote that arrives a term late elects nobody."""
    server = Server("a", pre_vote=False)
    server.pass_time(TIMEOUT_MS)
    server.pass_time(TIMEOUT_MS)
    server.step(RequestVoteResponse("b", "a", 2, True))
    assert server.raft.role is Role.CANDIDATE


def test_one_vote_a_term() -> None:
    """The first come gets the vote, again when it asks again, and nobody else (§3.4)."""
    server = Server("a")
    assert server.step(RequestVote("b", "a", 2, 1, 1)) == [RequestVoteResponse("a", "b", 2, True)]
    assert server.step(RequestVote("c", "a", 2, 9, 1)) == [RequestVoteResponse("a", "c", 2, False)]
    assert server.step(RequestVote("b", "a", 2, 1, 1)) == [RequestVoteResponse("a", "b", 2, True)]


def test_one_vote_a_term_across_a_restart() -> None:
    """The vote is remembered in the storage (§3.8)."""
    server = Server("a")
    server.step(RequestVote("b", "a", 2, 1, 1))
    server.restart()
    assert server.step(RequestVote("c", "a", 2, 9, 1)) == [RequestVoteResponse("a", "c", 2, False)]


def test_no_vote_for_a_log_that_is_behind() -> None:
    """Whoever lacks what a voter holds may lack something committed (§3.6.1)."""
    server = Server("a", stored(1, 2))
    assert server.step(RequestVote("b", "a", 3, 9, 1)) == [RequestVoteResponse("a", "b", 3, False)]
    assert server.step(RequestVote("b", "a", 4, 2, 2)) == [RequestVoteResponse("a", "b", 4, False)]
    assert server.step(RequestVote("b", "a", 5, 3, 2)) == [RequestVoteResponse("a", "b", 5, True)]
    assert server.step(PreVote("c", "a", 6, 2, 2)) == [PreVoteResponse("a", "c", 5, False)]


def test_a_single_server_leads_once_its_own_vote_is_durable() -> None:
    """A cluster of one elects itself without asking anybody, and without a Pre-Vote."""
    server = Server("a", stored(voters="a"))
    server.raft.campaign()
    ready = server.raft.ready()
    assert (ready.hard_state, ready.messages) == (HardState(2, "a", 1), [])
    assert not server.raft.is_leader
    server.carry_out(ready)
    assert server.raft.is_leader


def test_an_own_vote_written_too_late_counts_for_nothing() -> None:
    """A campaign that ended while its vote was being written stays over."""
    server = Server("a", pre_vote=False)
    server.raft.campaign()
    ready = server.raft.ready()
    server.raft.step(Heartbeat("b", "a", 3, 0))
    server.carry_out(ready)
    server.raft.step(RequestVoteResponse("c", "a", 2, True))
    server.settle()
    assert (server.raft.role, server.raft.leader_id) == (Role.FOLLOWER, "b")


def test_no_majority_elects_before_the_own_vote_is_durable() -> None:
    """A zombie hears the votes that its successor asked for; it must not lead the same term beside it."""
    server = Server("a", pre_vote=False)
    server.raft.campaign()
    server.raft.ready()
    for voter in "bc":
        server.raft.step(RequestVoteResponse(voter, "a", 2, True))
    assert server.raft.role is Role.CANDIDATE
    server.raft.advance()
    assert server.raft.is_leader


@pytest.mark.parametrize("kind", [RequestVote, PreVote])
def test_nobody_gets_a_vote_while_a_leader_is_heard(kind: type[RequestVote | PreVote]) -> None:
    """Within the lease a follower ignores requests and keeps its term (§4.2.3)."""
    timeouts = SpreadTimeouts(0)
    server = Server("a", timeouts=timeouts)
    server.step(Heartbeat("b", "a", 2, 0))
    server.pass_time(TIMEOUT_MS - 1)
    assert server.step(kind("c", "a", 7, 9, 1)) == []
    assert server.raft.current_term == 2
    timeouts.lease_ms = lambda: TIMEOUT_MS - 1  # type: ignore[method-assign]
    assert server.step(kind("c", "a", 7, 9, 1)) != []


def test_a_leader_itself_ignores_requests_for_votes() -> None:
    """A removed or restarted server cannot depose a leader whose followers answer (§4.2.3)."""
    server = Server("a")
    server.elect()
    assert server.step(RequestVote("c", "a", 7, 9, 1), PreVote("c", "a", 7, 9, 1)) == []
    assert server.raft.is_leader


def test_without_check_quorum_there_is_no_lease() -> None:
    """Leader stickiness belongs to the quorum check, without which it could lock everybody out."""
    server = Server("a", check_quorum=False)
    server.step(Heartbeat("b", "a", 2, 0))
    assert server.step(RequestVote("c", "a", 7, 9, 1)) == [RequestVoteResponse("a", "c", 7, True)]


def test_a_transfer_gets_votes_despite_a_live_leader() -> None:
    """The leader itself has asked for this election (§3.10, §4.2.3)."""
    server = Server("a")
    server.step(Heartbeat("b", "a", 2, 0))
    request = RequestVote("c", "a", 3, 9, 1, is_transfer=True)
    assert server.step(request) == [RequestVoteResponse("a", "c", 3, True)]


def test_timeout_now_starts_an_election_at_once_without_a_pre_vote() -> None:
    """The leader's word is enough (§3.10)."""
    server = Server("a")
    server.step(Heartbeat("b", "a", 2, 0))
    asked = server.step(TimeoutNow("b", "a", 2))
    assert asked == [
        RequestVote("a", "b", 3, 1, 1, is_transfer=True),
        RequestVote("a", "c", 3, 1, 1, is_transfer=True),
    ]


def test_a_non_voting_member_votes_when_asked_but_never_campaigns() -> None:
    """It may have been promoted without knowing; its own log gives it no right to lead."""
    server = Server("d", stored(non_voting="d"))
    assert server.pass_time(10 * TIMEOUT_MS) == []
    server.raft.campaign()
    assert server.step(TimeoutNow("b", "d", 1)) == []
    assert server.step(PreVote("b", "d", 2, 1, 1)) == [PreVoteResponse("d", "b", 2, True)]
    assert server.step(RequestVote("b", "d", 2, 1, 1)) == [RequestVoteResponse("d", "b", 2, True)]


@pytest.mark.parametrize("state", [RestoredState(), stored()])
def test_who_is_no_member_never_votes(state: RestoredState) -> None:
    """A fresh server, or a new incarnation at a member's address, has nothing to vote with."""
    server = Server("x", state)
    assert server.step(PreVote("b", "x", 2, 9, 1)) == [
        PreVoteResponse("x", "b", state.hard_state.term, False)
    ]
    assert server.step(RequestVote("b", "x", 2, 9, 1)) == [RequestVoteResponse("x", "b", 2, False)]
    assert server.pass_time(10 * TIMEOUT_MS) == []


def test_a_removed_server_may_still_be_needed_until_its_removal_is_committed() -> None:
    """Not in its own latest configuration it still campaigns and votes (§4.2.2)."""
    entries = (change(1, "abc"), change(2, "bc", term=2))
    server = Server("a", RestoredState(HardState(2, None, 1), None, entries))
    assert only(server.pass_time(TIMEOUT_MS), PreVote)
    assert server.step(RequestVote("b", "a", 3, 2, 2)) == [RequestVoteResponse("a", "b", 3, True)]


def test_a_removed_server_is_quiet_once_its_removal_is_committed() -> None:
    """Nothing of it is needed any more (§4.2.2)."""
    entries = (change(1, "abc"), change(2, "bc", term=2))
    server = Server("a", RestoredState(HardState(2, None, 2), None, entries))
    assert server.pass_time(10 * TIMEOUT_MS) == []
    assert server.step(RequestVote("b", "a", 3, 2, 2)) == [RequestVoteResponse("a", "b", 3, False)]


def test_a_newer_term_makes_anyone_a_follower() -> None:
    """Terms are exchanged with every message, and the larger one wins (§3.3)."""
    server = Server("a")
    server.elect()
    server.step(AppendEntriesResponse("b", "a", 5, True, 0))
    assert (server.raft.role, server.raft.current_term) == (Role.FOLLOWER, 5)


def test_a_stale_leader_learns_of_the_newer_term() -> None:
    """Otherwise a leader whose followers have moved on would send to no avail for ever."""
    server = Server("a", stored(term=5))
    answer = AppendEntriesResponse("a", "b", 5, True, 0)
    assert server.step(Heartbeat("b", "a", 2, 0)) == [answer]
    assert server.step(AppendEntries("b", "a", 2, 1, 1, [command(2)], 2)) == [answer]
    assert server.raft.log.last_index == 1


def test_a_stale_pre_candidate_is_refused_with_the_newer_term() -> None:
    """With Pre-Vote its term does not rise by itself, so it has to be told (§9.6)."""
    server = Server("a", stored(term=5))
    assert server.step(PreVote("b", "a", 3, 1, 1)) == [PreVoteResponse("a", "b", 5, False)]


def test_without_check_quorum_and_pre_vote_stale_messages_go_unanswered() -> None:
    """Then a stale server's own election tells it everything, as in etcd."""
    server = Server("a", stored(term=5), check_quorum=False, pre_vote=False)
    assert server.step(Heartbeat("b", "a", 2, 0)) == []
    assert server.step(AppendEntries("b", "a", 2, 1, 1, [], 1)) == []


def test_a_forgotten_leader_stops_no_vote() -> None:
    """Whoever knows that its leader is gone need not wait for the lease to end."""
    server = Server("a")
    server.step(Heartbeat("b", "a", 1, 0))
    server.raft.forget_leader()
    assert server.step(PreVote("c", "a", 2, 1, 1)) == [PreVoteResponse("a", "c", 2, True)]


def test_forgetting_the_leader_does_nothing_elsewhere() -> None:
    """A leader does not forget itself."""
    server = Server("a")
    server.elect()
    server.raft.forget_leader()
    assert server.raft.leader_id == "a"


def test_time_never_runs_backwards() -> None:
    """A clock that does is the caller's mistake, and is said so."""
    server = Server("a")
    server.pass_time(50)
    with pytest.raises(LocalProtocolError, match="backwards"):
        server.raft.tick(49)


def test_the_deadline_is_when_something_is_due() -> None:
    """A follower's is its election timeout, a leader's its heartbeat, and a non-voter's far away."""
    server = Server("a")
    assert server.raft.deadline_ms == TIMEOUT_MS
    server.elect()
    assert server.raft.deadline_ms == HEARTBEAT_MS
    assert Server("d", stored(non_voting="d")).raft.deadline_ms > 1000 * TIMEOUT_MS
    alone = Server("a", stored(voters="a"))
    alone.elect()
    assert alone.raft.deadline_ms > 1000 * TIMEOUT_MS


def test_a_leader_outside_the_configuration_still_has_heartbeats_due() -> None:
    """Having removed itself from two servers it manages the other one until that is committed (§4.2.2)."""
    cluster = Cluster("ab")
    leader = cluster.elect("a").raft
    cluster.cut_off = {"b"}
    leader.remove_server("a")
    assert leader.deadline_ms <= leader.now_ms + HEARTBEAT_MS


def test_a_commit_index_beyond_a_torn_log_is_not_believed() -> None:
    """Entries that a store has lost cannot be applied; a leader will bring them."""
    server = Server("a", stored(1, commit_index=9))
    assert server.raft.commit_index == 2


def test_compaction_goes_no_further_than_what_is_applied() -> None:
    """What the application has not completed is still needed (chapter 5)."""
    server = Server("a", stored(1, 1, commit_index=2))
    server.settle()
    with pytest.raises(BadArgumentError, match="cannot be compacted"):
        server.raft.compact(3, "x")
    server.raft.compact(2, "x")
    with pytest.raises(BadArgumentError, match="cannot be compacted"):
        server.raft.compact(2, "x")


def test_observers_are_fed_what_is_committed_and_durable_here() -> None:
    """Neither an uncommitted nor an unwritten entry may be seen: both may yet be lost."""
    server = Server("a")
    server.step(AppendEntries("b", "a", 1, 1, 1, [command(2), command(3)], 2))
    assert server.raft.feed_after(0, 10**6) == Feed(1, "b", 0, [change(1, "abc"), command(2)], members("abc"))
    server.raft.step(AppendEntries("b", "a", 1, 3, 1, [command(4)], 4))
    assert server.raft.feed_after(1, 10**6)[3] == [command(2), command(3)]
    server.settle()
    assert server.raft.feed_after(1, 10**6)[3] == [command(2), command(3), command(4)]
    assert server.raft.feed_after(1, 1)[3] == [command(2)]


def test_observers_that_are_behind_the_log_get_the_snapshot() -> None:
    """What is compacted can only be handed over as a whole."""
    server = Server("a", stored(1, 1, commit_index=3))
    server.settle()
    snapshot = server.raft.compact(2, "state")
    assert server.raft.feed_after(1, 10**6) is snapshot
    assert isinstance(server.raft.feed_after(2, 10**6), Feed)


def test_proposals_are_refused_where_nobody_leads() -> None:
    """Nothing is appended, and the error names who may lead (§6.2)."""
    server = Server("a")
    server.step(Heartbeat("b", "a", 1, 0))
    with pytest.raises(NotLeaderError) as refused:
        server.raft.propose(["x"])
    assert refused.value.leader_hint == "b"
    for call in (server.raft.add_server, server.raft.transfer_leadership):
        with pytest.raises(NotLeaderError):
            call("c")
    assert not server.raft.can_change_configuration()
    assert server.raft.voters_heard() == []


def test_only_the_kinds_of_the_layers_above_can_be_proposed() -> None:
    """A configuration goes through its own calls, and an empty proposal has no index to return."""
    server = Server("a", stored(voters="a"))
    server.elect()
    for commands, kind in (
        (["x"], EntryKind.CONFIGURATION),
        (["x"], EntryKind.NO_OP),
        ([], EntryKind.COMMAND),
    ):
        with pytest.raises(BadArgumentError):
            server.raft.propose(commands, kind)
    assert server.raft.log.last_index == 2


def test_forwarded_proposals_are_answered_with_term_and_index_on_append() -> None:
    """The forwarder then judges by its own log whether they get committed (§6.2)."""
    cluster = Cluster()
    cluster.elect("a")
    cluster["b"].raft.forward(7, ["x", "y"])
    sent = cluster["b"].settle()
    assert sent == [Propose("b", "a", 2, 7, ["x", "y"])]
    answers = only(cluster["a"].step(*sent), ProposeResponse)
    assert answers == [ProposeResponse("a", "b", 2, 7, 2, 3)]
    cluster["b"].raft.step(answers[0])
    assert cluster["b"].raft.ready().proposal_results == [ProposalResult(7, 2, 3, "")]


def test_proposals_forwarded_to_who_does_not_lead_are_refused_for_certain() -> None:
    """An answer with index 0 means that nothing was appended."""
    server = Server("a")
    refused = server.step(Propose("b", "a", 1, 7, ["x"]))
    assert refused == [ProposeResponse("a", "b", 1, 7, 0, 0, "not leader")]


def test_nothing_is_forwarded_without_a_leader() -> None:
    """The caller learns at once that nothing was sent."""
    server = Server("a")
    server.settle()
    for call in (lambda: server.raft.forward(1, ["x"]), lambda: server.raft.read_index(1)):
        with pytest.raises(NotLeaderError):
            call()
    assert not server.raft.has_ready()


@pytest.mark.parametrize(
    "message",
    [
        AppendEntries("b", "a", 2, 1, 1, [], 1),
        Heartbeat("b", "a", 2, 0),
        InstallSnapshot("b", "a", 2, 9, 1, members("a"), 0, 0, "", True),
    ],
)
def test_a_second_leader_of_one_term_is_refused(message: AppendEntries | Heartbeat) -> None:
    """A leader that hears another of its own term knows that something is broken (Fig. 3.2)."""
    server = Server("a")
    server.elect()
    with pytest.raises(RemoteProtocolError, match="which this server leads"):
        server.raft.step(message)
    assert server.raft.is_leader


def test_what_only_leaders_handle_is_ignored_elsewhere() -> None:
    """Answers meant for an earlier leadership, and requests that only a leader can answer, do nothing."""
    server = Server("a")
    before = server.raft.hard_state
    sent = server.step(
        AppendEntriesResponse("b", "a", 1, True, 9),
        HeartbeatResponse("b", "a", 1, 9),
        RequestVoteResponse("b", "a", 1, True),
        ConfirmRefresh("b", "a", 1, 1, 1),
    )
    assert (sent, server.raft.hard_state, server.raft.role) == ([], before, Role.FOLLOWER)
    assert server.step(ReadIndex("b", "a", 1, 3))[0].fields() == (3, 0)


def test_a_server_that_is_installing_a_snapshot_does_not_campaign() -> None:
    """Its log stands for nothing before the snapshot is written."""
    server = Server("a")
    server.raft.step(InstallSnapshot("b", "a", 1, 9, 1, members("abc"), 0, 0, "state", True))
    server.raft.campaign()
    assert server.raft.role is Role.FOLLOWER


def test_a_restarted_server_begins_from_its_snapshot() -> None:
    """Log, configuration and indexes follow from what was stored."""
    state = RestoredState(HardState(3, None, 4), Snapshot(5, 2, members("ab")), (command(6, 3),))
    server = Server("a", state)
    assert (server.raft.commit_index, server.raft.last_applied) == (5, 5)
    assert (server.raft.log.last_index, server.raft.configuration) == (6, members("ab"))
