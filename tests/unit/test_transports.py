"""Text between addresses: the contract, over each transport that runs without a browser."""

import asyncio
import functools

import pytest

from webraft_web.core.errors import ConfigError, RemoteProtocolError
from webraft_web.nodes import BroadcastChannelNode
from webraft_web.testing import run
from webraft_web.testing.transport import check_transport
from webraft_web.transports.broadcast_channel import BroadcastChannelTransport
from webraft_web.transports.memory import MemoryNetwork


class Channels:
    """Named channels as a browser has them: every end hears all others, later."""

    def __init__(self):
        self.ends = []

    def open(self, name, on_text):
        end = ChannelEnd(self, name, on_text)
        self.ends.append(end)
        return end


class ChannelEnd:
    def __init__(self, channels, name, on_text):
        self.channels, self.name, self.on_text = channels, name, on_text

    def post(self, text):
        if self not in self.channels.ends:
            return
        for end in self.channels.ends:
            if end is not self and end.name == self.name:
                asyncio.get_running_loop().call_soon(self._deliver, end, text)

    def _deliver(self, end, text):
        if end in self.channels.ends:
            end.on_text(text)

    def close(self):
        if self in self.channels.ends:
            self.channels.ends.remove(self)


class Server:
    """As much of a server as a node needs."""

    message_timeout = 3000

    def __init__(self, address, error=None):
        self.address = address
        self.heard = []
        self._error = error

    def got_data(self, from_address, payload):
        self.heard.append((from_address, payload))
        if self._error is not None:
            raise self._error


def test_the_memory_transport_keeps_the_promise():
    """The contract suite holds within one program."""

    async def main():
        network = MemoryNetwork(asyncio.get_running_loop().call_soon)

        async def open_transport(address, on_text):
            return network.open(address, on_text)

        await check_transport(open_transport)

    run(main())


def test_the_broadcast_channel_transport_keeps_the_promise():
    """The contract suite holds over channels that everyone hears."""

    async def main():
        channels = Channels()

        async def open_transport(address, on_text):
            return BroadcastChannelTransport("c", address, on_text, open_channel=channels.open)

        await check_transport(open_transport)

    run(main())


@pytest.mark.parametrize(
    "breach", ["repeats", "loses the last", "tells everyone", "answers at once", "goes on"]
)
def test_the_contract_finds_a_transport_that_breaks_it(breach):
    """Each clause of the promise is looked at."""

    async def main():
        network = MemoryNetwork(asyncio.get_running_loop().call_soon)
        everyone = []

        async def open_transport(address, on_text):
            end = network.open(address, on_text)
            everyone.append((address, on_text))
            send = end.send

            def broken(receiver, text):
                if breach == "repeats":
                    send(receiver, text)
                if breach == "tells everyone":
                    for other, _ in everyone:
                        send(other, text)
                elif breach == "answers at once":
                    [tell(address, text) for other, tell in everyone if other == receiver]
                elif not (breach == "loses the last" and text == "end"):
                    send(receiver, text)

            end.send = broken
            if breach == "goes on":
                end.close = lambda: None
            return end

        with pytest.raises((AssertionError, TimeoutError)):
            await asyncio.wait_for(check_transport(open_transport), 1)

    run(main())


def test_a_cut_link_loses_what_is_under_way_and_a_mended_one_carries_again():
    """Partitions for tests: both directions, until mended."""

    async def main():
        heard = []
        network = MemoryNetwork(asyncio.get_running_loop().call_soon)
        one = network.open("one", lambda *text: heard.append(text))
        two = network.open("two", lambda *text: heard.append(text))
        one.send("two", "lost")
        network.cut("two", "one")
        two.send("one", "lost")
        await asyncio.sleep(0)
        network.mend("one", "two")
        one.send("two", "carried")
        await asyncio.sleep(0)
        assert heard == [("one", "carried")]

    run(main())


@pytest.mark.parametrize(
    "noise", ["", "hello", "{}\nx", "[1]\nx", '["b"]\nx', '["b",1]\nx', "[]\nx", "[" * 99_999]
)
def test_what_others_say_on_a_channel_is_passed_over(noise):
    """A text without a proper first line is somebody else's."""

    async def main():
        channels = Channels()
        heard = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
        BroadcastChannelTransport("c", "b", lambda *text: heard.append(text), open_channel=channels.open)
        channels.open("c", print).post(noise)
        await asyncio.sleep(0)
        assert heard == []

    run(main())


def test_without_pyodide_a_channel_says_what_to_use_instead():
    """CPython has no BroadcastChannel, and the error names what it has."""
    with pytest.raises(ConfigError, match="RaftInterface"):
        BroadcastChannelTransport("c", "b", print)


def with_channels(channels):
    transport = functools.partial(BroadcastChannelTransport, open_channel=channels.open)
    return functools.partial(BroadcastChannelNode, open_transport=transport)


def test_nodes_of_one_server_share_an_end_which_closes_with_the_last():
    """Three links are one channel, and leaving them all leaves nothing open."""

    async def main():
        channels = Channels()
        node = with_channels(channels)
        servers = [Server(address) for address in "abc"]
        nodes = [
            [node(other.address, server) for other in servers if other is not server] for server in servers
        ]
        assert len(channels.ends) == 3
        nodes[0][0].write(["to b", {"x": [1]}])
        nodes[0][1].write(["to c"])
        await asyncio.sleep(0)
        assert [server.heard for server in servers] == [[], [("a", ["to b", {"x": [1]}])], [("a", ["to c"])]]
        nodes[0][0].close()
        nodes[0][0].close()
        nodes[0][0].write(["after close"])
        assert len(channels.ends) == 3
        nodes[0][1].close()
        assert len(channels.ends) == 2
        node("b", servers[0]).write(["again"])
        await asyncio.sleep(0)
        assert servers[1].heard[1:] == [("a", ["again"])]

    run(main())


def test_servers_on_channels_of_different_names_do_not_hear_each_other():
    """Two applications of one origin keep apart."""

    async def main():
        channels = Channels()
        a, b = Server("a"), Server("b")
        with_channels(channels)("b", a, channel="one").write(["lost"])
        with_channels(channels)("a", b, channel="two")
        await asyncio.sleep(0)
        assert b.heard == []

    run(main())


def test_a_text_that_is_no_json_is_the_servers_to_refuse(caplog):
    """It counts what cannot be read; what it raises is logged and goes no further."""

    async def main():
        channels = Channels()
        server = Server("b", RemoteProtocolError("nonsense"))
        with_channels(channels)("a", server)
        BroadcastChannelTransport("webraft", "a", print, open_channel=channels.open).send("b", "{")
        await asyncio.sleep(0)
        assert server.heard == [("a", None)]
        assert "a sent what cannot be used: nonsense" in caplog.text

    run(main())
