"""WebRTC by aiortc: two ends in one process, over this machine's own network."""

import asyncio
import json
import re
from contextlib import asynccontextmanager

import pytest

from tests.peers import until
from tests.tabs.test_webrtc import own_address, turn_server
from webraft_web.core.errors import ConfigError
from webraft_web.transports.webrtc.connections import HIGH_BYTES, MAX_MESSAGE_BYTES, default_connections
from webraft_web.transports.webrtc.native_connections import NativeConnections, fingerprints, until_closed


@pytest.fixture(autouse=True)
def network():
    own_address()


class End:
    """One end, what it is told, and what it has signalled."""

    def __init__(self, *, is_first, passes=lambda _: True, connections=None):
        self.signals, self.opened, self.heard, self.lost = [], [], [], []
        self.lows = self.gathered = 0
        self.other = None
        self.passes = passes
        self.connection = (connections or NativeConnections()).open(
            self, is_polite=not is_first, is_first=is_first, farewell="x"
        )

    def on_signal(self, text):
        self.signals.append(json.loads(text))
        if self.other is not None and self.passes(text):
            self.other.connection.signal(text)

    def on_gathered(self):
        self.gathered += 1

    def on_open(self, local, remote):
        self.opened.append((local, remote))

    def on_message(self, text):
        self.heard.append(text)

    def on_low(self):
        self.lows += 1

    def on_lost(self, reason):
        self.lost.append(reason)


@asynccontextmanager
async def pair(*, is_linked=True, connections=None):
    """Two ends, linked by what they signal."""
    one, other = (End(is_first=is_first, connections=connections) for is_first in (True, False))
    one.other, other.other = other, one
    try:
        if is_linked:
            await until(lambda: one.opened and other.opened)
        yield one, other
    finally:
        for end in (one, other):
            end.connection.close()
        await until_closed()


def test_two_ends_open_one_channel_between_the_certificates_that_they_described():
    """Each end sees the other's fingerprint as that one sees it, in the browsers' spelling."""

    async def main():
        async with pair() as (one, other):
            ((local, remote),) = one.opened
            assert other.opened == [(remote, local)]
            assert local.startswith("sha-256 ")
            assert local == local.lower() != remote
            assert "," not in local  # of several, browsers keep one
            assert (one.gathered, other.gathered) == (1, 1)
            kinds = [signal["description"]["type"] for end in (one, other) for signal in end.signals]
            assert kinds == ["offer", "answer"]

    asyncio.run(main())


def test_messages_arrive_whole_in_order_and_before_the_end():
    """The longest, the empty one, and whatever was sent just before `close`."""

    async def main():
        async with pair() as (one, other):
            texts = ["", "é€\U0001f600" * 100, "x" * MAX_MESSAGE_BYTES, *map(str, range(100))]
            for text in texts:
                assert one.connection.send(text) >= 0
            other.connection.send("well received")
            await until(lambda: len(other.heard) == len(texts) and one.heard)
            assert (one.heard, other.heard) == (["well received"], texts)
            sent = 1 + sum(len(text.encode()) for text in texts)  # the empty one takes a byte
            assert one.connection.statistics() == {"bytes_sent": sent, "bytes_received": 13}
            one.connection.send("last words")
            one.connection.close()
            assert one.connection.send("too late") == -1
            await until(lambda: other.lost)
            assert other.heard[-1] == "last words"
            assert other.lost == ["the other end closed the channel"]
            assert other.connection.send("to nobody") == -1
            assert one.lost == []

    asyncio.run(main())


def test_who_sends_too_much_learns_when_little_waits():
    """What waits is told with each message, and `on_low` comes once after much did."""

    async def main():
        async with pair() as (one, other):
            count = 0
            while one.connection.send("x" * 60_000) < HIGH_BYTES:
                count += 1
            await until(lambda: len(other.heard) == count + 1)
            assert one.lows == 1

    asyncio.run(main())


def test_bytes_are_no_text():
    """They stand for something that the other end should not have sent."""

    async def main():
        async with pair() as (one, other):
            one.connection._channel.send(b"bytes")
            await until(lambda: other.heard)
            assert other.heard == [""]

    asyncio.run(main())


def test_candidates_may_come_before_the_description_and_need_not_be_of_use():
    """A browser signals each by itself, hides addresses behind names, and signals overtake each other."""

    async def main():
        async with pair(is_linked=False) as (one, other):
            one.passes = other.passes = lambda _: False
            await until(lambda: one.signals)
            (offer,) = one.signals
            lines = offer["description"]["sdp"].splitlines(keepends=True)
            ways = [line.removeprefix("a=").strip() for line in lines if line.startswith("a=candidate:")]
            bare = "".join(line for line in lines if not line.startswith(("a=candidate:", "a=end-of-")))
            unknown = "candidate:1 1 udp 2113937151 nobody-of-this-name.local 50000 typ host"
            for way in (unknown, *ways):
                other.connection.signal(json.dumps({"candidate": {"candidate": way, "sdpMid": "0"}}))
            other.connection.signal(json.dumps({"candidate": {"candidate": "", "sdpMid": None}}))
            other.connection.signal(json.dumps({"description": {"type": "offer", "sdp": bare}}))
            await until(lambda: other.signals)
            one.connection.signal(json.dumps(other.signals[0]))
            await until(lambda: one.opened and other.opened)
            assert (one.lost, other.lost) == ([], [])

    asyncio.run(main())


