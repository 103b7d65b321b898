"""A WebSocket that is always there, or about to be: it connects again, and notices a silent server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from webraft_web.clock import Clock
from webraft_web.transports.signaling.sockets import OpenSocket, Socket

PING_MS: Final = 15_000
"""Between pings, which also keep proxies from closing a quiet connection."""
SILENCE_MS: Final = 35_000
"""How long a server may take to connect, or be silent though pinged."""
FIRST_PAUSE_MS: Final = 1_000
LONGEST_PAUSE_MS: Final = 60_000
_PROVEN_MS: Final = 30_000


@dataclass(frozen=True)
class Place:
    """Where a server is, and what it takes to get there.

    Attributes:
        url: "wss://…" or "ws://…".
        clock: For pings and pauses.
        random: For the jitter of pauses.
        open_socket: Opens WebSockets.
    """

    url: str
    clock: Clock
    random: Random
    open_socket: OpenSocket


class Connection:
    """Keeps a WebSocket open until `close`.

    Pauses between attempts double from `FIRST_PAUSE_MS` to `LONGEST_PAUSE_MS`, each
    shortened at random by up to half, so that all clients of a server that was
    restarted do not come back at once; they begin anew after a connection that lasted.

    Args:
        place: Where to.
        ping: Sends something that the server answers.
        on_open: Called each time it is open.
        on_text: Gets what the server says.
        on_closed: Called each time it is lost, or an attempt fails, with why.
    """

    def __init__(
        self,
        place: Place,
        *,
        ping: Callable[[], None],
        on_open: Callable[[], None],
        on_text: Callable[[str], None],
        on_closed: Callable[[str], None],
    ) -> None:
        self._place = place
        self._clock = place.clock
        self._ping = ping
        self._on_open = on_open
        self._on_text = on_text
        self._on_closed = on_closed
        self._socket: Socket | None = None
        self._is_open = False
        self._is_over = False
        self._failures = 0
        self._since_ms = self._heard_ms = 0
        self._timer = place.clock.timer(self._wake)
        self._connect()

    def send(self, text: str) -> None:
        """Send a text, if the connection is open."""
        if self._socket is not None:
            self._socket.send(text)

    def lose(self, why: str) -> None:
        """Give this connection up for another, after a pause."""
        if self._socket is not None:
            self._socket.close()
            self._lost(why)

    def close(self) -> None:
        """Close it for good; nothing is called from now on; idempotent."""
        self._is_over = True
        self._timer.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        self._since_ms = self._heard_ms = self._clock.now_ms()
        self._is_open = False
        self._timer.set(self._since_ms + SILENCE_MS)
        self._socket = self._place.open_socket(self._place.url, self._opened, self._heard, self._lost)

    def _opened(self) -> None:
        self._is_open = True
        self._heard_ms = self._clock.now_ms()
        self._timer.set(self._heard_ms + PING_MS)
        self._on_open()

    def _heard(self, text: str) -> None:
        self._heard_ms = self._clock.now_ms()
        self._on_text(text)

    def _lost(self, why: str) -> None:
        now_ms = self._clock.now_ms()
        self._socket = None
        if self._is_open and now_ms - self._since_ms >= _PROVEN_MS:
            self._failures = 0
        pause_ms = min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS << min(self._failures, 16))
        self._failures += 1
        self._timer.set(now_ms + int(pause_ms * self._place.random.uniform(0.5, 1)))
        self._on_closed(why)

    def _wake(self) -> None:
        now_ms = self._clock.now_ms()
        if self._socket is None:
            self._connect()
        elif now_ms - self._heard_ms >= SILENCE_MS:
            self.lose(f"no word for {(now_ms - self._heard_ms) // 1000} s")
        elif self._is_open:
            self._ping()
            self._timer.set(min(now_ms + PING_MS, self._heard_ms + SILENCE_MS))
