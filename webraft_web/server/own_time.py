"""Time as a server had it: spells in which its event loop was blocked do not count.

A page that computes for a second, or a process with a burst of work, finds all
its timers overdue before it has read any of the messages that came meanwhile.
Taken at its word, the clock would say that the leader was silent. It was not:
nobody listened. Only timeouts depend on this, and no promise depends on those
(reads are confirmed by messages, §6.4), so an optimistic clock is safe.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from webraft_web.clock import Clock, Timer

SLACK_MS: Final = 30
"""A timer that is later than this was kept waiting by a blocked event loop."""


class OwnTime:
    """A clock that stands still while the event loop is blocked.

    Args:
        clock: Real time.
        grace_ms: How long before the first overdue timer time goes on afterwards at the
            latest, so that what has arrived is heard first.
        on_stall: Called soon after the event loop was found to have been blocked: for
            others time went on, and they may be waiting for a sign of life.
    """

    def __init__(self, clock: Clock, grace_ms: Callable[[], int], on_stall: Callable[[], None]) -> None:
        self._clock = clock
        self._grace_ms = grace_ms
        self._on_stall = on_stall
        self._last_ms = clock.now_ms()
        self.skipped_ms = 0
        """How much real time did not count so far."""
        self.waiting: set[_OwnTimer] = set()

    def now_ms(self) -> int:
        now_ms = self._clock.now_ms() - self.skipped_ms
        if now_ms > self._last_ms:
            now_ms = self._without_stall(now_ms)
        # Time never runs backwards: where it should, it stands still until it has been caught up with.
        self._last_ms = max(self._last_ms, now_ms)
        return self._last_ms

    def _without_stall(self, now_ms: int) -> int:
        first_due_ms = min((timer.due_ms for timer in self.waiting), default=now_ms)
        if now_ms - first_due_ms <= SLACK_MS:
            return now_ms
        resumed_ms = min(first_due_ms - self._grace_ms(), self._last_ms + SLACK_MS)
        self.skipped_ms += now_ms - resumed_ms
        self._clock.call_soon(self._on_stall)
        return resumed_ms

    def timer(self, callback: Callable[[], None]) -> Timer:
        return _OwnTimer(self, self._clock, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._clock.call_soon(callback)


class _OwnTimer:
    def __init__(self, time: OwnTime, clock: Clock, callback: Callable[[], None]) -> None:
        self.due_ms = 0
        self._time = time
        self._clock = clock
        self._timer = clock.timer(self._fire)
        self._callback = callback

    def set(self, deadline_ms: int | None) -> None:
        if deadline_ms is None:
            self._time.waiting.discard(self)
            self._timer.set(None)
            return
        # One that is due already only gives the event loop its turn: no time has to pass for it.
        if deadline_ms > self._time.now_ms():
            self.due_ms = deadline_ms
            self._time.waiting.add(self)
            self._timer.set(deadline_ms + self._time.skipped_ms)
        else:
            self.due_ms = 0
            self._time.waiting.discard(self)
            self._timer.set(self._clock.now_ms())

    def close(self) -> None:
        self._time.waiting.discard(self)
        self._timer.close()

    def _fire(self) -> None:
        if self._time.now_ms() < self.due_ms:
            self.set(self.due_ms)  # time was set back since
        else:
            self._time.waiting.discard(self)
            self._callback()
