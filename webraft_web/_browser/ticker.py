"""Time that stays punctual in hidden pages."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from functools import cache

from webraft_web._browser.border import IN_PYODIDE, create_callback, glue, run_logged
from webraft_web.clock import AsyncioClock, Clock


class BrowserClock:
    """The page's monotonic time, with timers that stay punctual while it is hidden.

    One per page, see `shared_clock`, for as long as the page lives: all timers
    share one tick of a dedicated worker, and the border is crossed only for a
    deadline before the one that is armed.
    """

    def __init__(self) -> None:
        js_glue = glue("ticker")
        self._js_call_soon = js_glue.callSoon
        self._due: dict[_BrowserTimer, int] = {}
        self._armed_ms: int | None = None
        self._soon: list[Callable[[], None]] = []
        self._soon_proxy = create_callback(self._run_soon)
        self._js_ticker = js_glue.openTicker(create_callback(self._tick))

    def now_ms(self) -> int:
        return int(time.monotonic() * 1000)

    def timer(self, callback: Callable[[], None]) -> _BrowserTimer:
        return _BrowserTimer(self, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._soon.append(callback)
        if len(self._soon) == 1:
            self._js_call_soon(self._soon_proxy)

    def move(self, timer: _BrowserTimer, deadline_ms: int | None) -> None:
        """Let `timer` fire at `deadline_ms`, or not at all."""
        if deadline_ms is None:
            self._due.pop(timer, None)
            return
        self._due[timer] = deadline_ms
        if self._armed_ms is None or deadline_ms < self._armed_ms:
            self._arm(deadline_ms)

    def _arm(self, deadline_ms: int) -> None:
        self._armed_ms = deadline_ms
        # Rounded up: a tick before the deadline's millisecond has begun would be for nothing.
        self._js_ticker.set(max(0, math.ceil(deadline_ms - time.monotonic() * 1000)))

    def _tick(self) -> None:
        self._armed_ms = -1  # whatever is set while timers fire, is armed once at the end
        now_ms = self.now_ms()
        for timer, deadline_ms in sorted(self._due.items(), key=lambda item: item[1]):
            # One that fired before it may have moved or cancelled this one.
            if deadline_ms <= now_ms and self._due.get(timer) == deadline_ms:
                del self._due[timer]
                run_logged(timer.callback)
        self._armed_ms = None
        if self._due:
            self._arm(min(self._due.values()))

    def _run_soon(self) -> None:
        soon, self._soon = self._soon, []
        for callback in soon:
            run_logged(callback)


class _BrowserTimer:
    def __init__(self, clock: BrowserClock, callback: Callable[[], None]) -> None:
        self._clock = clock
        self.callback = callback

    def set(self, deadline_ms: int | None) -> None:
        self._clock.move(self, deadline_ms)

    def close(self) -> None:
        self._clock.move(self, None)


@cache
def shared_clock() -> BrowserClock:
    """Return the page's clock, which is started at the first call and never ends."""
    return BrowserClock()


def default_clock(loop: asyncio.AbstractEventLoop | None = None) -> Clock:
    """Return the clock that stays punctual in a hidden page; where there is no page, that of `loop`."""
    return shared_clock() if IN_PYODIDE else AsyncioClock(loop)
