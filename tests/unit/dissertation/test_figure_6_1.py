"""Figure 6.1: ClientRequest, RegisterClient and ClientQuery.

Proposals and reads are the driver's; the sessions, and with them the sequence
numbers, are the shared document's. Requests are forwarded to the leader where
one is known, so NOT_LEADER reaches a client only where none is, or in the core.
"""

import asyncio

import pytest

from tests.unit.cluster import Cluster, run, settle
from tests.unit.cluster import stored as stored_by
from tests.unit.core.servers import HEARTBEAT_MS, Server, acknowledge, established, leading, only
from tests.unit.document.fake_room import FakeRoom, sleep_ms
from tests.unit.document.test_machine import Log
from tests.unit.document.test_retries import close_all_sessions
from tests.unit.document.test_shared import add, in_room
from webraft_web.core.entry import Committed, EntryKind
from webraft_web.core.errors import NotLeaderError, OutcomeUnknownError, PatchConflictError, WebraftError
from webraft_web.core.message import (
    Heartbeat,
    HeartbeatResponse,
    Propose,
    ProposeResponse,
    ReadIndex,
    ReadIndexResponse,
)
from webraft_web.core.ready import ReadState
from webraft_web.document.commands import open_command
from webraft_web.document.machine import DocumentMachine
from webraft_web.document.sessions import Outcome


@pytest.fixture
def log() -> Log:
    """A machine whose document is {"log": []}, after the genesis at index 1."""
    log = Log()
    log.genesis({"log": []})
    return log


# ClientRequest RPC


def test_client_request_1() -> None:
    """Who does not lead refuses, and hints at the leader (Fig. 6.1, ClientRequest 1, §6.2)."""
    server = Server("a")
    server.step(Heartbeat("b", "a", 1, 0))
    with pytest.raises(NotLeaderError) as refused:
        server.raft.propose(["x"])
    assert refused.value.leader_hint == "b"
    answer = server.step(Propose("c", "a", 1, 7, ["x"]))
    assert answer == [ProposeResponse("a", "c", 1, 7, 0, 0, "not leader")]
    assert server.raft.log.last_index == 1


def test_client_request_2() -> None:
    """The command is appended, replicated and committed before its answer (Fig. 6.1, ClientRequest 2)."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = (await cluster.followers())[0]
        await settle()
        outcome = await follower.propose("x")
        assert isinstance(outcome, Committed)
        held = [
            (entry.term, entry.index)
            for server in cluster.servers
            for entry in stored_by(server).entries
            if entry.data == "x"
        ]
        assert len(held) >= 2
        assert set(held) == {outcome}

    run(main())


@pytest.mark.parametrize("watermark", [None, 3])
def test_client_request_3(log: Log, watermark: int | None) -> None:
    """Without a record of the client, or of that number, it is refused (Fig. 6.1, ClientRequest 3, §6.3)."""
    session = 99
    if watermark is not None:
        session = log.open("client")
        log.patch(session, 1)
        log.patch(session, 3, [], watermark=watermark)
    before = log.machine.document
    assert log.patch(session, 1).outcome is None
    assert log.machine.document == before


def test_client_request_3_reaches_the_client() -> None:
    """SESSION_EXPIRED is an OutcomeUnknownError, and nothing is sent again by itself (Fig. 6.1, §6.3).

    Only if this replica has seen every entry does it know that the command had no effect.
    """

    async def test(room: FakeRoom, doc) -> None:
        other = room.open_tab()
        await doc.patch([])
        doc.tab.is_cut_off = True
        sent = asyncio.create_task(doc.patch([add("/log/-", 1)]))
        await sleep_ms(10)
        close_all_sessions(room)
        other.tab.deliver()
        doc.tab.adopt_snapshot_of(other.tab)
        doc.tab.is_cut_off = False
        with pytest.raises(OutcomeUnknownError):
            await sent
        await sleep_ms(60_000)
        assert await doc.read() == {"log": [1]}

    in_room(test, initial={"log": []})


def test_client_request_4(log: Log) -> None:
    """What was processed already gets its stored response (Fig. 6.1, ClientRequest 4, §6.3)."""
    session = log.open("client")
    first = log.patch(session, 1)
    assert first.outcome == Outcome(Committed(1, 3))
    log.patch(session, 2)
    machine = DocumentMachine.from_snapshot(log.machine.take_snapshot())
    assert Log(machine, log.length).patch(session, 1) == first
    assert machine.document == {"log": [1, 1]}


def test_client_request_5() -> None:
    """Commands are applied in the log's order, on every server (Fig. 6.1, ClientRequest 5)."""

    async def main() -> None:
        cluster = Cluster(3)
        await cluster.leader()
        await settle()
        proposals = [server.propose(f"{server.number}") for _ in range(5) for server in cluster.servers]
        outcomes = await asyncio.gather(*proposals)
        await settle()
        in_order = [str(1 + number % 3) for _, number in sorted(zip(outcomes, range(15), strict=True))]
        for server in cluster.servers:
            assert server.machine.commands == in_order
            indexes = [entry.index for entry in server.machine.entries]
            assert indexes == [*range(1, len(indexes) + 1)]

    run(main())


def test_client_request_6(log: Log) -> None:
    """The output is kept by number, and those before are dropped (Fig. 6.1, ClientRequest 6, §6.3).

    A client here has several commands under way, so that it says itself up to where.
    """
    session = log.open("client")
    log.patch(session, 1)
    log.patch(session, 2, [{"op": "remove", "path": "/nothing"}])
    outcomes = log.machine.sessions.find(session).outcomes
    assert [*outcomes] == [1, 2]
    assert (outcomes[1].reason, outcomes[2].position) == ("", 0)
    log.patch(session, 3, watermark=3)
    assert [*log.machine.sessions.find(session).outcomes] == [3]


