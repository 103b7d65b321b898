"""The driver: real cores, storages and clocks in virtual time, over a simulated network."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from tests.unit.cluster import Cluster, Server, run, settle, stored
from webraft_web.core.entry import Committed, EntryKind
from webraft_web.core.errors import (
    FencedError,
    LocalProtocolError,
    OutcomeUnknownError,
    StorageError,
)
from webraft_web.core.message import (
    AppendEntries,
    Heartbeat,
    Message,
    Propose,
    RequestVote,
)
from webraft_web.core.ready import may_go_early

SIZES = [1, 2, 3, 5]


@pytest.mark.parametrize("size", SIZES)
def test_all_servers_apply_all_commands_in_one_order(size: int) -> None:
    """Commands proposed on every server at once are committed, and applied in the same order everywhere."""

    async def main() -> None:
        cluster = Cluster(size, storage_ms=1)
        await cluster.leader()
        proposals = [server.propose(f"{server.number}-{n}") for server in cluster.servers for n in range(20)]
        outcomes = await asyncio.gather(*proposals)
        assert all(isinstance(outcome, Committed) for outcome in outcomes)
        assert len(set(outcomes)) == 20 * size
        await settle()
        for server in cluster.servers:
            assert server.machine.commands == cluster.servers[0].machine.commands
            assert len(server.machine.commands) == 20 * size

    run(main())


@pytest.mark.parametrize("size", SIZES)
def test_exactly_one_server_leads(size: int) -> None:
    """After an election one server leads and all others know it."""

    async def main() -> None:
        cluster = Cluster(size)
        leader = await cluster.leader()
        await settle(2)
        assert cluster.leaders == [leader]

    run(main())


def test_only_what_a_leader_replicates_leaves_before_the_batch_is_durable() -> None:
    """Votes, answers and heartbeats leave right after a write or fence check of their own (§3.8)."""

    async def main() -> None:
        cluster = Cluster(3, storage_ms=5)
        trace: dict[int, list[str]] = {server.number: [] for server in cluster.servers}
        early_ones = 0

        def watch(server: Server) -> None:
            events = trace[server.number]
            carry = server.driver._send
            persist = server.storage.persist

            def send(messages: Sequence[Message]) -> None:
                nonlocal early_ones
                if all(may_go_early(message) for message in messages):
                    early_ones += server.storage.under_way == 0
                else:
                    assert not any(may_go_early(message) for message in messages)
                    assert server.storage.under_way == 0
                    assert events.pop() == "persisted"
                carry(messages)

            def recorded(batch, done) -> None:
                persist(batch, lambda error: (events.append("persisted"), done(error)))

            server.driver._send = send
            server.driver._storage.persist = recorded

        for server in cluster.servers:
            watch(server)
        await cluster.leader()
        await asyncio.gather(*[server.propose("x") for server in cluster.servers])
        await settle(1)
        assert early_ones

    run(main())


def test_a_leader_replicates_while_it_writes() -> None:
    """AppendEntries do not wait for the leader's own disk (§10.2.1)."""

    async def main() -> None:
        cluster = Cluster(3, storage_ms=50)
        leader = await cluster.leader()
        await settle(1)
        cluster.network.sent.clear()
        leader.propose("x")
        await asyncio.sleep(0.001)
        assert leader.storage.under_way == 1
        sent = [message for message in cluster.network.sent if isinstance(message, AppendEntries)]
        assert {message.receiver for message in sent} == {s.server_id for s in await cluster.followers()}

    run(main())


def test_all_proposals_of_one_turn_are_one_write() -> None:
    """A burst of proposals persists and travels as one batch."""

    async def main() -> None:
        cluster = Cluster(1)
        leader = await cluster.leader()
        leader.storage.batches.clear()
        await asyncio.gather(*[leader.propose(str(number)) for number in range(64)])
        assert [len(batch.entries) for batch in leader.storage.batches if batch.entries] == [64]

    run(main())


def test_a_fence_check_precedes_an_answer_with_nothing_to_write() -> None:
    """A follower's answer to a heartbeat waits for an empty batch, which writes nothing."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = (await cluster.followers())[0]
        await settle(1)
        follower.storage.batches.clear()
        await settle(1)
        assert len(follower.storage.batches) >= 5
        assert all(batch.is_empty for batch in follower.storage.batches)

    run(main())


@pytest.mark.parametrize("size", [1, 3])
def test_a_fenced_server_serves_no_read(size: int) -> None:
    """A read is answered only after a fence check that began after it arrived."""

    async def main() -> None:
        cluster = Cluster(size)
        leader = await cluster.leader()
        await settle(1)
        leader.storage.error = FencedError("another runner took over")
        assert await leader.read() is leader.storage.error

    run(main())


@pytest.mark.parametrize("error", [StorageError("disk full"), FencedError("taken over")])
def test_a_storage_error_ends_the_server(error: StorageError) -> None:
    """After a failed write nothing leaves any more, the owner is told once, and what pends settles."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        await settle(1)
        leader.storage.error = error
        proposal, read = leader.propose("x"), leader.read()
        assert isinstance(await proposal, OutcomeUnknownError)
        assert await read is error
        assert leader.stopped == [error]
        assert leader.driver.is_stopped
        cluster.network.sent.clear()
        other = await cluster.leader()
        assert other is not leader
        assert not [message for message in cluster.network.sent if message.sender == leader.server_id]
        with pytest.raises(LocalProtocolError):
            leader.propose("y")

    run(main())


