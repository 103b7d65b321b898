"""Linearizable reads without log entries (§6.4)."""

from tests.unit.core.servers import HEARTBEAT_MS, Cluster, Server, established, only
from webraft_web.core.message import (
    AppendEntriesResponse,
    Heartbeat,
    HeartbeatResponse,
    ReadIndex,
    ReadIndexResponse,
)
from webraft_web.core.reads import PendingRead, ReadRounds
from webraft_web.core.ready import ReadState

VOTERS = ("a", "b", "c")


# Rounds by themselves


def test_a_round_is_confirmed_by_a_majority() -> None:
    """One of three is not enough, two are."""
    rounds = ReadRounds()
    rounds.waiting.append(PendingRead(1, None))
    rounds.begin(7)
    rounds.confirm("a", 1)
    assert rounds.released(VOTERS) == []
    rounds.confirm("x", 1)
    assert rounds.released(VOTERS) == []
    rounds.confirm("b", 1)
    assert rounds.released(VOTERS) == [(PendingRead(1, None), 7)]


def test_a_later_round_confirms_all_before_it() -> None:
    """Whoever answers round 2 has heard this leader after round 1 began."""
    rounds = ReadRounds()
    for number in (1, 2, 3):
        rounds.waiting.append(PendingRead(number, None))
        rounds.begin(10 * number)
    rounds.confirm("a", 3)
    rounds.confirm("b", 2)
    rounds.confirm("b", 1)
    assert [(read.context, index) for read, index in rounds.released(VOTERS)] == [(1, 10), (2, 20)]


def test_abandoned_reads_are_all_that_wait_or_are_under_way() -> None:
    """None is forgotten, and none is answered twice."""
    rounds = ReadRounds()
    rounds.waiting.append(PendingRead(1, None))
    rounds.begin(7)
    rounds.waiting.append(PendingRead(2, "b"))
    assert {read.context for read in rounds.abandoned()} == {1, 2}
    assert rounds.abandoned() == []
    rounds.confirm("a", 1)
    rounds.confirm("b", 1)
    assert rounds.released(VOTERS) == []


# Rounds of a leader


def test_a_read_is_served_once_a_majority_has_answered_a_round() -> None:
    """The heartbeats of the round go out with the next batch, and an answer confirms it."""
    server = established()
    server.raft.read_index(7)
    sent = server.settle()
    assert sent == [Heartbeat("a", "b", 2, 2, 1), Heartbeat("a", "c", 2, 2, 1)]
    assert server.read_states == []
    server.step(HeartbeatResponse("b", "a", 2, 1))
    assert server.read_states == [ReadState(7, 2)]


def test_a_read_is_served_at_what_was_committed_when_its_round_began() -> None:
    """Everything acknowledged before the read arrived lies at or below that index."""
    server = established()
    server.raft.propose(["x"])
    server.settle()
    server.raft.read_index(7)
    server.settle()
    server.step(AppendEntriesResponse("b", "a", 2, True, 3), HeartbeatResponse("b", "a", 2, 1))
    assert server.read_states == [ReadState(7, 2)]


def test_a_read_joins_only_a_round_that_began_after_it_arrived() -> None:
    """An answer to an earlier round may have left before a newer leader was elected."""
    server = established()
    server.raft.read_index(1)
    server.settle()
    server.raft.read_index(2)
    server.step(HeartbeatResponse("b", "a", 2, 1), HeartbeatResponse("c", "a", 2, 1))
    assert server.read_states == [ReadState(1, 2)]
    server.step(HeartbeatResponse("b", "a", 2, 2))
    assert server.read_states == [ReadState(1, 2), ReadState(2, 2)]


def test_a_heartbeat_that_left_before_a_read_confirms_nothing() -> None:
    """Only heartbeats that carry the round's number do."""
    server = established()
    server.pass_time(HEARTBEAT_MS)
    server.raft.read_index(1)
    server.step(HeartbeatResponse("b", "a", 2, 0), HeartbeatResponse("c", "a", 2, 0))
    assert server.read_states == []


