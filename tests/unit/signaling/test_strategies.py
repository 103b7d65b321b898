"""Every strategy keeps to the contract, over simulated servers that behave and such that do not."""

import asyncio
import json
import random
import sys

import pytest

from tests.unit.signaling.servers import PeerServer, Server, TopicServer
from tests.unit.signaling.worlds import Bus, Page, keys
from tests.unit.test_transports import Channels
from webraft_web.clock import AsyncioClock
from webraft_web.core.errors import ConfigError, TransportError
from webraft_web.testing import check_strategy, run
from webraft_web.transports.signaling.base import MAX_TEXT
from webraft_web.transports.signaling.broadcast import BroadcastStrategy
from webraft_web.transports.signaling.strategies import strategy_for

SERVERS = {
    "ws://server": TopicServer,
    "trystero+wss://server/path": TopicServer,
    "peerjs+https://server/path": PeerServer,
}
TOPIC, PAGE = "7" * 32, "8" * 32


class Ears:
    """A port and what it tells."""

    def __init__(self, strategy, page=PAGE, topic=TOPIC):
        self.heard, self.states = [], []
        self.port = strategy.open(topic, page, self.heard.append, lambda *state: self.states.append(state))


@pytest.mark.parametrize("url", SERVERS)
def test_a_strategy_over_a_server_keeps_to_the_contract(url):
    """Texts reach everybody in the topic, or one page, and nobody else."""

    async def main():
        server = SERVERS[url]()
        await asyncio.wait_for(check_strategy(lambda: server.strategy(url)), 600)

    run(main())


def test_a_channel_of_the_browser_keeps_to_the_contract():
    """No server at all."""

    async def main():
        channels = Channels()
        make = lambda: BroadcastStrategy("broadcast:", AsyncioClock(), channels.open)  # noqa: E731
        await asyncio.wait_for(check_strategy(make), 60)

    run(main())


def test_a_strategy_of_ones_own_keeps_to_the_contract():
    """Such as the one of these tests."""

    async def main():
        bus = Bus()
        await asyncio.wait_for(check_strategy(lambda: bus), 60)

    run(main())


@pytest.mark.parametrize(
    "breach",
    ["speaks early", "is never there", "mixes topics", "cuts texts", "loses what is for one", "goes on"],
)
def test_the_contract_finds_a_strategy_that_breaks_it(breach):
    """Each clause is looked at."""

    class Broken(Bus):
        def open(self, topic, page, on_text, on_state):
            if breach == "speaks early":
                on_state(True, "")
            if breach == "is never there":
                on_state = lambda *_: None  # noqa: E731
            port = super().open("any" if breach == "mixes topics" else topic, page, on_text, on_state)
            post = port.post
            if breach == "cuts texts":
                port.post = lambda text, to="": post(text[:1000], to)
            if breach == "loses what is for one":
                port.post = lambda text, to="": None if to else post(text)
            if breach == "goes on":
                port.close = lambda: None
            return port

    async def main():
        bus = Broken()
        with pytest.raises((AssertionError, TimeoutError)):
            await asyncio.wait_for(check_strategy(lambda: bus), 60)

    run(main())


@pytest.mark.parametrize("url", SERVERS)
def test_pages_meet_and_meet_again_after_the_server_was_away(url):
    """A restart of the server loses nothing but time, and the address is not pressed meanwhile."""

    async def main():
        server = SERVERS[url]()
        room_keys = await keys()
        one, two = Page(room_keys, server.strategy(url)), Page(room_keys, server.strategy(url, seed=2))
        await asyncio.sleep(60)
        assert (one.peers, two.peers) == ([two.id], [one.id])
        server.is_down = True
        server.drop_all()
        await asyncio.sleep(1)
        assert one.meeting.status()["servers"] == [{"url": url, "connected": False, "error": "refused"}]
        one.meeting.peer_gone(two.id)
        two.meeting.peer_gone(one.id)
        await asyncio.sleep(600)
        assert len(server.attempts) < 80
        server.is_down = False
        await asyncio.sleep(180)
        assert (one.peers, two.peers) == ([two.id] * 2, [one.id] * 2)
        one.meeting.signal(two.id, "again")
        await asyncio.sleep(1)
        assert two.signals == [(one.id, "again")]

    run(main())


