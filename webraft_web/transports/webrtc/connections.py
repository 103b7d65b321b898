"""The seam to whatever speaks WebRTC: a browser, a library in CPython, or a fake network in tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from webraft_web import _browser
from webraft_web._browser.peer_connection import BrowserPeerConnections
from webraft_web.core.errors import ConfigError

MAX_MESSAGE_BYTES: Final = 65_535
"""Of UTF-8, that a message may have: below what every implementation carries."""

HIGH_BYTES: Final = 1 << 20
"""So many bytes may wait within a connection; who has more to send waits for `on_low`."""


class ConnectionEvents(Protocol):
    """What a connection tells, synchronously where it happens, and never before `open` has returned."""

    def on_signal(self, text: str) -> None:
        """The other end's `signal` should get `text`; it may come late, out of order or not at all."""

    def on_gathered(self) -> None:
        """Every way to this end has been told through `on_signal`."""

    def on_open(self, local: str, remote: str) -> None:
        """The channel is open between two certificates, given by fingerprints as both descriptions have them.

        What is `local` here is `remote` at the other end, unless somebody stands between.
        """

    def on_message(self, text: str) -> None:
        """The other end sent `text`; "" stands for whatever is no text."""

    def on_low(self) -> None:
        """Few bytes wait to be sent, after many did."""

    def on_lost(self, reason: str) -> None:
        """It is over, not by `close`; nothing comes afterwards."""


class Connection(Protocol):
    """One end of a connection with one reliable ordered channel."""

    def signal(self, text: str) -> None:
        """Take in what the other end's `on_signal` told; nonsense ends the connection."""

    def send(self, text: str) -> int:
        """Send one message of at most MAX_MESSAGE_BYTES; return how many bytes wait, -1 if it is not open."""

    def statistics(self) -> dict[str, Any]:
        """Return what was measured lately: `rtt_ms`, `bytes_sent`, `bytes_received`, `local`, `remote`.

        The latter two are the kinds of ways in use: "host", "srflx", "prflx" or "relay".
        """

    def close(self) -> None:
        """End it, so that the other end notices at once if it can be reached; idempotent.

        Messages sent just before should still arrive.
        """


class Connections(Protocol):
    """Opens connections."""

    async def check(self) -> None:
        """Raise ConfigError if none can be opened here."""

    def open(self, events: ConnectionEvents, *, is_polite: bool, is_first: bool, farewell: str) -> Connection:
        """Open one end; the other is opened with the opposite of both flags.

        Args:
            events: Told what happens.
            is_polite: Whether to give way when offers cross each other.
            is_first: Whether to make an offer at once; the other end waits for it.
            farewell: The last message to send if this page goes away.
        """


def default_connections(
    ice_servers: Iterable[Mapping[str, Any]] = (), *, relay_only: bool = False
) -> Connections:
    """Return what opens connections here: a page's own WebRTC, or that of the `aiortc` package.

    Args:
        ice_servers: See `BrowserPeerConnections`.
        relay_only: See `BrowserPeerConnections`.

    Raises:
        ConfigError: If nothing does: outside of a browser that takes the `aiortc` package.
    """
    if _browser.IN_PYODIDE:
        return BrowserPeerConnections(ice_servers, relay_only=relay_only)
    try:
        from webraft_web.transports.webrtc.native_connections import (  # noqa: PLC0415 - an optional extra
            NativeConnections,
        )
    except ImportError:
        raise ConfigError(
            "outside of a browser, links need the package `aiortc`: pip install 'webraft_web[peer]'"
        ) from None
    return NativeConnections(ice_servers, relay_only=relay_only)