def test_the_own_confirmation_counts_only_with_a_batch_begun_after_the_read() -> None:
    """A batch that was out already may have checked the fence before a takeover."""
    server = established("a")
    server.raft.propose(["x"])
    ready = server.raft.ready()
    server.raft.read_index(7)
    server.carry_out(ready)
    assert not server.raft.batches.read_states
    ready = server.raft.ready()
    assert ready.read_states == []
    server.carry_out(ready)
    assert server.raft.ready().read_states == [ReadState(7, 3)]


def test_the_own_confirmation_waits_for_the_batch() -> None:
    """With one other voter's answer alone there is no majority of three."""
    server = established()
    server.raft.read_index(7)
    ready = server.raft.ready()
    server.raft.step(HeartbeatResponse("b", "a", 2, 1))
    assert server.raft.batches.read_states == []
    server.carry_out(ready)
    assert server.raft.batches.read_states == [ReadState(7, 2)]


def test_a_batch_begun_before_the_read_does_not_confirm_it_for_the_others() -> None:
    """The own check has to begin after the read arrived, however soon another voter answers."""
    server = established()
    server.raft.propose(["x"])
    ready = server.raft.ready()
    server.raft.read_index(7)
    server.carry_out(ready)
    ready = server.raft.ready()
    server.raft.step(HeartbeatResponse("b", "a", 2, 1))
    assert server.raft.batches.read_states == []
    server.carry_out(ready)
    assert server.raft.batches.read_states == [ReadState(7, 2)]


def test_reads_wait_until_the_term_has_committed_something() -> None:
    """Before that a new leader does not know what is committed (§6.4)."""
    server = Server("a")
    server.elect()
    server.raft.read_index(7)
    assert not server.raft.has_ready()
    server.raft.propose(["x"])
    assert only(server.settle(), Heartbeat) == []
    server.step(AppendEntriesResponse("b", "a", 2, True, 2))
    server.step(HeartbeatResponse("b", "a", 2, 1))
    assert server.read_states == [ReadState(7, 2)]


def test_a_leader_that_steps_down_refuses_its_reads() -> None:
    """Index 0 tells those who asked, here and elsewhere, to ask again."""
    server = established()
    server.raft.read_index(7)
    server.settle()
    server.step(ReadIndex("b", "a", 2, 8))
    sent = server.step(AppendEntriesResponse("c", "a", 3, True, 0))
    assert server.read_states == [ReadState(7, 0)]
    assert only(sent, ReadIndexResponse) == [ReadIndexResponse("a", "b", 3, 8, 0)]


def test_a_follower_asks_the_leader() -> None:
    """It gets an index, and serves the read once that is applied (§6.4)."""
    cluster = Cluster()
    cluster.elect("a")
    cluster["b"].raft.read_index(7)
    cluster.settle()
    assert cluster["b"].read_states == [ReadState(7, 2)]


def test_who_does_not_lead_refuses_others_reads() -> None:
    """A read is answered in any case, so that nobody waits for nothing."""
    server = Server("a")
    assert server.step(ReadIndex("b", "a", 1, 8)) == [ReadIndexResponse("a", "b", 1, 8, 0)]


def test_a_cut_off_leader_confirms_no_read() -> None:
    """A newer leader may have committed writes that it has not seen."""
    cluster = Cluster()
    old = cluster.elect("a")
    cluster.cut_off = {"a"}
    cluster.elect("b").raft.propose(["newer"])
    cluster.settle()
    old.raft.read_index(7)
    for _ in range(20):
        old.pass_time(50)
    assert old.read_states == [ReadState(7, 0)]


def test_many_reads_share_one_round() -> None:
    """However many arrive before a batch, one heartbeat to each follower confirms them."""
    server = established()
    for context in range(50):
        server.raft.read_index(context)
    assert len(only(server.settle(), Heartbeat, "b")) == 1
    server.step(HeartbeatResponse("b", "a", 2, 1))
    assert [read.context for read in server.read_states] == list(range(50))