@pytest.mark.parametrize("url", SERVERS)
@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        "okay",
        "null",
        "[]",
        "[" * 60_000,
        "{}",
        "1e999",
        json.dumps({"topic": f"webraft:{TOPIC}"}),
        json.dumps({"topic": f"webraft:{TOPIC}", "data": 1, "payload": {"a": 1}}),
        json.dumps(
            {"topic": f"webraft:{TOPIC}", "data": "x" * (MAX_TEXT + 1), "payload": "x" * (MAX_TEXT + 1)}
        ),
        json.dumps({"topic": "another", "data": "x", "payload": "x"}),
        json.dumps({"type": "OFFER", "src": 1, "payload": "x"}),
        json.dumps({"type": "OFFER", "src": "x", "payload": {"sdp": 1}}),
        json.dumps({"type": "OFFER", "src": "x", "payload": "x" * (MAX_TEXT + 1)}),
        json.dumps({"type": "EXPIRE", "src": [1]}),
        json.dumps({"type": ["OPEN"]}),
        json.dumps({"type": "LEAVE", "src": "webraft-lobby"}),
        "x" * 300_000,
    ],
    ids=lambda text: text[:40],
)
def test_nonsense_from_a_server_is_passed_over(url, nonsense):
    """Another application's words, or a broken server's."""

    async def main():
        server = SERVERS[url]()
        ears = Ears(server.strategy(url))
        await asyncio.sleep(1)
        for socket in server.sockets:
            socket.tell(nonsense)
        await asyncio.sleep(1)
        assert ears.heard == []
        assert ears.states[-1] == (True, "")
        other = Ears(server.strategy(url), page="9" * 32)
        await asyncio.sleep(1)
        other.port.post("hello")
        await asyncio.sleep(1)
        assert ears.heard == ["hello"]

    run(main())


def test_y_webrtc_frames_are_what_its_server_takes():
    """Malformed frames would bring the reference server down: none is ever sent."""

    async def main():
        server = TopicServer()
        ears = Ears(server.strategy("ws://server"))
        await asyncio.sleep(1)
        ears.port.post("text")
        ears.port.post("text", "9" * 32)
        topic = f"webraft:{TOPIC}"
        publish = {"type": "publish", "topic": topic, "data": "text"}
        assert [json.loads(text) for text in server.sockets[0].sent] == [
            {"type": "subscribe", "topics": [topic]},
            {"type": "ping"},
            publish,
            publish,
        ]

    run(main())


def test_what_is_posted_before_the_connection_is_there_is_lost():
    """`on_state` says when it is."""

    async def main():
        for url, kind in SERVERS.items():
            server = kind()
            ears = Ears(server.strategy(url))
            ears.port.post("too early")
            assert ears.states == []
            await asyncio.sleep(1)
            assert ears.states == [(True, "")]
            assert not any("too early" in text for socket in server.sockets for text in socket.sent)

    run(main())


def test_whoever_holds_the_lobby_is_followed_by_another():
    """Pages that are left find a newcomer, whoever of them has the lobby then."""

    async def main():
        server = PeerServer()
        url = "peerjs+http://server"
        room_keys = await keys()
        pages = []
        for seed in range(4):
            pages.append(Page(room_keys, server.strategy(url, seed), seed=seed))
            await asyncio.sleep(2)
        lobby = next(client for client in server.clients if "lobby" in client)
        token = server.query(server.clients[lobby])["token"]
        holder = next(
            page for page in pages if server.query(server.clients[f"webraft-{page.id}"])["token"] == token
        )
        assert holder is pages[0]
        for _ in range(3):
            leaver = pages.pop(0)
            leaver.meeting.close()
            for page in pages:
                page.meeting.peer_gone(leaver.id)
            pages.append(Page(room_keys, server.strategy(url, 9), seed=9))
            await asyncio.sleep(100)
            for page in pages:
                assert sorted(page.meeting.status()["peers"]) == sorted(
                    other.id for other in pages if other is not page
                )

    run(main())


def test_whoever_gets_the_lobby_tells_those_who_come_what_it_said_last():
    """It knew nobody when it spoke, and others need not say a word to be told."""

    async def main():
        server = PeerServer()
        first = Ears(server.strategy("peerjs+http://server"), page="1" * 32)
        await asyncio.sleep(1)
        first.port.post("one")
        first.port.post("two")
        second = Ears(server.strategy("peerjs+http://server"), page="2" * 32)
        await asyncio.sleep(60)
        assert second.heard == ["two"]
        assert first.heard == []

    run(main())


def test_a_page_whose_connection_broke_gets_its_id_back():
    """The server has not noticed yet, and sends no OPEN to one who comes with the same token."""

    async def main():
        server = PeerServer()
        ears = Ears(server.strategy("peerjs+http://server"))
        await asyncio.sleep(1)
        for socket in list(server.sockets):
            server.left = lambda _: None  # it did not hear of it
            socket.drop()
        await asyncio.sleep(5)
        assert ears.states == [(True, ""), (False, "dropped"), (True, "")]

    run(main())


