"""What RaftInterface does with wrong payloads, values and addresses: a clear error, nothing lost."""

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
from webraft_web.server import greeting
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
    greeting.seal("c", greeting.OVER, [7, 1, 1]),
    greeting.seal("c", greeting.OVER, ["i@b", 1]),
    greeting.seal("c", greeting.OVER, ["i@b", 1, -1]),
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
        over = greeting.Over(group[0]._server.server_id)
        for payload in [*GARBAGE, greeting.seal(group[0].cluster_id, greeting.OVER, [*over])]:
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


def test_a_command_that_no_message_could_carry_is_refused():
    """It would be appended, and no other server could ever be sent it, nor what follows."""

    async def main():
        server = Server(Network(), "a", members=["a"])
        with pytest.raises(BadArgumentError, match="16777219 characters as JSON, more than 16777216"):
            await server.propose("x" * (16 * 1024 * 1024 + 1))
        await server.propose("good")
        assert server.commands == ["good"]

    run(main())


def test_a_storage_has_to_be_one():
    """What a room takes, "indexeddb", is no storage."""

    async def main():
        with pytest.raises(ConfigError, match="not 'indexeddb'"):
            RaftInterface("a", storage="indexeddb")

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


def test_joining_and_leaving_oneself_does_nothing():
    """A loop over all addresses need not leave the own one out."""

    async def main():
        server = Server(Network(), "a")
        for event in ("join", "leave"):
            server.listen(event, server.events.append)
        server.join("a")
        server.leave("a")
        await server.propose("x")
        assert not server.nodes
        assert "a" not in server.events
        assert server.members == {"a": "voter"}

    run(main())


def test_create_instance_has_to_be_implemented():
    """Its absence is told at the first join."""

    async def main():
        with pytest.raises(NotImplementedError, match="create_instance"):
            RaftInterface("a").join("b")

    run(main())


def test_a_node_has_to_be_returned():
    """A forgotten `return` in create_instance is named as the mistake, and opens no link."""

    class Forgot(Server):
        def create_instance(self, address):
            NetworkNode(address, self)

    async def main():
        server = Forgot(Network(), "a")
        with pytest.raises(ConfigError, match="`return`"):
            server.join("b")
        assert not server.nodes
        await server.propose("x")

    run(main())


def test_a_member_that_cannot_be_linked_is_told_and_the_others_are_linked():
    """There is no caller to raise to; the application mends it and joins, and the cluster is founded."""

    class Picky(Server):
        refused = "b"

        def create_instance(self, address):
            if address == self.refused:
                raise OSError("no route")
            return super().create_instance(address)

    async def main():
        network = Network()
        group = [Picky(network, address, members=list("abc")) for address in "abc"]
        await asyncio.sleep(1)
        for server in (group[0], group[2]):
            (error,) = server.errors
            assert isinstance(error, ConfigError)
            assert "no route" in str(error)
            assert len(server.nodes) == 1
            server.refused = None
            server.join("b")
        await leader_of(group, voters=3)

    run(main())


@pytest.mark.parametrize("members", ["a", "abc", b"a", 5, ["a", 1], ["a", None], ["a", ""], [["a"], "a"]])
def test_members_are_a_list_of_addresses(members):
    """A text would be taken apart into letters; anything else fails as clearly."""

    async def main():
        with pytest.raises(ConfigError, match="list of addresses"):
            RaftInterface("a", members=members)

    run(main())


def test_members_are_not_more_than_servers_accept_of_each_other():
    """Else every greeting would be refused, and the cluster never founded."""

    async def main():
        with pytest.raises(ConfigError, match="at most"):
            RaftInterface("a", members=["a", *map(str, range(10_000))])

    run(main())


@pytest.mark.parametrize("sender", [[], {}, None, 7, b"b"])
def test_a_sender_that_is_no_text_is_ignored(sender):
    """Like any other that is not linked."""

    async def main():
        server = Server(Network(), "a")
        server.join("b")
        server.got_data(sender, [1, None, "hello", []])
        await server.propose("x")
        assert not server.errors

    run(main())
