"""WebRTCNode: servers that reach each other through links, each known by the address that its page claims."""

import asyncio
import functools
import sys

import pytest

from tests.unit.webrtc.pages import A, B, C, World
from webraft_web.core.errors import ConfigError, RemoteProtocolError
from webraft_web.interface import RaftInterface
from webraft_web.testing import run
from webraft_web.testing.webrtc import FakeKeys
from webraft_web.transports.webrtc.mesh import Mesh
from webraft_web.webrtc_node import WebRTCNode


class Server:
    """As much of a server as a node needs."""

    message_timeout = 3000

    def __init__(self, address):
        self.address = address
        self.heard, self.errors = [], []

    def got_data(self, from_address, payload):
        self.heard.append((from_address, payload))

    def emit(self, event, *arguments):
        self.errors.append((event, *arguments))


def node_at(world, page):
    """What makes nodes of servers in one page."""
    opened = []

    def open_mesh(room, secret, *, signaling, ice_servers, claim, on_link, on_error):
        async def open_it():
            opened.append(page)
            await asyncio.sleep(0)
            if secret == "wrong":
                raise ConfigError("no such secret")
            return Mesh(
                world.open_meeting(page),
                FakeKeys(secret),
                page,
                claim,
                world.connections(page),
                world.clock,
                on_link=on_link,
                on_error=on_error,
                token=world.token,
            )

        return open_it()

    node = functools.partial(
        WebRTCNode, room="room", secret="secret", signaling=["wss://x"], open_mesh=open_mesh
    )
    node.opened = opened
    return node


def test_nodes_of_one_server_share_its_links_which_close_with_the_last():
    """Three servers, each with two nodes: one mesh each, and none when all are closed."""

    async def main():
        world = World()
        servers = {page: Server(f"server {page[0]}") for page in (A, B, C)}
        makers = {page: node_at(world, page) for page in servers}
        nodes = {
            page: [makers[page](other.address, server) for other in servers.values() if other is not server]
            for page, server in servers.items()
        }
        nodes[A][0].write(["lost, for there is no link yet"])
        assert nodes[A][0].status() == {}
        await asyncio.sleep(5)
        assert [maker.opened for maker in makers.values()] == [[A], [B], [C]]
        assert {one["claim"] for one in nodes[A][0].status()["links"].values()} == {"server b", "server c"}
        nodes[A][0].write(["to b", {"x": [1]}])
        nodes[A][1].write(["to c"])
        await asyncio.sleep(1)
        assert [server.heard for server in servers.values()] == [
            [],
            [("server a", ["to b", {"x": [1]}])],
            [("server a", ["to c"])],
        ]
        nodes[A][0].close()
        nodes[A][0].close()
        nodes[A][0].write(["after close"])
        await asyncio.sleep(1)
        assert len(world.ends) == 6
        nodes[A][1].close()
        await asyncio.sleep(1)
        assert {end.page for end in world.ends} == {B, C}
        assert len(servers[B].heard) == 1
        assert [server.errors for server in servers.values()] == [[], [], []]

    run(main())


def test_where_two_pages_claim_one_address_the_later_is_believed():
    """The earlier is not heard while the other is there, and heard again when it is gone."""

    async def main():
        world = World()
        server, old, new = Server("server"), Server("twin"), Server("twin")
        node = node_at(world, A)("twin", server)
        to_server = [node_at(world, B)("server", old)]
        await asyncio.sleep(5)
        to_server.append(node_at(world, C)("server", new))
        await asyncio.sleep(5)
        to_server[0].write(["old"])
        to_server[1].write(["new"])
        node.write(["to whom?"])
        await asyncio.sleep(1)
        assert server.heard == [("twin", ["new"])]
        assert (old.heard, new.heard) == ([], [("server", ["to whom?"])])
        to_server[1].close()
        await asyncio.sleep(1)
        to_server[0].write(["old again"])
        await asyncio.sleep(1)
        assert server.heard[1:] == [("twin", ["old again"])]

    run(main())