def test_an_id_that_is_taken_and_a_wrong_key_are_told():
    """Somebody sits on this page's id; the server wants another key."""

    async def main():
        server = PeerServer()
        first = Ears(server.strategy("peerjs+http://server"))
        second = Ears(server.strategy("peerjs+http://server"))
        third = Ears(server.strategy("peerjs+http://server?key=wrong"))
        await asyncio.sleep(5)
        assert first.states == [(True, "")]
        assert set(second.states) == {(False, "the server says that this page's id is taken")}
        assert third.states[0][0] is False
        assert "Invalid key provided" in third.states[0][1]

    run(main())


def test_a_lobby_forwards_no_more_than_its_share():
    """A flood at the lobby is not multiplied."""

    async def main():
        server = PeerServer()
        url = "peerjs+http://server"
        pages = [Ears(server.strategy(url), page=f"{number:032x}") for number in range(4)]
        await asyncio.sleep(1)
        for _ in range(10_000):
            pages[1].port.post("flood")
        await asyncio.sleep(10)
        assert all(len(page.heard) < 200 for page in pages[2:])

    run(main())


def test_where_there_are_no_channels_the_state_says_so():
    """A browser that forbids them to this page."""

    async def main():
        def refuse(name, _):
            raise TransportError(f"{name} cannot be opened here")

        ears = Ears(BroadcastStrategy("broadcast:", AsyncioClock(), refuse))
        assert ears.states == []
        await asyncio.sleep(1)
        ears.port.post("lost")
        ears.port.close()
        assert ears.states == [(False, f"webraft signaling {TOPIC} cannot be opened here")]

    run(main())


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("wss://host", "wss://host"),
        ("ws://127.0.0.1:4444/a/b?c=d", "ws://127.0.0.1:4444/a/b?c=d"),
        ("ws://[::1]:4444", "ws://[::1]:4444"),
        ("trystero+wss://host", "wss://host"),
        ("trystero+http://host", "ws://host"),
        ("peerjs+https://host/my/path", "wss://host/my/path/peerjs?key=peerjs&id="),
        ("peerjs+wss://host:9000/?key=mine", "wss://host:9000/peerjs?key=mine&id="),
    ],
)
def test_a_url_says_what_is_spoken_and_where(url, address):
    """The socket goes to the address that its kind of server has."""

    async def main():
        urls = []

        class Quiet:
            def __init__(self, address, *_):
                urls.append(address)

        strategy = strategy_for(url, AsyncioClock(), random.Random(1), open_socket=Quiet)
        assert strategy.url == url
        Ears(strategy)
        assert len(urls) == 1
        assert urls[0].startswith(address)
        if "peerjs" not in url:
            assert urls[0] == address

    run(main())


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "host",
        "https://host",
        "wss:host",
        "wss://",
        "wss://host:port",
        "wss://host:0",
        "wss://host:99999",
        "wss://host#fragment",
        "wss://user:password@host",
        "wss://[::1",
        "nostr+wss://host",
        "+wss://host",
        "peerjs+ftp://host",
        "broadcast",
        None,
        4444,
        object(),
    ],
    ids=lambda name: name if isinstance(name, str) else type(name).__name__,  # an address differs each time
)
def test_what_is_no_server_is_refused_with_what_is(wrong):
    """The error names every kind that is understood."""

    async def main():
        with pytest.raises(ConfigError, match=r"wss://.*trystero\+.*peerjs\+.*broadcast:.*`url` and `open`"):
            strategy_for(wrong, AsyncioClock(), random.Random(1), open_socket=Server().open)

    run(main())


def test_a_strategy_of_ones_own_passes_through_and_broadcast_needs_no_server():
    """Outside of a browser there is no channel, which is the channel's to say."""

    async def main():
        bus = Bus()
        assert strategy_for(bus, AsyncioClock(), random.Random(1)) is bus
        strategy = strategy_for("broadcast:", AsyncioClock(), random.Random(1))
        with pytest.raises(ConfigError, match="Pyodide"):
            Ears(strategy)

    run(main())


def test_without_the_package_for_websockets_the_error_names_it(monkeypatch):
    """The extra is optional."""

    async def main():
        monkeypatch.setitem(sys.modules, "webraft_web.transports.signaling.native_socket", None)
        with pytest.raises(ConfigError, match=r"websockets.*webraft_web\[peer\]"):
            strategy_for("wss://host", AsyncioClock(), random.Random(1))

    run(main())
