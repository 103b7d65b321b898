"""The seam to WebSockets, and who keeps it: the browser's own, or the `websockets` package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from webraft_web import _browser
from webraft_web.core.errors import ConfigError


class Socket(Protocol):
    """A WebSocket that carries text; it connects once, and is never opened again."""

    def send(self, text: str) -> None:
        """Send one frame; before it is open, or after it has closed, the text is lost."""

    def close(self) -> None:
        """Close it; nothing is called from now on; idempotent."""


class OpenSocket(Protocol):
    """Opens WebSockets; nothing is called back before it has returned."""

    def __call__(
        self,
        url: str,
        on_open: Callable[[], None],
        on_text: Callable[[str], None],
        on_closed: Callable[[str], None],
    ) -> Socket:
        """Connect to `url`.

        Args:
            url: "wss://…" or "ws://…".
            on_open: Called once, when texts can be sent.
            on_text: Gets every text frame of a bearable length; others are passed over.
            on_closed: Called once, with why, when it could not connect or is connected no longer,
                other than by `close`.
        """


def default_open_socket() -> OpenSocket:
    """Return what opens WebSockets here.

    Raises:
        ConfigError: If nothing does: outside of a browser that takes the `websockets` package.
    """
    if _browser.IN_PYODIDE:
        return _browser.BrowserSocket
    try:
        from webraft_web.transports.signaling.native_socket import NativeSocket  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError(
            "outside of a browser, signalling servers need the package `websockets`: "
            "pip install 'webraft_web[peer]'"
        ) from None
    return NativeSocket
