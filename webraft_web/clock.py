"""Where time and wake-ups come from: one seam, so that tests and hidden tabs can bring their own.

Everything above the core that needs time takes a `Clock`; nobody else reads a
clock or arms a timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """One wake-up that can be moved."""

    def set(self, deadline_ms: int | None) -> None:
        """Call back once at `deadline_ms` on the clock's scale, replacing any earlier wish; None cancels."""

    def close(self) -> None:
        """Cancel for good."""


class Clock(Protocol):
    """Monotonic time in whole milliseconds, and timers."""

    def now_ms(self) -> int:
        """Return milliseconds since any fixed origin; never runs backwards."""

    def timer(self, callback: Callable[[], None]) -> Timer:
        """Return a timer that runs `callback` synchronously when it fires."""

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Run `callback` once, at the end of this turn of the event loop or soon after."""


class AsyncioClock:
    """The running asyncio loop's clock; also works on Pyodide's WebLoop.

    WebLoop never forgets a cancelled timer, so a timer keeps at most one
    `call_later` under way and re-arms when that comes too early.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop or asyncio.get_running_loop()

    def now_ms(self) -> int:
        return int(self._loop.time() * 1000)

    def timer(self, callback: Callable[[], None]) -> _AsyncioTimer:
        return _AsyncioTimer(self._loop, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._loop.call_soon(callback)


class _AsyncioTimer:
    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._deadline_ms: int | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._handle_ms = 0

    def set(self, deadline_ms: int | None) -> None:
        self._deadline_ms = deadline_ms
        if deadline_ms is None:
            return
        if self._handle is not None:
            if self._handle_ms <= deadline_ms:
                return
            self._handle.cancel()
        self._arm(deadline_ms)

    def close(self) -> None:
        self._deadline_ms = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, deadline_ms: int) -> None:
        self._handle_ms = deadline_ms
        # A hair later than asked: int(time) must have reached the deadline when it fires.
        self._handle = self._loop.call_at(deadline_ms / 1000 + 0.0005, self._fire)

    def _fire(self) -> None:
        self._handle = None
        deadline_ms = self._deadline_ms
        if deadline_ms is None:
            return
        if int(self._loop.time() * 1000) < deadline_ms:
            self._arm(deadline_ms)
            return
        self._deadline_ms = None
        self._callback()
