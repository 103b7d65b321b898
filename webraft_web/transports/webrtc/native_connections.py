"""WebRTC outside of a browser, by the `aiortc` package; the seam is that of `connections`.

It says and understands what `js_glue/src/peer_connection.js` does, with three
differences that the other end bears: a description comes with all its candidates,
for the library gathers them first; of the certificate's fingerprints only
SHA-256 is told, for browsers keep one; and who looks for new ways (an ICE
restart, as after a change of network) finds the connection ended, for the library
cannot do that: the two then open another.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.rtcicetransport import parse_stun_turn_uri
from aiortc.sdp import SessionDescription, candidate_from_sdp

from webraft_web.core.errors import ConfigError
from webraft_web.transports.webrtc.connections import ConnectionEvents

LOW_BYTES: Final = 256 << 10
MAX_CANDIDATES: Final = 64
MAX_SDP_SIZE: Final = 32_768
FLUSH_S: Final = 2
_FINGERPRINT: Final = re.compile(r"^a=fingerprint:(.*)$", re.MULTILINE)
_OTHER_FINGERPRINTS: Final = re.compile(r"^a=fingerprint:(?!sha-256 ).*\r?\n", re.MULTILINE | re.IGNORECASE)

_closing: Final[set[asyncio.Task[None]]] = set()


async def until_closed() -> None:
    """Return once every connection that was closed has sent what it had to, or could not."""
    while _closing:
        await asyncio.wait(set(_closing))


class NativeConnections:
    """Opens RTCPeerConnections, as `connections.Connections` asks for them.

    Args:
        ice_servers: STUN and TURN servers as WebRTC has them: mappings with `urls`, and for TURN
            `username` and `credential`. The library uses the first of each kind.
        relay_only: Whether to use nothing but TURN.

    Raises:
        ConfigError: If a server's description makes no sense.
    """

    def __init__(self, ice_servers: Iterable[Mapping[str, Any]] = (), *, relay_only: bool = False) -> None:
        self._configuration = RTCConfiguration(
            iceServers=[_ice_server(server) for server in ice_servers],
            iceTransportPolicy=RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL,
        )

    async def check(self) -> None:
        """Whatever there is to refuse was refused by now."""

    def open(
        self, events: ConnectionEvents, *, is_polite: bool, is_first: bool, farewell: str
    ) -> NativeConnection:
        del farewell  # a process that ends in order closes its links, and so says more
        assert is_polite is not is_first, "nobody else makes an offer, so none is ever taken back"
        return NativeConnection(events, self._configuration, is_first=is_first)


class NativeConnection:
    """One RTCPeerConnection with one channel; see `connections.Connection`."""

    def __init__(self, events: ConnectionEvents, configuration: RTCConfiguration, *, is_first: bool) -> None:
        self._events = events
        self._is_first = is_first
        self._is_over = False
        self._local = ""
        self._remote = ""
        self._remote_ufrag = ""
        self._counts = {"bytes_sent": 0, "bytes_received": 0}
        self._candidates: list[Any] = []
        self._reaching: set[asyncio.Task[None]] = set()
        self._signals: asyncio.Queue[str | None] = asyncio.Queue()
        self._closed = asyncio.Event()
        self._pc = RTCPeerConnection(configuration)
        self._pc.on("connectionstatechange", self._state_changed)
        self._channel = self._pc.createDataChannel("link", negotiated=True, id=0)
        self._channel.bufferedAmountLowThreshold = LOW_BYTES
        self._channel.on("open", self._unless_over(lambda: events.on_open(self._local, self._remote)))
        self._channel.on("bufferedamountlow", self._unless_over(events.on_low))
        self._channel.on("message", self._heard)
        self._channel.on("close", self._channel_closed)
        self._negotiating = asyncio.get_running_loop().create_task(self._negotiate())

    def signal(self, text: str) -> None:
        if not self._is_over:
            self._signals.put_nowait(text)

    def send(self, text: str) -> int:
        if self._is_over or self._channel.readyState != "open":
            return -1
        before = self._channel.bufferedAmount
        self._channel.send(text)
        self._counts["bytes_sent"] += self._channel.bufferedAmount - before
        return int(self._channel.bufferedAmount)

    def statistics(self) -> dict[str, Any]:
        return dict(self._counts)

    def close(self) -> None:
        if not self._is_over:
            self._is_over = True
            _keep(_closing, self._finish())

    # What the channel and the connection tell

    def _unless_over(self, callback: Callable[[], None]) -> Callable[[], None]:
        return lambda: None if self._is_over else callback()

    def _heard(self, message: str | bytes) -> None:
        if not self._is_over:
            text = message if isinstance(message, str) else ""
            self._counts["bytes_received"] += len(text.encode())
            self._events.on_message(text)

    def _channel_closed(self) -> None:
        self._closed.set()
        self._fail("the other end closed the channel")

    def _state_changed(self) -> None:
        if self._pc.connectionState in {"failed", "closed"}:
            self._fail("no way to the other end")

    def _fail(self, reason: str) -> None:
        if not self._is_over:
            self.close()
            self._events.on_lost(reason)

    async def _finish(self) -> None:
        """Close the channel once what waits was sent, then the connection: the other end notices either."""
        self._signals.put_nowait(None)
        if self._channel.readyState in {"open", "closing"}:
            self._channel.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), FLUSH_S)
        await self._negotiating  # or what it is still opening would stay open
        for task in self._reaching:
            task.cancel()
        await self._pc.close()

    # What the two ends signal

    async def _negotiate(self) -> None:
        try:
            if self._is_first:
                await self._describe_self()
            while (text := await self._signals.get()) is not None:
                await self._take(json.loads(text))
        except Exception as error:  # noqa: BLE001 - the library's own are of every kind
            self._fail(f"signalling failed: {type(error).__name__}: {error}"[:300])

    async def _describe_self(self) -> None:
        await self._pc.setLocalDescription()
        description = self._pc.localDescription
        sdp = _OTHER_FINGERPRINTS.sub("", description.sdp)
        self._local = fingerprints(sdp)
        if not self._is_over:
            self._events.on_signal(json.dumps({"description": {"type": description.type, "sdp": sdp}}))
        if not self._is_over:
            self._events.on_gathered()

    async def _take(self, signal: Any) -> None:
        match signal:
            case {"description": {"type": "offer" | "answer" as kind, "sdp": str(sdp)}}:
                await self._describe_other(kind, sdp)
            case {"candidate": {"candidate": str(line), "sdpMid": str() | None as mid}}:
                self._reach(line, mid)
            case _:
                raise ValueError(f"{str(signal)[:40]!r}, expected a description or a candidate")

    async def _describe_other(self, kind: str, sdp: str) -> None:
        ufrag = _checked(sdp)
        if self._remote:
            if kind == "offer" and ufrag != self._remote_ufrag:
                raise ValueError("the other end looks for new ways, and that takes a new connection")
            return  # late, or doubled
        if kind != ("answer" if self._is_first else "offer"):
            return
        self._remote, self._remote_ufrag = fingerprints(sdp), ufrag
        await self._pc.setRemoteDescription(RTCSessionDescription(sdp, kind))
        if not self._is_first:
            await self._describe_self()
        for candidate in self._candidates:
            _keep(self._reaching, self._add(candidate))

    def _reach(self, line: str, mid: str | None) -> None:
        """Try a way to the other end, once that is described."""
        if not line or len(self._candidates) == MAX_CANDIDATES:
            return
        candidate = candidate_from_sdp(line.removeprefix("candidate:"))
        candidate.sdpMid, candidate.sdpMLineIndex = mid, 0
        self._candidates.append(candidate)
        if self._remote:
            _keep(self._reaching, self._add(candidate))

    async def _add(self, candidate: Any) -> None:
        # One that is of no use here, as a name that nobody answers to, is none the less only one of several.
        with contextlib.suppress(Exception):
            await self._pc.addIceCandidate(candidate)


def fingerprints(sdp: str) -> str:
    """Return the fingerprints in a description as `peer_connection.js` has them, sorted and in lower case."""
    return ",".join(sorted({line.strip().lower() for line in _FINGERPRINT.findall(sdp)}))


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def _checked(sdp: str) -> str:
    """Return by which name a description's end is known to ICE.

    Raises:
        ValueError: If it describes anything but one channel between two certificates.
    """
    if len(sdp) > MAX_SDP_SIZE:
        raise ValueError(f"a description of {len(sdp)} characters, expected at most {MAX_SDP_SIZE}")
    media = SessionDescription.parse(sdp).media
    if [one.kind for one in media] != ["application"] or not fingerprints(sdp):
        raise ValueError("a description of something else than a channel between two certificates")
    ice = media[0].ice
    return str(ice.usernameFragment if ice else "")


def _ice_server(server: Mapping[str, Any]) -> RTCIceServer:
    try:
        urls = server["urls"]
        for url in [urls] if isinstance(urls, str) else urls:
            parse_stun_turn_uri(url)
        return RTCIceServer(**server)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"the ICE server at {server.get('urls')!r} is not understood ({error}); expected "
            '{"urls": "stun:…"}, or {"urls": "turn:…", "username": "…", "credential": "…"}'
        ) from error
