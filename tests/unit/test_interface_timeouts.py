"""The timeouts of RaftInterface and its nodes as applications override them: obeyed, read anew, checked."""

import asyncio
import math

import pytest

from tests.unit.in_process import Network, NetworkNode, Server, leader_of, leaders, servers
from webraft_web import ConfigError, RaftInterface
from webraft_web.testing import run


def with_timeouts(**values):
    """Return a Server class whose timeouts are overridden as an application would."""
    return type(
        "Overridden", (Server,), {name: property(lambda _, v=value: v) for name, value in values.items()}
    )


@pytest.mark.parametrize(
    "values",
    [
        {"heartbeat_timeout": 500},
        {"heartbeat_timeout": 2000, "heartbeat_frequency": 700, "election_timeout": 2500},
        {"heartbeat_timeout": 40, "heartbeat_frequency": 15, "election_timeout": 35},
        {"heartbeat_timeout": 250.5, "heartbeat_frequency": 99.5},
        {"heartbeat_timeout": 101, "heartbeat_frequency": 100},
    ],
)
def test_overridden_timeouts_are_obeyed(values):
    """Slower and faster clusters elect one leader, keep it, and replace it in their own time."""

    async def main():
        loop = asyncio.get_running_loop()
        network = Network(delay_ms=(1, 3))
        group = servers(network, *"abc", server_class=with_timeouts(**values))
        leader = await leader_of(group, voters=3)
        term = leader.current_term
        await asyncio.sleep(20)
        assert leader.is_leader
        assert leader.current_term == term
        started = loop.time()
        leader.crash()
        await leader_of([server for server in group if server is not leader])
        took_ms = (loop.time() - started) * 1000
        assert values["heartbeat_timeout"] * 0.5 < took_ms < values["heartbeat_timeout"] * 12

    run(main())


def test_timeouts_are_read_anew_each_time():
    """A property may return something else whenever it is asked."""

    class Changing(Server):
        period = 100
        heartbeat_frequency = property(lambda self: self.period)
        heartbeat_timeout = property(lambda self: 10 * self.period)

    async def main():
        network = Network()
        group = servers(network, *"ab", server_class=Changing)
        await leader_of(group, voters=2)

        async def payloads_per_second():
            before = network.sent
            await asyncio.sleep(10)
            return (network.sent - before) / 10

        slow = await payloads_per_second()
        for server in group:
            server.period = 20
        await asyncio.sleep(1)
        assert await payloads_per_second() > 3 * slow

    run(main())


@pytest.mark.parametrize(
    "values",
    [
        {"heartbeat_timeout": 100},
        {"heartbeat_timeout": 50},
        {"heartbeat_frequency": 300},
        {"heartbeat_timeout": "fast"},
        {"heartbeat_timeout": None},
        {"heartbeat_timeout": math.nan},
        {"election_timeout": 0},
        {"election_timeout": -5},
        {"heartbeat_frequency": True},
        {"message_timeout": math.inf},
        {"message_timeout": None},
        {"message_timeout": "x"},
        {"message_timeout": 0},
    ],
)
def test_timeouts_that_cannot_work_are_refused(values):
    """A ConfigError at construction says what was read and what was expected."""

    async def main():
        with pytest.raises(ConfigError, match=next(iter(values))):
            with_timeouts(**values)(Network(), "a")

    run(main())


def test_a_method_in_place_of_a_property_is_named_as_the_mistake():
    """Forgetting @property is easy."""

    class Forgot(Server):
        def heartbeat_timeout(self):
            return 500

    async def main():
        with pytest.raises(ConfigError, match="@property"):
            Forgot(Network(), "a")

    run(main())


def test_a_property_that_breaks_later_is_told_and_does_not_stop_the_server():
    """The last good value serves on; the mistake is told once."""

    class Breaks(Server):
        is_broken = False

        @property
        def heartbeat_timeout(self):
            return 1 if self.is_broken else 230

    async def main():
        network = Network()
        group = servers(network, *"abc", server_class=Breaks)
        leader = await leader_of(group, voters=3)
        for server in group:
            server.is_broken = True
        await asyncio.sleep(5)
        assert leaders(group) == [leader]
        assert all([type(error) for error in server.errors] == [ConfigError] for server in group)

    run(main())


def test_a_property_may_need_what_the_subclass_sets_after_the_constructor():
    """It is read again when the server starts."""

    class Late(RaftInterface):
        def __init__(self, network, address):
            super().__init__(address)
            network.servers[address] = self
            self.network = network
            self.wait = 600

        heartbeat_timeout = property(lambda self: self.wait)

        def create_instance(self, address):
            return NetworkNode(address, self)

    async def main():
        server = Late(Network(), "a")
        errors = []
        server.listen("error", errors.append)
        await server.propose(1)
        assert 0.55 < asyncio.get_running_loop().time() < 0.7
        assert not errors

    run(main())


@pytest.mark.parametrize("value", [math.inf, None, "x", -1])
def test_a_nodes_message_timeout_that_cannot_work_is_told(value):
    """The last good value serves on."""

    class OddNode(NetworkNode):
        message_timeout = value

    class Odd(Server):
        def create_instance(self, address):
            return OddNode(address, self)

    async def main():
        group = servers(Network(), *"ab", server_class=Odd)
        leader = await leader_of(group, voters=2)
        follower = next(server for server in group if server is not leader)
        await follower.propose(1)
        await follower.propose(2)
        (error,) = follower.errors
        assert isinstance(error, ConfigError)
        assert "message_timeout" in str(error)

    run(main())


def test_a_nodes_message_timeout_counts_for_what_is_handed_to_it():
    """A node says how long its server, as the leader, may take to answer."""

    class SlowNode(NetworkNode):
        message_timeout = property(lambda _: 450)

    class Patient(Server):
        def create_instance(self, address):
            return SlowNode(address, self)

    async def main():
        network = Network()
        group = servers(network, *"abc", server_class=Patient)
        leader = await leader_of(group, voters=3)
        follower = next(server for server in group if server is not leader)
        assert (follower.nodes[leader.address].message_timeout, follower.message_timeout) == (450, 3000)
        network.blocked = {(follower.address, leader.address)}
        started = asyncio.get_running_loop().time()
        with pytest.raises(Exception, match=r"lost|leader"):
            await follower.propose("x")
        assert asyncio.get_running_loop().time() - started < 1.5

    run(main())
