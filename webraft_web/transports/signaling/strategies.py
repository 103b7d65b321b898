"""From a URL to the strategy that it asks for."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final
from urllib.parse import urlsplit

from webraft_web.clock import Clock
from webraft_web.core.errors import ConfigError
from webraft_web.transports.signaling.base import Strategy
from webraft_web.transports.signaling.broadcast import BroadcastStrategy
from webraft_web.transports.signaling.connection import Place
from webraft_web.transports.signaling.peerjs import PeerJSStrategy
from webraft_web.transports.signaling.sockets import OpenSocket, default_open_socket
from webraft_web.transports.signaling.topics import TRYSTERO, Y_WEBRTC, TopicStrategy

_SOCKETS: Final = ("ws", "wss")
_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_KINDS: Final[dict[str, Callable[[str, Place], Strategy]]] = {
    "": lambda server, place: TopicStrategy(server, place, Y_WEBRTC),
    "trystero": lambda server, place: TopicStrategy(server, place, TRYSTERO),
    "peerjs": PeerJSStrategy,
}
_KNOWN: Final = (
    '"wss://…" for a server that speaks y-webrtc\'s protocol, "trystero+wss://…" for Trystero\'s, '
    '"peerjs+https://…" for PeerJS\'s (with "?key=…" if it has one), "broadcast:" for the pages of one '
    "browser, or an object of your own with `url` and `open`"
)


def strategy_for(
    server: str | Strategy, clock: Clock, random: Random, *, open_socket: OpenSocket | None = None
) -> Strategy:
    """Return the strategy for a server's URL; a strategy is its own.

    Args:
        server: "wss://…" or "ws://…" speaks y-webrtc's protocol, "trystero+wss://…" Trystero's,
            "peerjs+https://…" PeerJS's; "broadcast:" is the pages of this browser.
        clock: For reconnecting and keep-alive.
        random: For the jitter between attempts.
        open_socket: Opens WebSockets; None for what this environment has.

    Raises:
        ConfigError: If it is none of them.
    """
    if not isinstance(server, str):
        if not callable(getattr(server, "open", None)) or not isinstance(getattr(server, "url", None), str):
            raise ConfigError(f"{server!r} is no signalling strategy; expected {_KNOWN}")
        return server
    if server == "broadcast:":
        return BroadcastStrategy(server, clock)
    scheme = server.partition(":")[0]
    kind, _, url = server.partition("+") if "+" in scheme else ("", "", server)
    address = _address(url)
    speak = _KINDS.get(kind)
    if address is None or speak is None or (not kind and scheme not in _SOCKETS):
        raise ConfigError(f"{server!r} is no signalling server that is understood; expected {_KNOWN}")
    return speak(server, Place(address, clock, random, open_socket or default_open_socket()))


def _address(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.port != 0 and not parts.fragment and not parts.username
    except ValueError:
        return None
    if not is_address or parts.scheme not in _SCHEMES:
        return None
    return parts._replace(scheme=_SCHEMES[parts.scheme]).geturl()
