"""§6.4: read-only queries that bypass the log, and are linearizable all the same."""

import pytest

from tests.unit import cluster as driven
from tests.unit.core.servers import HEARTBEAT_MS, TIMEOUT_MS, Cluster, Server, acknowledge, established, only
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.core.message import (
    AppendEntriesResponse,
    Heartbeat,
    HeartbeatResponse,
    ReadIndex,
    ReadIndexResponse,
)
from webraft_web.core.ready import ReadState


def test_queries_bypass_the_log() -> None:
    """A query appends no entry and waits for no disk (§6.4)."""
    server = established()
    server.raft.read_index(7)
    ready = server.raft.ready()
    assert (ready.must_persist, ready.entries, server.raft.log.last_index) == (False, [], 2)
    server.carry_out(ready)
    server.step(HeartbeatResponse("b", "a", 2, 1))
    assert server.read_states == [ReadState(7, 2)]
    assert server.raft.log.last_index == 2


def test_step_1_an_entry_of_the_term_is_committed() -> None:
    """A leader waits until it has marked an entry of its own term committed (§6.4, step 1).

    Before that its commit index may lie below what the leader before it has committed.
    """
    cluster = Cluster()
    cluster.is_lost = lambda message: message.receiver != "a" and getattr(message, "leader_commit", 0) > 2
    old = cluster.elect("a")
    old.raft.propose(["x"])
    cluster.settle()
    assert (old.raft.commit_index, cluster["b"].raft.commit_index) == (3, 2)
    cluster.cut_off = {"a"}
    cluster.is_lost = lambda message: isinstance(message, AppendEntriesResponse)
    new = cluster.elect("b")
    new.raft.read_index(7)
    cluster.pass_time(HEARTBEAT_MS)
    assert (new.raft.commit_index, new.read_states) == (2, [])
    cluster.is_lost = lambda _message: False
    cluster.pass_time(2 * HEARTBEAT_MS)
    assert new.read_states == [ReadState(7, 4)]


def test_step_1_each_leader_commits_a_no_op() -> None:
    """A blank entry at the start of the term lets it do so without any client (§6.4, step 1)."""
    cluster = Cluster()
    leader = cluster.elect("a")
    leader.raft.read_index(7)
    cluster.settle()
    assert leader.read_states == [ReadState(7, 2)]
    assert leader.commands == []


def test_step_2_the_commit_index_is_saved() -> None:
    """readIndex is the commit index as it is before the round begins, and bounds the state (§6.4, step 2)."""
    server = established()
    for data in "xy":
        server.raft.propose([data])
        server.settle()
    acknowledge(server, "b", index=3)
    server.raft.read_index(7)
    server.settle()
    acknowledge(server, "b", index=4)
    server.step(HeartbeatResponse("b", "a", 2, 1))
    assert server.read_states == [ReadState(7, 3)]


@pytest.mark.parametrize(
    ("answers", "is_served"),
    [("b", False), ("bb", False), ("bx", False), ("bc", True)],
)
def test_step_3_a_majority_answers_a_new_round(answers: str, is_served: bool) -> None:
    """A round of heartbeats is issued, and answered by a majority of the cluster (§6.4, step 3)."""
    server = established("abcde")
    server.raft.read_index(7)
    assert len(only(server.settle(), Heartbeat)) == 4
    server.step(*[HeartbeatResponse(one, "a", 2, 1) for one in answers])
    assert server.read_states == ([ReadState(7, 2)] if is_served else [])


def test_step_3_the_round_is_issued_after_the_query() -> None:
    """Answers to heartbeats sent before the query came prove nothing for it (§6.4, step 3)."""
    server = established()
    server.raft.read_index(1)
    server.settle()
    server.raft.read_index(2)
    answers = [HeartbeatResponse(one, "a", 2, 1) for one in "bc"]
    server.step(*answers)
    assert server.read_states == [ReadState(1, 2)]
    with pytest.raises(RemoteProtocolError, match="read round"):
        server.raft.step(HeartbeatResponse("b", "a", 2, 3))


def test_step_3_a_superseded_leader_answers_nothing() -> None:
    """A leader that a newer one, unknown to it, has superseded gets no majority (§6.4, step 3)."""
    cluster = Cluster()
    old = cluster.elect("a")
    cluster.cut_off = {"a"}
    new = cluster.elect("b")
    new.raft.propose(["newer"])
    cluster.settle()
    cluster.cut_off = set()
    old.raft.read_index(7)
    cluster.settle()
    assert old.read_states == [ReadState(7, 0)], "refused, and to be asked again"


def test_step_4_the_state_machine_advances_to_the_read_index() -> None:
    """The query waits until the state machine has come at least as far as readIndex (§6.4, step 4)."""

    async def main() -> None:
        cluster = driven.Cluster(1)
        server = cluster.servers[0]
        await cluster.leader()
        await driven.settle()
        server.machine.is_manual = True
        server.propose("x")
        await driven.settle()
        read = server.read()
        await driven.settle(2)
        assert not read.done()
        index, applied = server.machine.pending[0]
        applied(index)
        assert await read == index

    driven.run(main())


def test_step_5_the_query_runs_on_that_state() -> None:
    """The result shows every write that was acknowledged, anywhere, before the query (§6.4, step 5)."""

    async def main() -> None:
        cluster = driven.Cluster(3)
        await cluster.leader()
        for writer in cluster.servers:
            for reader in cluster.servers:
                command = f"{writer.number} for {reader.number}"
                await writer.propose(command)
                await reader.read()
                assert reader.machine.commands[-1] == command

    driven.run(main())


def test_one_round_serves_any_number_of_queries() -> None:
    """All queries that have accumulated share one round of heartbeats (§6.4)."""
    server = established()
    for context in range(100):
        server.raft.read_index(context)
    sent = server.step(*[ReadIndex("b", "a", 2, request) for request in range(100)])
    assert sent == [Heartbeat("a", "b", 2, 2, 1), Heartbeat("a", "c", 2, 2, 1)]
    sent = server.step(HeartbeatResponse("b", "a", 2, 1))
    assert [state.context for state in server.read_states] == [*range(100)]
    assert sent == [ReadIndexResponse("a", "b", 2, request, 2) for request in range(100)]


def test_followers_serve_queries() -> None:
    """A follower asks the leader for a readIndex, and answers from its own state (§6.4).

    The leader executes steps 1 to 3 for it.
    """
    cluster = Cluster()
    leader = cluster.elect("a")
    leader.raft.propose(["x"])
    cluster.settle()
    follower = cluster["b"]
    cluster.is_lost = lambda message: isinstance(message, HeartbeatResponse)
    follower.raft.read_index(7)
    cluster.settle()
    assert follower.read_states == []
    cluster.is_lost = lambda _message: False
    cluster.pass_time(HEARTBEAT_MS)
    assert follower.read_states == [ReadState(7, 3)]
    assert follower.raft.last_applied >= 3


def test_no_clock_is_relied_on() -> None:
    """A lease would save the round, but rests on bounded clock drift: none is taken (§6.4.1)."""
    server = Server("a")
    server.elect()
    acknowledge(server, "b", "c")
    server.pass_time(HEARTBEAT_MS)
    server.step(HeartbeatResponse("b", "a", 2), HeartbeatResponse("c", "a", 2))
    assert HEARTBEAT_MS < TIMEOUT_MS
    server.raft.read_index(7)
    assert only(server.settle(), Heartbeat)
    assert server.read_states == []
