"""Linearizable reads through the driver."""

import asyncio

import pytest

from tests.unit.cluster import Cluster, Network, Server, SlowStorage, run, settle
from webraft_web.core.errors import NotLeaderError
from webraft_web.core.message import (
    HeartbeatResponse,
    Message,
    ReadIndex,
    ReadIndexResponse,
)
from webraft_web.wire import encode_message


def hold_answers(network: Network) -> list[ReadIndexResponse]:
    """Keep the answers to forwarded reads back; they are returned as they come."""
    held: list[ReadIndexResponse] = []
    network.drops = lambda message: isinstance(message, ReadIndexResponse) and not held.append(message)
    return held


async def follower_of(cluster: Cluster) -> Server:
    """Wait until a leader can answer, and return a follower."""
    follower = (await cluster.followers())[0]
    await settle()
    return follower


def test_a_read_is_as_new_as_every_acknowledged_write() -> None:
    """On any server the read index covers writes acknowledged before, and is applied there."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        for server in cluster.servers:
            outcome = await leader.propose(f"for {server.number}")
            index = await server.read()
            assert index >= outcome.index
            assert f"for {server.number}" in server.machine.commands

    run(main())


def test_a_read_is_asked_for_again_when_it_was_lost() -> None:
    """Reads change nothing, so that the driver may repeat them."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = (await cluster.followers())[0]
        await settle()
        lost: list[Message] = []
        cluster.network.drops = lambda message: (
            isinstance(message, ReadIndex) and not lost and (lost.append(message) or True)
        )
        assert isinstance(await follower.read(), int)
        assert lost

    run(main())


def test_a_read_does_not_share_the_index_of_one_asked_for_before() -> None:
    """It may have been asked for after a write that the earlier read need not see (§6.4)."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        await settle()
        cluster.network.drops = lambda message: isinstance(message, HeartbeatResponse)
        earlier = leader.read()
        await asyncio.sleep(0.001)
        outcome = await leader.propose("x")
        later = leader.read()
        cluster.network.drops = lambda _: False
        assert await earlier < outcome.index
        assert await later >= outcome.index

    run(main())


def test_a_read_survives_a_change_of_leader() -> None:
    """It is asked of the next leader."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        follower = (await cluster.followers())[0]
        cluster.network.cut_off = {leader.server_id}
        assert isinstance(await follower.read(), int)

    run(main())


def test_a_read_waits_until_its_index_is_applied_here() -> None:
    """A read index alone does not make this server's state new enough."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = (await cluster.followers())[0]
        await settle()
        follower.machine.is_manual = True
        outcome = await (await cluster.leader()).propose("x")
        read = follower.read()
        await settle(5)
        assert not read.done()
        index, done = follower.machine.pending[0]
        done(index)
        assert await read == index == outcome.index

    run(main())


def test_a_read_on_a_deposed_leader_is_asked_of_the_next_one() -> None:
    """A leader that lost its majority refuses its reads; they are served when there is a leader again."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        await settle()
        cluster.network.cut_off = {leader.server_id}
        read = leader.read()
        outcome = await (await cluster.leader()).propose("x")
        await settle(1)
        assert not read.done()
        cluster.network.cut_off = set()
        assert await read >= outcome.index
        assert "x" in leader.machine.commands

    run(main())


@pytest.mark.parametrize("delay_ms", [600, 1500, 5000])
def test_a_read_is_served_by_an_answer_that_takes_longer_than_it_waits_to_ask_again(delay_ms: int) -> None:
    """The round that an answer tells of began after the read came, however late it arrives."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = await follower_of(cluster)
        network = cluster.network

        def delays(message: Message) -> bool:
            if isinstance(message, ReadIndexResponse):
                encoded = [encode_message(message)]
                asyncio.get_running_loop().call_later(delay_ms / 1000, network._deliver, encoded)
            return isinstance(message, ReadIndexResponse)

        network.drops = delays
        outcome = await (await cluster.leader()).propose("x")
        assert await follower.read() >= outcome.index

    run(main())


@pytest.mark.parametrize("storage_ms", [300, 3000])
def test_a_read_is_served_where_the_storage_is_slower_than_it_waits_to_ask_again(storage_ms: int) -> None:
    """Every round waits for the storage, twice: asking again must not begin all anew."""

    async def main() -> None:
        server = await Cluster(1).leader()
        outcome = await server.propose("x")
        assert isinstance(server.storage, SlowStorage)
        server.storage.delay_ms = storage_ms
        assert await server.read() >= outcome.index

    run(main())


def test_an_answer_serves_the_reads_before_its_question_and_none_after_it() -> None:
    """Several questions may be out; what came after one was asked is not served by its answer."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = await follower_of(cluster)
        held = hold_answers(cluster.network)
        reads = []
        for count in (1, 2, 3):
            reads.append(follower.read())
            await settle(0.1)
            assert len(held) == count, "each read is asked for at once"
        follower.driver.receive([held[1]])
        await settle(0.1)
        assert [read.done() for read in reads] == [True, True, False]
        follower.driver.receive([held[0]])
        await settle(0.1)
        assert not reads[2].done(), "an older answer comes too late to tell anything"
        follower.driver.receive([held[2]])
        await settle(0.1)
        assert reads[2].done()

    run(main())


def test_reads_ask_again_together_however_many_wait() -> None:
    """A slow link is not flooded: one question in a while does for all of them."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = await follower_of(cluster)
        held = hold_answers(cluster.network)
        reads = []
        for _ in range(20):
            reads.append(follower.read())
            await settle(0.01)
        asked = len(held)
        await settle(5)
        assert 1 < len(held) - asked <= 10
        follower.driver.receive([held[-1]])
        await settle(0.1)
        assert all(read.done() for read in reads)

    run(main())


def test_a_read_is_given_up_when_nobody_could_be_asked_for_long() -> None:
    """Whether it was asked for before or not: without a leader it ends in NotLeaderError."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = await follower_of(cluster)
        hold_answers(cluster.network)
        asked = follower.read()
        await settle(0.1)
        cluster.network.cut_off = {follower.server_id}
        await settle(1)
        assert not asked.done()
        waiting = follower.read()
        assert isinstance(await asked, NotLeaderError)
        assert isinstance(await waiting, NotLeaderError)

    run(main())


def test_a_late_refusal_does_not_hold_up_a_newer_question() -> None:
    """A leader that is none any more refuses; the one asked since answers."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = await follower_of(cluster)
        held = hold_answers(cluster.network)
        earlier = follower.read()
        await settle(0.1)
        later = follower.read()
        await settle(0.1)
        answer = held[0]
        refusal = ReadIndexResponse(answer.sender, answer.receiver, answer.term, answer.request_id, 0)
        follower.driver.receive([refusal])
        await settle(0.1)
        assert len(held) == 2, "the newer question is still to be answered"
        follower.driver.receive([held[1]])
        await settle(0.1)
        assert earlier.done()
        assert later.done()

    run(main())