def test_a_description_that_comes_again_is_passed_over():
    """Signals of an earlier attempt may be late."""

    async def main():
        async with pair() as (one, other):
            for end, source in ((one, other), (other, one)):
                for signal in source.signals:
                    end.connection.signal(json.dumps(signal))
            one.connection.send("still here")
            await until(lambda: other.heard == ["still here"])
            assert (one.lost, other.lost) == ([], [])

    asyncio.run(main())


def test_who_looks_for_new_ways_finds_the_connection_ended():
    """The library cannot change them: the two have to open another, and both learn it at once."""

    async def main():
        async with pair() as (one, other):
            stranger = End(is_first=True)
            await until(lambda: stranger.signals)
            one.connection.signal(json.dumps(stranger.signals[0]))
            stranger.connection.close()
            await until(lambda: one.lost and other.lost)
            assert "takes a new connection" in one.lost[0]

    asyncio.run(main())


SDP = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"


@pytest.mark.parametrize(
    "signal",
    [
        "nonsense",
        "null",
        "[]",
        '{"description": null}',
        '{"description": {"type": "pranswer", "sdp": ""}}',
        '{"description": {"type": "offer", "sdp": ""}}',
        '{"candidate": {"candidate": 7, "sdpMid": "0"}}',
        '{"candidate": {"candidate": "candidate:1 1 udp", "sdpMid": "0"}}',
        json.dumps({"description": {"type": "offer", "sdp": "x" * 40_000}}),
        json.dumps({"description": {"type": "offer", "sdp": SDP + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"}}),
        json.dumps(
            {
                "description": {
                    "type": "offer",
                    "sdp": SDP + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
                }
            }
        ),
    ],
)
def test_nonsense_that_is_signalled_ends_the_connection(signal):
    """With a reason, once, and nothing is left open."""

    async def main():
        end = End(is_first=False)
        end.connection.signal(signal)
        end.connection.signal(signal)
        await until(lambda: end.lost)
        await until_closed()
        assert len(end.lost) == 1
        assert end.connection.statistics() == {"bytes_sent": 0, "bytes_received": 0}

    asyncio.run(main())


def test_an_end_that_nobody_answers_is_closed_without_a_word():
    """As when an attempt took too long."""

    async def main():
        end = End(is_first=True)
        end.connection.close()
        end.connection.close()
        end.connection.signal("too late")
        await until_closed()
        assert (end.signals, end.lost) == ([], [])

    asyncio.run(main())


@pytest.mark.parametrize(
    "server",
    [
        {},
        {"urls": "http://example.org"},
        {"urls": ["stun:"]},
        {"urls": 7},
        {"urls": "stun:a", "color": "red"},
    ],
)
def test_ice_servers_that_make_no_sense_are_refused_at_once(server):
    """With what would make sense."""
    with pytest.raises(ConfigError, match=r"the ICE server at .* is not understood.*expected"):
        NativeConnections([server])


def test_ice_servers_are_those_that_browsers_take():
    """One URL or several, with credentials for TURN."""
    NativeConnections(
        [
            {"urls": ["stun:a.example", "stun:b.example:3479"]},
            {"urls": "turn:c", "username": "u", "credential": "p"},
        ],
        relay_only=True,
    )


@pytest.mark.long
def test_ends_that_reach_nobody_are_linked_through_a_turn_server(tmp_path):
    """With relays alone allowed, a real TURN server carries the channel, and no other way is told."""

    async def main(server):
        connections = NativeConnections([server], relay_only=True)
        async with pair(connections=connections) as (one, other):
            ways = re.findall(r"typ (\w+)", str(one.signals + other.signals))
            assert set(ways) == {"relay"}
            one.connection.send("x" * 60_000)
            await until(lambda: other.heard)

    with turn_server(tmp_path) as server:
        asyncio.run(main(server))


def test_outside_of_a_browser_links_are_aiortcs_or_the_error_says_what_to_install(monkeypatch):
    """The extra is named as pip takes it."""
    assert isinstance(default_connections(), NativeConnections)
    monkeypatch.setitem(__import__("sys").modules, "webraft_web.transports.webrtc.native_connections", None)
    with pytest.raises(ConfigError, match=r"pip install 'webraft_web\[peer\]'"):
        default_connections()


def test_fingerprints_are_read_as_the_glue_reads_them():
    """In one order and one spelling, each once."""
    sdp = "a=fingerprint:sha-512 BB\r\na=fingerprint:sha-256 AA \r\nb=x\r\na=fingerprint:SHA-256 aa\r\n"
    assert fingerprints(sdp) == "sha-256 aa,sha-512 bb"
