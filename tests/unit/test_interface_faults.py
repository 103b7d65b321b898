"""RaftInterface clusters under partitions, crashes, loss and lag: nothing acknowledged is lost or doubled."""

import asyncio

import pytest

from tests.unit.in_process import Network, Server, leader_of, servers, until
from webraft_web import NotLeaderError, OutcomeUnknownError
from webraft_web.testing import run


class Clients:
    """Proposes unique commands at random servers, and keeps what became of each."""

    def __init__(self, group, source):
        self.group = group
        self.acknowledged = {}
        self.refused = set()
        self.unknown = set()
        self.is_over = False
        self._random = source

    async def propose(self, name):
        number = 0
        while not self.is_over:
            number += 1
            command = f"{name}.{number}"
            try:
                place = await self._random.choice(self.group).propose(command)
                self.acknowledged[command] = place.index
            except NotLeaderError:
                self.refused.add(command)
            except OutcomeUnknownError:
                self.unknown.add(command)
            await asyncio.sleep(self._random.uniform(0, 0.05))

    def check(self, group):
        """Compare what was promised with what every server applied."""
        for server in group:
            assert server.applied == group[0].applied
            assert len(set(server.commands)) == len(server.commands)
        applied = {command: index for index, command in group[0].applied}
        assert {command: applied.get(command) for command in self.acknowledged} == self.acknowledged
        assert self.refused.isdisjoint(applied)
        assert set(applied) <= set(self.acknowledged) | self.unknown


@pytest.mark.parametrize("seed", range(2))
def test_fifteen_seconds_of_random_partitions_with_four_clients(seed):
    """Splits and healings twice a second over a network that loses messages too."""

    async def main():
        network = Network(seed, delay_ms=(1, 20), loss=0.02)
        group = servers(network, *"abcde")
        await leader_of(group, voters=5)
        clients = Clients(group, network.random)
        tasks = [asyncio.ensure_future(clients.propose(name)) for name in "wxyz"]
        for _ in range(30):
            await asyncio.sleep(0.5)
            order = network.random.sample("abcde", 5)
            cut = network.random.randint(0, 2)
            network.partition(order[:cut], order[cut:])
        clients.is_over = True
        network.heal()
        await asyncio.gather(*tasks)
        leader = await leader_of(group)
        await until(lambda: all(server.last_applied == leader.last_applied for server in group))
        clients.check(group)
        assert len(clients.acknowledged) > 100

    run(main())


@pytest.mark.parametrize("seed", range(2))
def test_servers_that_crash_and_come_back_with_their_storages(seed):
    """One or two at a time are down, the leader as likely as others; what was acknowledged stays."""

    async def main():
        network = Network(seed, delay_ms=(1, 10))
        group = servers(network, *"abcde")
        await leader_of(group, voters=5)
        clients = Clients(group, network.random)
        tasks = [asyncio.ensure_future(clients.propose(name)) for name in "wxyz"]
        for _ in range(10):
            await asyncio.sleep(0.7)
            for position in network.random.sample(range(5), network.random.randint(1, 2)):
                group[position] = group[position].restart()
        clients.is_over = True
        await asyncio.gather(*tasks)
        leader = await leader_of(group, voters=5)
        await until(lambda: all(server.last_applied == leader.last_applied for server in group))
        clients.check(group)
        assert len(clients.acknowledged) > 50

    run(main())


@pytest.mark.parametrize("seed", range(2))
def test_servers_that_come_back_without_their_state_one_at_a_time(seed):
    """Each is replaced before the next is lost: the cluster outlives all of its servers' memories."""

    async def main():
        network = Network(seed, delay_ms=(1, 10))
        group = servers(network, *"abc")
        await leader_of(group, voters=3)
        clients = Clients(group, network.random)
        tasks = [asyncio.ensure_future(clients.propose(name)) for name in "wxyz"]
        for position in [0, 1, 2, 0, 1, 2]:
            group[position] = group[position].restart(has_storage=False)
            await asyncio.sleep(0.3)
            await leader_of(group, voters=3)
        clients.is_over = True
        await asyncio.gather(*tasks)
        leader = await leader_of(group)
        await until(lambda: all(server.last_applied == leader.last_applied for server in group))
        clients.check(group)

    run(main())


def test_a_follower_tens_of_thousands_of_entries_behind_catches_up():
    """Pipelined, in order, while the leader leads on; through a change of leader in the midst of it."""

    class Quiet(Server):
        def _apply(self, entry, index, done):
            self.applied.append((index, entry))
            done()

    async def main():
        network = Network()
        group = servers(network, *"abc", server_class=Quiet)
        leader = await leader_of(group, voters=3)
        away = next(server for server in group if server is not leader)
        network.isolate(away.address)
        for start in range(0, 20_000, 5_000):
            await asyncio.gather(*(leader.propose(i) for i in range(start, start + 5_000)))
        network.heal()
        await until(lambda: len(away.applied) > 1000)
        await leader.transfer_leadership(
            next(server.address for server in group if server not in {leader, away})
        )
        await until(lambda: len(away.applied) == 20_000)
        assert away.commands == list(range(20_000))
        assert away.updates == [index for index, _ in away.applied]

    run(main())


def test_a_network_that_repeats_and_reorders_everything():
    """Every payload arrives up to three times, in any order."""

    class Echoing(Network):
        def carry(self, sender, receiver, payload):
            for _ in range(self.random.randint(1, 3)):
                super().carry(sender, receiver, payload)

    async def main():
        network = Echoing(delay_ms=(1, 60))
        group = servers(network, *"abc")
        await leader_of(group, voters=3)
        clients = Clients(group, network.random)
        tasks = [asyncio.ensure_future(clients.propose(name)) for name in "wxyz"]
        await asyncio.sleep(5)
        clients.is_over = True
        await asyncio.gather(*tasks)
        leader = await leader_of(group)
        await until(lambda: all(server.last_applied == leader.last_applied for server in group))
        clients.check(group)
        assert len(clients.acknowledged) > 50

    run(main())


def test_a_write_that_raises_counts_as_loss():
    """A broken transport is told as `error`, now and then; the rest of the cluster works on."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)

        def broken(_payload):
            raise OSError("the channel is closed")

        for node in leader.nodes.values():
            node.write = broken
            break
        await leader.propose(1)
        await asyncio.sleep(5)
        assert leader.is_leader
        assert 3 <= len(leader.errors) <= 8
        assert "the channel is closed" in str(leader.errors[0])

    run(main())


def test_a_coroutine_function_will_do_as_write():
    """It is run as a task; its exception counts as loss too."""

    async def main():
        network = Network()
        group = servers(network, *"ab")
        for server in group:
            for node in server.nodes.values():
                write = node.write

                async def write_later(payload, write=write):
                    await asyncio.sleep(0.001)
                    write(payload)

                node.write = write_later
        await leader_of(group, voters=2)
        await group[1].propose("x")

    run(main())
