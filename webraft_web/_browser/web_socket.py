"""Text to and from a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from webraft_web._browser.border import create_callback, glue

_LONGEST_TEXT: Final = 262_144


class BrowserSocket:
    """A WebSocket; arguments and promise as `transports.signaling.sockets.OpenSocket`."""

    def __init__(
        self,
        url: str,
        on_open: Callable[[], None],
        on_text: Callable[[str], None],
        on_closed: Callable[[str], None],
    ) -> None:
        self._on_open = on_open
        self._on_text = on_text
        self._on_closed = on_closed
        js_glue = glue("web_socket")
        self._proxy: Any = create_callback(self._happened)
        self._js_socket = js_glue.openSocket(url, _LONGEST_TEXT, self._proxy)

    def send(self, text: str) -> None:
        if self._proxy is not None:
            self._js_socket.send(text)

    def close(self) -> None:
        if self._proxy is not None:
            self._js_socket.close()
            self._proxy.destroy()
            self._proxy = None

    def _happened(self, event: str, text: str) -> None:
        if event == "open":
            self._on_open()
        elif event == "text":
            self._on_text(text)
        else:
            self.close()
            self._on_closed(text)