def test_no_vote_request_leaves_a_server_that_cannot_write_it() -> None:
    """A candidate whose vote for itself cannot be stored asks nobody."""

    async def main() -> None:
        cluster = Cluster(3)
        for server in cluster.servers:
            server.storage.error = StorageError("broken")
        await settle(2)
        assert not [message for message in cluster.network.sent if isinstance(message, RequestVote)]
        assert [len(server.stopped) for server in cluster.servers] == [1, 1, 1]

    run(main())


def test_a_restarted_server_applies_everything_again() -> None:
    """What was acknowledged is found in the storage; the state machine is rebuilt from it."""

    async def main() -> None:
        cluster = Cluster(1)
        server = cluster.servers[0]
        await asyncio.gather(*[server.propose(str(number)) for number in range(10)])
        server.driver.stop()
        server.start()
        await server.read()
        assert server.machine.commands == [str(number) for number in range(10)]

    run(main())


def test_answers_to_a_former_life_fit_no_question() -> None:
    """Requests are numbered from a random start, since the id of a restarted server is the same."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = (await cluster.followers())[0]
        await follower.propose("x")
        first = max(message.request_id for message in cluster.network.sent if isinstance(message, Propose))
        follower.driver.stop()
        follower.start()
        await follower.propose("y")
        second = [message.request_id for message in cluster.network.sent if isinstance(message, Propose)][-1]
        assert abs(second - first) > 1000

    run(main())


def test_a_stopped_server_is_silent() -> None:
    """Like a crash: nothing is sent, called or settled afterwards, whatever was under way."""

    async def main() -> None:
        cluster = Cluster(3, storage_ms=20)
        leader = await cluster.leader()
        await settle(1)
        proposal = leader.propose("x")
        await asyncio.sleep(0.001)
        assert leader.storage.under_way == 1
        stopped: list[int] = []
        leader.driver.stop(lambda: stopped.append(leader.storage.under_way))
        assert stopped == []
        cluster.network.sent.clear()
        applied = len(leader.machine.entries)
        await settle(5)
        assert stopped == [0]
        assert not proposal.done()
        assert len(leader.machine.entries) == applied
        leader.driver.receive([])
        leader.driver.flush()
        assert not [message for message in cluster.network.sent if message.sender == leader.server_id]

    run(main())


def test_what_was_to_leave_after_a_write_stays_with_a_server_that_stopped() -> None:
    """The write may end well: nobody hears of it, whether or not somebody waits for the storage."""

    async def main() -> None:
        cluster = Cluster(3, storage_ms=20)
        follower = (await cluster.followers())[0]
        await settle(1)
        (await cluster.leader()).propose("x")
        await asyncio.sleep(0.01)
        assert follower.storage.under_way == 1
        follower.driver.stop()
        cluster.network.sent.clear()
        await settle(1)
        assert [message for message in cluster.network.sent if message.sender == follower.server_id] == []

    run(main())


def test_an_application_that_finishes_late_disturbs_no_stopped_server() -> None:
    """Its report is ignored: a new server may already be at work on the same storage."""

    async def main() -> None:
        cluster = Cluster(1)
        server = cluster.servers[0]
        await cluster.leader()
        await settle()
        server.machine.is_manual = True
        proposal = server.propose("x")
        await settle()
        index, done = server.machine.pending.pop()
        server.driver.stop()
        done(index)
        assert not proposal.done()
        assert server.raft.last_applied < index

    run(main())


def test_an_idle_server_has_stopped_at_once() -> None:
    """Without a write under way nobody has to wait for the storage."""

    async def main() -> None:
        cluster = Cluster(1)
        stopped: list[bool] = []
        cluster.servers[0].driver.stop(lambda: stopped.append(True))
        assert stopped == [True]

    run(main())


@pytest.mark.parametrize("seed", range(4))
def test_partitions_and_crashes_lose_and_double_nothing(seed: int) -> None:
    """What was acknowledged is in every log exactly once, in one order, whatever happened meanwhile."""
    chance = random.Random(seed)

    async def client(server: Server, acknowledged: list[str]) -> None:
        number = 0
        while True:
            await asyncio.sleep(0.003)
            if server.driver.is_stopped:
                continue
            number += 1
            command = f"{server.number}-{number}"
            proposal = server.propose(command)
            done, _ = await asyncio.wait([proposal], timeout=5)  # a crash settles nothing
            if done and isinstance(proposal.result(), Committed):
                acknowledged.append(command)

    async def main() -> None:
        cluster = Cluster(5, storage_ms=1)
        acknowledged: list[str] = []
        clients = [asyncio.create_task(client(server, acknowledged)) for server in cluster.servers[:4]]
        for _ in range(15):
            cut_off = chance.sample(cluster.servers, chance.choice([0, 1, 1, 2, 3]))
            cluster.network.cut_off = {server.server_id for server in cut_off}
            await asyncio.sleep(chance.random())
            if chance.random() < 0.4:
                victim = chance.choice(cluster.servers)
                stopped = asyncio.Event()
                victim.driver.stop(stopped.set)
                await stopped.wait()
                victim.start()
        for task in clients:
            task.cancel()
        cluster.network.cut_off = set()
        outcome = await (await cluster.leader()).propose("last")
        assert isinstance(outcome, Committed)
        await settle(2)
        commands = cluster.servers[0].machine.commands
        assert all(server.machine.commands == commands for server in cluster.servers)
        assert len(commands) == len(set(commands))
        assert set(acknowledged) <= set(commands)
        assert len(acknowledged) > 100

    run(main())


def test_a_refused_message_is_counted_and_changes_nothing() -> None:
    """A peer's nonsense never stops a server."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        follower = (await cluster.followers())[0]
        term = leader.raft.current_term
        leader.driver.receive([Heartbeat(follower.server_id, leader.server_id, term, 0)])
        assert leader.driver.rejected_messages == 1
        assert isinstance(await leader.propose("x"), Committed)

    run(main())


