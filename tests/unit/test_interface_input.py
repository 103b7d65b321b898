"""What RaftInterface does with wrong payloads, values and timeouts: a clear error, nothing lost."""

import asyncio
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.in_process import Network, NetworkNode, Server, leader_of, leaders, servers, until
from webraft_web import (
    BadArgumentError,
    ConfigError,
    LocalProtocolError,
    RaftInterface,
    RemoteProtocolError,
    StorageError,
)
from webraft_web.testing import run

deep = []
for _ in range(10_000):
    deep = [deep]

GARBAGE = [
    None,
    0,
    "text",
    b"bytes",
    object(),
    {},
    [],
    [1, None, "hello"],
    [1, None, "hello", None],
    [1, None, "hello", []],
    [1, None, "hello", ["x@other", True, True, True, True, None, True]],
    [1, None, "hello", ["x@b", 1, True, True, True, None, True]],
    [1, None, "hello", ["x@b", True, True, True, True, [3], True]],
    [1, 5, "hello", ["x@b", True, True, True, True, None, True]],
    [2, None, "hello", []],
    [True, None, "hello", []],
    [10**400, None, "hello", []],
    [1, None, "shout", []],
    [1, None, ["hello"], []],
    [1, None, {}, []],
    [1, "c", "offer", ["x@b"]],
    [1, "c", "offer", "xy"],
    [1, "c", "accept", [None]],
    [1, "c", "found", []],
    [1, "c", "found", [{}]],
    [1, "c", "over", [7]],
    [1, None, "raft", []],
    [1, "c", "raft", [None]],
    [1, "c", "raft", [["Heartbeat"]]],
    [1, "c", "raft", [["Heartbeat", "x@b", "y@a", -1, 0, 0]]],
    [1, "c", "raft", [["Heartbeat", "x@c", "y@a", 1, 0, 0]]],
    [1, "c", "raft", [["Nonsense", "x@b", "y@a", 1]]],
    [1, "c", "raft", deep],
    [1, "x" * 10_000_000, "raft", []],
    [1, None, "found", ["x"] * 1_000_000],
    deep,
    "x" * 50_000_000,
]


@pytest.mark.parametrize("payload", GARBAGE, ids=range(len(GARBAGE)))
def test_a_bad_payload_harms_nobody(payload):
    """It is told as RemoteProtocolError, or ignored; the server serves on."""

    async def main():
        group = servers(Network(), *"ab")
        await leader_of(group, voters=2)
        for server in group:
            for address in server.nodes:
                server.got_data(address, payload)
                server.nodes[address].got_data(payload)
        await group[0].propose("still")
        await group[1].propose("alive")
        assert {type(error) for server in group for error in server.errors} <= {RemoteProtocolError}
        assert len(leaders(group)) == 1

    run(main())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=6) | st.dictionaries(st.text(max_size=3), children, max_size=3)
    ),
)
kinds = st.sampled_from(["raft", "hello", "offer", "accept", "found", "over"])


@given(st.lists(json_values | st.tuples(st.just(1), st.none() | st.text(), kinds, json_values).map(list)))
def test_no_payload_whatsoever_stops_a_server(payloads):
    """Any JSON value, and those that look right up to the body."""

    async def main():
        server = Server(Network(), "a")
        server.join("b")
        for payload in payloads:
            server.got_data("b", payload)
        await server.propose("alive")
        assert {type(error) for error in server.errors} <= {RemoteProtocolError}

    run(main())


def test_whatever_is_changed_in_a_true_payload_harms_nobody():
    """Mutations of what servers really say: nothing worse than a refused message comes of it."""

    class Mangling(Network):
        def carry(self, sender, receiver, payload):
            mangled = json.loads(json.dumps(payload))
            if self.random.random() < 0.2:
                place = mangled
                while isinstance(place, list) and place:
                    position = self.random.randrange(len(place))
                    if not isinstance(place[position], list) or self.random.random() < 0.2:
                        place[position] = self.random.choice([None, True, -1, 2**60, "", "x", [], {}, 1.5])
                        break
                    place = place[position]
            super().carry(sender, receiver, mangled)

    async def main():
        network = Mangling(3)
        group = servers(network, *"abc")
        await until(lambda: len(leaders(group)) == 1, 60)
        network.random.random = lambda: 1.0
        for server in group:
            await server.propose(server.address)
        leader = await leader_of(group)
        await until(lambda: all(server.last_applied == leader.last_applied for server in group))
        assert {type(error) for server in group for error in server.errors} <= {
            RemoteProtocolError,
            StorageError,
        }

    run(main())


def test_what_comes_from_an_unknown_address_is_ignored():
    """Whatever it says: only links that the application opened are heard."""

    async def main():
        group = servers(Network(), *"ab")
        await leader_of(group, voters=2)
        heard = group[0].current_term
        for payload in [*GARBAGE, [1, group[0].cluster_id, "over", [group[0]._server.server_id]]]:
            group[0].got_data("stranger", payload)
        await asyncio.sleep(1)
        assert group[0].current_term == heard
        assert not group[0].errors

    run(main())


def test_a_flood_of_payloads_is_bounded():
    """What arrives faster than it is handled is dropped, as a network would."""

    async def main():
        server = Server(Network(), "a")
        server.join("b")
        for _ in range(50_000):
            server.got_data("b", [1, None, "hello", []])
        await asyncio.sleep(0.01)
        assert len(server.errors) == 10_000
        await server.propose("x")

    run(main())


@pytest.mark.parametrize("command", [math.nan, 2**53, {1: 2}, b"x", object(), [[math.inf]], {"a": {3}}])
def test_a_command_that_json_cannot_carry_is_refused(command):
    """Before anything is sent; nothing is appended."""

    async def main():
        server = Server(Network(), "a", members=["a"])
        with pytest.raises(LocalProtocolError):
            await server.propose(command)
        with pytest.raises(ValueError):  # noqa: PT011 - the same error is both
            await server.propose(command)
        await server.propose("good")
        assert server.commands == ["good"]

    run(main())


@pytest.mark.parametrize("command", [None, 0, "", [], {}, False, "x" * 3_000_000, {"ünï": "cödé \ud83d"}])
def test_any_json_value_is_a_command(command):
    """Also falsy ones, large ones and odd text."""

    async def main():
        group = servers(Network(), *"abc")
        await leader_of(group)
        await group[2].propose(command)
        await until(lambda: all(server.commands == [command] for server in group))

    run(main())


@pytest.mark.parametrize("address", ["", None, 7, "x" * 5000, b"b"])
def test_an_address_is_a_short_text(address):
    """Anything else is refused by `join` and `leave`."""

    async def main():
        server = Server(Network(), "a")
        for method in (server.join, server.leave):
            with pytest.raises(BadArgumentError, match="address"):
                method(address)
        assert not server.nodes

    run(main())


def test_a_server_does_not_join_itself():
    """That is a mistake in a loop over all addresses."""

    async def main():
        with pytest.raises(BadArgumentError, match="own address"):
            Server(Network(), "a").join("a")

    run(main())


def test_create_instance_has_to_be_implemented():
    """Its absence is told at the first join."""

    async def main():
        with pytest.raises(NotImplementedError, match="create_instance"):
            RaftInterface("a").join("b")

    run(main())


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
