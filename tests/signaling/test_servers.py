"""Pages that meet through servers that people deploy, and through the bundled one: programs of their own."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import secrets
import socket
import subprocess
import sys
import urllib.request

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.setup import ROOT
from tests.signaling.processes import free_port, listening, program, url_of
from tests.unit.signaling.worlds import Page
from webraft_web.clock import AsyncioClock
from webraft_web.testing import check_strategy
from webraft_web.transports.keys import derive_keys, new_secret
from webraft_web.transports.signaling.native_socket import NativeSocket
from webraft_web.transports.signaling.strategies import strategy_for

PATIENCE_S = 60
SDP = "v=0\r\no=- 4611 2 IN IP4 192.168.17.4\r\na=candidate:1 1 udp 2113 192.168.17.4 56143 typ host\r\n"


def strategy(url, seed=1):
    return strategy_for(url, AsyncioClock(), random.Random(seed))


async def until(condition):
    """Wait for what has to come, looking again and again."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for lies in several pages
            await asyncio.sleep(0.02)


def test_the_strategy_for_a_server_keeps_to_the_contract(server):
    """What the protocols' descriptions say is what the servers do."""

    async def main():
        url = url_of(server.kind, server.address)
        await asyncio.wait_for(check_strategy(lambda: strategy(url)), PATIENCE_S)

    asyncio.run(main())


def test_pages_meet_and_the_server_learns_nothing(server):
    """In no frame, either way, is the room's name, an address or a session description to be read."""

    async def main():
        room = "our private kanban"
        keys = await derive_keys(new_secret(), room)
        async with listening(server.address) as (address, frames):
            url = url_of(server.kind, address)
            pages = [Page(keys, strategy(url, seed)) for seed in range(3)]
            for page, other in itertools.permutations(pages, 2):
                await until(lambda page=page, other=other: other.id in page.peers)
                page.meeting.signal(other.id, SDP)
            await until(lambda: all(len(page.signals) == 2 for page in pages))
            for page in pages:
                assert {text for _, text in page.signals} == {SDP}
                assert page.refused == {}
                page.meeting.close()
        wire = "\n".join(frames)
        assert wire.count("webraft1 ") >= 3 + 6
        for telling in ("kanban", "private", "192.168", "candidate", "v=0", "IN IP4", "typ host"):
            assert telling not in wire

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["y-webrtc", "peerjs", "bundled"])
def test_pages_come_back_to_a_server_that_was_restarted(kind):
    """And whoever came meanwhile is met, too."""

    async def main():
        keys = await derive_keys(new_secret(), "room")
        port = free_port()
        with program(kind, port) as server:
            url = url_of(kind, server.address)
            one, two = Page(keys, strategy(url)), Page(keys, strategy(url, 2))
            await until(lambda: two.id in one.peers and one.id in two.peers)
        await until(lambda: one.meeting.status()["servers"][0]["error"])
        three = Page(keys, strategy(url, 3))
        await asyncio.sleep(0.2)
        with program(kind, port):
            await until(lambda: one.id in three.peers and two.id in three.peers)
            one.meeting.signal(three.id, "again")
            await until(lambda: three.signals == [(one.id, "again")])
            for page in (one, two, three):
                page.meeting.close()

    asyncio.run(main())


NONSENSE = (
    "",
    "nonsense",
    "null",
    "[]",
    "[" * 60_000,
    "{}",
    "1e999",
    '{"type": []}',
    '{"type": "subscribe"}',
    '{"type": "subscribe", "topics": "abc"}',
    '{"type": "subscribe", "topics": [1, null, {}, [], "x"]}',
    '{"type": "unsubscribe", "topics": {"a": 1}}',
    '{"type": "unsubscribe", "topics": ["never subscribed"]}',
    '{"type": "publish"}',
    '{"type": "publish", "topic": {}}',
    '{"type": "publish", "topic": "nobody is here", "data": 1}',
    b"\xff\xfe",
    b'{"type": "ping"}',
)