def test_a_flush_saves_the_one_at_the_end_of_the_turn() -> None:
    """What was to be done then is done; what comes after it is not forgotten."""

    async def main() -> None:
        cluster = Cluster(1)
        driver = (await cluster.leader()).driver
        await settle()
        batches: list[int] = []
        driver._on_batch = lambda: batches.append(driver.raft.commit_index)
        driver.flush_soon()
        driver.flush()
        await asyncio.sleep(0)
        assert len(batches) == 1
        driver.flush_soon()
        await asyncio.sleep(0)
        assert len(batches) == 2

    run(main())


def test_messages_may_be_delivered_while_they_are_being_sent() -> None:
    """A transport within one process that delivers synchronously is safe."""

    async def main() -> None:
        cluster = Cluster(3)

        def carry(messages: Sequence[Message]) -> None:
            for message in messages:
                cluster.network.servers[message.receiver].driver.receive([message])

        for server in cluster.servers:
            server.driver._send = carry
        await cluster.leader()
        outcomes = await asyncio.gather(*[server.propose("x") for server in cluster.servers])
        assert all(isinstance(outcome, Committed) for outcome in outcomes)

    run(main())


def test_proposals_of_several_kinds_keep_their_order() -> None:
    """Kinds never share a message, but what was proposed first is appended first."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = (await cluster.followers())[0]
        kinds = [EntryKind.COMMAND, EntryKind.HOUSEKEEPING, EntryKind.COMMAND, EntryKind.COMMAND]
        futures = [asyncio.get_running_loop().create_future() for _ in kinds]
        for future, kind in zip(futures, kinds, strict=True):
            follower.driver.propose("x", kind, future.set_result)
        indexes = [outcome.index for outcome in await asyncio.gather(*futures)]
        assert indexes == sorted(indexes)
        appended = {entry.index: entry.kind for entry in follower.machine.entries}
        assert [appended[index] for index in indexes] == kinds

    run(main())


def test_what_the_owner_asks_for_when_it_hears_of_a_batch_is_done_at_once() -> None:
    """A change made in `on_batch` needs no further event to be carried out."""

    async def main() -> None:
        cluster = Cluster(1)
        server = cluster.servers[0]
        await server.propose("x")
        await settle()
        asked: list[int] = []

        def on_batch() -> None:
            if not asked:
                asked.append(server.driver.change(lambda raft: raft.add_server("life9@server9")))

        server.driver._on_batch = on_batch
        server.driver.flush()
        assert stored(server).entries[-1].index == asked[0]

    run(main())


def test_the_owner_hears_of_changes_before_their_entries_are_applied() -> None:
    """`on_batch` shows the new role and commit index first."""

    async def main() -> None:
        cluster = Cluster(1)
        server = cluster.servers[0]
        seen: list[tuple[int, int]] = []
        server.driver._on_batch = lambda: seen.append((server.raft.commit_index, server.raft.last_applied))
        await server.propose("x")
        assert any(commit_index > last_applied for commit_index, last_applied in seen)

    run(main())