def test_client_request_7() -> None:
    """The answer is the state machine's output (Fig. 6.1, ClientRequest 7).

    For a patch that is the place of its entry, or the operation that could not apply.
    """

    async def test(room: FakeRoom, doc) -> None:
        committed = await doc.patch([add("/a", 1)])
        assert committed == Committed(1, len(room.entries))
        assert doc.state == {"a": 1}
        with pytest.raises(PatchConflictError) as conflict:
            await doc.patch([{"op": "remove", "path": "/b"}])
        assert conflict.value.path == "/b"

    in_room(test)


# RegisterClient RPC


def test_register_client_1() -> None:
    """Who does not lead opens no session, and hints at the leader (Fig. 6.1, RegisterClient 1, §6.2)."""
    server = Server("a")
    server.step(Heartbeat("b", "a", 1, 0))
    with pytest.raises(NotLeaderError) as refused:
        server.raft.propose([open_command("client")], EntryKind.HOUSEKEEPING)
    assert refused.value.leader_hint == "b"


def test_register_client_2() -> None:
    """A session is opened by an entry that is replicated and committed (Fig. 6.1, RegisterClient 2)."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        outcome: asyncio.Future[Committed | WebraftError] = asyncio.get_running_loop().create_future()
        leader.driver.propose(open_command("client"), EntryKind.HOUSEKEEPING, outcome.set_result)
        committed = await outcome
        await settle()
        assert isinstance(committed, Committed)
        for server in cluster.servers:
            machine = DocumentMachine()
            for entry in server.machine.entries:
                machine.apply(entry)
            assert machine.sessions.find_id("client") == committed.index

    run(main())


def test_register_client_3(log: Log) -> None:
    """The session is there from that entry on, in the log's order (Fig. 6.1, RegisterClient 3)."""
    assert log.patch(2, 1).outcome is None
    session = log.open("client")
    assert log.patch(session, 1).outcome is not None
    assert log.machine.document == {"log": [1]}


def test_register_client_4(log: Log) -> None:
    """The entry's index is the session's id, which no other ever has (Fig. 6.1, RegisterClient 4)."""
    assert log.open("one") == log.length
    assert log.open("two") == log.length
    assert log.open("one") == 2


# ClientQuery RPC


def test_client_query_1() -> None:
    """Who does not lead answers no query, but asks the leader it knows (Fig. 6.1, ClientQuery 1, §6.2)."""
    server = Server("a")
    with pytest.raises(NotLeaderError):
        server.raft.read_index(7)
    server.step(Heartbeat("b", "a", 1, 0))
    server.raft.read_index(7)
    assert server.settle() == [ReadIndex("a", "b", 1, 7)]
    assert server.step(ReadIndex("c", "a", 1, 8)) == [ReadIndexResponse("a", "c", 1, 8, 0)]
    assert server.read_states == []


def test_client_query_2() -> None:
    """It waits until the last committed entry is of the leader's term (Fig. 6.1, ClientQuery 2, §6.4)."""
    server = leading(1)
    server.raft.read_index(7)
    server.settle()
    sent = server.step(HeartbeatResponse("b", "a", 2), HeartbeatResponse("c", "a", 2))
    assert (server.read_states, only(sent, Heartbeat)) == ([], [])
    assert only(acknowledge(server, "b"), Heartbeat)
    server.step(HeartbeatResponse("b", "a", 2, 1))
    assert server.read_states == [ReadState(7, 3)]


def test_client_query_3() -> None:
    """commitIndex as it then is becomes the query's readIndex (Fig. 6.1, ClientQuery 3, §6.4)."""
    server = established()
    server.raft.propose(["x"])
    server.raft.read_index(7)
    server.settle()
    acknowledge(server, "b")
    assert server.raft.commit_index == 3
    server.step(HeartbeatResponse("b", "a", 2, 1))
    assert server.read_states == [ReadState(7, 2)]


def test_client_query_4() -> None:
    """A new round of heartbeats has to be answered by a majority (Fig. 6.1, ClientQuery 4, §6.4)."""
    server = established("abcde")
    server.pass_time(HEARTBEAT_MS)
    server.raft.read_index(7)
    beats = only(server.settle(), Heartbeat)
    assert [(beat.receiver, beat.read_round) for beat in beats] == [(one, 1) for one in "bcde"]
    server.step(*[HeartbeatResponse(one, "a", 2, 0) for one in "bcde"])
    server.step(HeartbeatResponse("b", "a", 2, 1))
    assert server.read_states == []
    server.step(HeartbeatResponse("c", "a", 2, 1))
    assert server.read_states == [ReadState(7, 2)]


@pytest.mark.parametrize("is_leader", [True, False])
def test_client_query_5_to_7(is_leader: bool) -> None:
    """The answer waits until readIndex is applied here (Fig. 6.1, ClientQuery 5 to 7, §6.4)."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        server = leader if is_leader else (await cluster.followers())[0]
        await settle()
        server.machine.is_manual = True
        other = next(one for one in cluster.servers if one is not server)
        outcome = await other.propose("x")
        read = server.read()
        await settle(2)
        assert not read.done()
        index, applied = server.machine.pending[0]
        applied(index)
        assert await read == outcome.index == server.driver.raft.last_applied

    run(main())