def test_the_bundled_server_bears_whatever_is_sent_to_it(bundled):
    """Nonsense, too much, too many topics: it answers the next ping, and others notice nothing."""

    async def main():
        url = f"ws://{bundled.address}"
        topic = secrets.token_hex(8)
        async with connect(url) as witness, connect(url) as hostile:
            await witness.send(json.dumps({"type": "subscribe", "topics": [topic]}))
            for frame in NONSENSE:
                await hostile.send(frame)
            await hostile.send('{"type": "ping"}')
            assert [json.loads(await hostile.recv()) for _ in range(2)] == [{"type": "pong"}] * 2
            many = [f"{topic}{number}" for number in range(1000)]
            await hostile.send(json.dumps({"type": "subscribe", "topics": many}))
            for number in (10, 100):
                frame = {"type": "publish", "topic": f"{topic}{number}", "data": number}
                await hostile.send(json.dumps(frame))
            await hostile.send('{"type": "ping"}')
            heard = [json.loads(await hostile.recv()) for _ in range(2)]
            assert [frame.get("data", frame["type"]) for frame in heard] == [10, "pong"]
            await hostile.send("x" * 2_000_000)
            with pytest.raises(ConnectionClosed):
                await hostile.recv()
            await witness.send(json.dumps({"type": "publish", "topic": topic, "data": "still there"}))
            frame = json.loads(await asyncio.wait_for(witness.recv(), PATIENCE_S))
            assert frame == {"type": "publish", "topic": topic, "data": "still there", "clients": 1}

    asyncio.run(main())


def test_the_bundled_server_does_what_the_reference_server_does(bundled):
    """Frame for frame, as far as the protocol goes."""

    async def conversation(url):
        async with connect(url) as one, connect(url) as two:
            for end in (one, two):
                await end.send('{"type": "subscribe", "topics": ["a", "b"]}')
                await end.send('{"type": "ping"}')
            heard = [await one.recv(), await two.recv()]
            await one.send('{"type": "publish", "topic": "a", "data": {"x": [1, null]}, "more": "é"}')
            heard += [await one.recv(), await two.recv()]
            await two.send('{"type": "unsubscribe", "topics": ["a"]}')
            await two.send('{"type": "publish", "topic": "a", "data": 1}')
            await two.send('{"type": "ping"}')
            heard += [await one.recv(), await two.recv()]
            return [json.loads(text) for text in heard]

    with program("y-webrtc") as reference:
        expected = asyncio.run(conversation(f"ws://{reference.address}"))
    assert asyncio.run(conversation(f"ws://{bundled.address}")) == expected


def test_the_bundled_server_says_where_it_is_and_ends_when_told():
    """One command, loopback alone, and a clean end."""
    with program("bundled") as server:
        assert f"ws://127.0.0.1:{server.port}\n" in server.output
        with urllib.request.urlopen(f"http://{server.address}/") as answer:
            assert answer.read() == b"okay\n"
        taken = subprocess.run(
            [sys.executable, ROOT / "demo", "signaling", "--port", str(server.port)],
            check=False,
            capture_output=True,
            text=True,
        )
        assert taken.returncode == 1
        assert f"Port {server.port} is in use" in taken.stderr
        for address in {
            info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        }:
            if not address.startswith("127."):
                with pytest.raises(OSError):  # noqa: PT011 - which one is the system's choice
                    socket.create_connection((address, server.port), timeout=5).close()
        assert server.end() == 0
    assert "Stopped." in server.output


@pytest.mark.parametrize("url", ["ws://127.0.0.1:{free}", "ws://127.0.0.1:{free}/\0", "http://127.0.0.1"])
def test_a_socket_that_cannot_connect_says_why(url):
    """Nothing is raised: a strategy tries again."""

    async def main():
        closed = asyncio.get_running_loop().create_future()
        NativeSocket(url.format(free=free_port()), pytest.fail, pytest.fail, closed.set_result).send("lost")
        assert await asyncio.wait_for(closed, PATIENCE_S)

    asyncio.run(main())
