"""Linearizable reads through the driver."""

import asyncio

from tests.unit.cluster import Cluster, run, settle
from webraft_web.core.message import (
    HeartbeatResponse,
    Message,
    ReadIndex,
)

SIZES = [1, 2, 3, 5]


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