def test_a_text_that_is_no_json_is_the_servers_to_refuse():
    """It counts what cannot be read, and the link stays."""

    async def main():
        world = World()
        a, b = Server("a"), Server("b")
        node = node_at(world, A)("b", a)
        node_at(world, B)("a", b)
        await asyncio.sleep(5)
        node._end.mesh.links[B].send("{")
        await asyncio.sleep(1)
        assert b.heard == [("a", None)]

    run(main())


def test_errors_come_out_as_the_servers_error_event():
    """Of the secret, which is looked at later, and of pages that do wrong."""

    async def main():
        world = World()
        server, other = Server("a"), Server("b")
        node_at(world, A)("b", server, secret="wrong")
        await asyncio.sleep(1)
        assert [(event, str(error)) for event, error in server.errors] == [("error", "no such secret")]
        node_at(world, A)("b", server)
        hostile = node_at(world, B)("a", other)
        await asyncio.sleep(5)
        hostile._end.mesh.links[A]._connection.send("garbage")
        await asyncio.sleep(1)
        assert isinstance(server.errors[-1][1], RemoteProtocolError)

    run(main())


def test_closing_before_the_links_have_begun_leaves_nothing_open():
    """Keys take a moment."""

    async def main():
        world = World()
        node_at(world, A)("b", Server("a")).close()
        await asyncio.sleep(5)
        assert world.meetings == []

    run(main())


@pytest.mark.parametrize("signaling", [[], (), "wss://x"])
def test_signaling_has_to_be_a_list_of_servers(signaling):
    """A bare URL would be taken for its letters, and without any nobody is met."""

    async def main():
        with pytest.raises(ConfigError, match="list of at least one"):
            node_at(World(), A)("b", Server("a"), signaling=signaling)

    run(main())


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"room": 5}, "room is text"),
        ({"room": "\ud800"}, "room is text without lone surrogates"),
        ({"secret": None}, "secret is text"),
        ({"signaling": 5}, "list of at least one"),
        ({"ice_servers": 5}, "list of dicts"),
        ({"ice_servers": ["stun:x"]}, "list of dicts"),
        ({"ice_servers": {"urls": "stun:x"}}, "list of dicts"),
    ],
)
def test_what_is_of_another_type_is_refused_at_once(wrong, says):
    """Nobody would hear of it later."""

    async def main():
        with pytest.raises(ConfigError, match=says):
            node_at(World(), A)("b", Server("a"), **wrong)

    run(main())


def test_outside_of_a_page_it_says_what_to_install(monkeypatch):
    """CPython has no WebRTC of its own."""
    monkeypatch.setitem(sys.modules, "webraft_web.transports.webrtc.native_connections", None)

    async def main():
        with pytest.raises(ConfigError, match=r"pip install 'webraft_web\[peer\]'"):
            WebRTCNode("b", Server("a"), room="room", secret="x" * 32, signaling=["wss://x"])

    run(main())


def test_three_servers_elect_replicate_and_go_on_without_one():
    """Raft over links: the leader's page dies without a word, and the two others go on."""

    async def main():
        world = World()

        class Raft(RaftInterface):
            def create_instance(self, address):
                return node_at(world, self.address * 32)(address, self)

        members = ["a", "b", "c"]
        rafts = {address: Raft(address, members=members) for address in members}
        applied = {address: [] for address in members}
        for address, raft in rafts.items():
            raft.listen("apply", lambda entry, index, done, to=applied[address]: (to.append(entry), done()))
        await rafts["a"].propose("first")
        (leader,) = [address for address, raft in rafts.items() if raft.is_leader]
        world.kill(leader * 32)
        del rafts[leader]
        await asyncio.sleep(5)
        await next(iter(rafts.values())).propose("second")
        await asyncio.sleep(1)
        assert [applied[address] for address in rafts] == [["first", "second"]] * 2
        for raft in rafts.values():
            await raft.close()

    run(main())
