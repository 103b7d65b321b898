"""Channels to pages in other browsers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from webraft_web._browser.border import create_callback, glue
from webraft_web.core.errors import ConfigError


class ConnectionEvents(Protocol):
    """Who is told what happens; the words are those of `transports.webrtc.connections`."""

    def on_signal(self, text: str) -> None: ...
    def on_gathered(self) -> None: ...
    def on_open(self, local: str, remote: str) -> None: ...
    def on_message(self, text: str) -> None: ...
    def on_low(self) -> None: ...
    def on_lost(self, reason: str) -> None: ...


class BrowserPeerConnections:
    """Opens RTCPeerConnections, as `transports.webrtc.connections.Connections` asks for them.

    Args:
        ice_servers: STUN and TURN servers as WebRTC has them: mappings with `urls`,
            and for TURN `username` and `credential`. Without any, pages find each other
            in one local network.
        relay_only: Whether to use nothing but TURN, so that no peer learns this page's addresses.

    Raises:
        ConfigError: If there is no WebRTC here and none to be borrowed, as outside of browsers, or a
            server is described in a way that the browser refuses.
    """

    def __init__(self, ice_servers: Iterable[Mapping[str, Any]] = (), *, relay_only: bool = False) -> None:
        js_glue = glue("peer_connection")
        self._js_borrowed = None if js_glue.hasPeerConnections() else glue("borrowed_connection")
        policy = "relay" if relay_only else "all"
        self._configuration = json.dumps(
            {"iceServers": [dict(server) for server in ice_servers], "iceTransportPolicy": policy}
        )
        if self._js_borrowed is None:
            self._js_open = js_glue.openPeerConnection
            self._check(js_glue.whyRefused(self._configuration))
        elif self._js_borrowed.canBorrow():
            self._js_open = self._js_borrowed.borrowPeerConnection
        else:
            raise ConfigError(
                "there is no WebRTC here: pages of browsers have it, unless it is forbidden; run this in one"
            )

    async def check(self) -> None:
        """Make sure that connections can be opened, in a worker by asking for a page that lends them.

        Raises:
            ConfigError: If there is none, or its browser refuses the servers.
        """
        if self._js_borrowed is None:
            return
        self._check(await self._js_borrowed.whyNotLent(self._configuration))

    def open(
        self, events: ConnectionEvents, *, is_polite: bool, is_first: bool, farewell: str
    ) -> BrowserPeerConnection:
        return BrowserPeerConnection(
            events,
            lambda proxy: self._js_open(is_polite, is_first, self._configuration, farewell, proxy),
        )

    def _check(self, failure: str) -> None:
        if failure.startswith("no page"):
            raise ConfigError(
                f"there is no WebRTC in workers, and {failure} to this one: have a page of this origin call "
                "lendPeerConnections() of peer_connection.js, see README, or run this in the page itself"
            )
        if failure:
            raise ConfigError(f"the browser refuses these ICE servers: {failure}")


class BrowserPeerConnection:
    """One RTCPeerConnection with one channel; see `transports.webrtc.connections.Connection`."""

    def __init__(self, events: ConnectionEvents, open_js: Callable[[Any], Any]) -> None:
        self._events = events
        self._proxy: Any = create_callback(self._happened)
        self._js_connection = open_js(self._proxy)
        self._js_send = self._js_connection.send

    def signal(self, text: str) -> None:
        if self._proxy is not None:
            self._js_connection.signal(text)

    def send(self, text: str) -> int:
        return int(self._js_send(text)) if self._proxy is not None else -1

    def statistics(self) -> dict[str, Any]:
        figures = json.loads(self._js_connection.statistics()) if self._proxy is not None else {}
        return dict(figures)

    def close(self) -> None:
        if self._proxy is not None:
            self._js_connection.close()
            self._let_go()

    def _let_go(self) -> None:
        self._proxy.destroy()
        self._proxy = None

    def _happened(self, event: str, text: str, other: str) -> None:
        if event == "message":
            self._events.on_message(text)
        elif event == "low":
            self._events.on_low()
        elif event == "signal":
            self._events.on_signal(text)
        elif event == "gathered":
            self._events.on_gathered()
        elif event == "open":
            self._events.on_open(text, other)
        else:
            self._let_go()
            self._events.on_lost(text)
