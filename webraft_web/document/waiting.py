"""What a call waits on, and when its patience ends.

`Waiter` stands in for `asyncio.Future`, which wakes its task through the event
loop's queue: in Pyodide that turn costs more than everything else in an
acknowledged write (3,300 against 11,700 writes per second, measured). asyncio
accepts any object with the attribute `_asyncio_future_blocking` as a future.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Generic, TypeVar

from webraft_web.clock import Clock
from webraft_web.core.errors import WebraftError
from webraft_web.event_loop import raise_in_loop

T = TypeVar("T")


class Waiter(Generic[T]):
    """A result to come, awaited by one task, which runs on inside the call that settles it.

    Settled while another task runs, it wakes its own through the event loop,
    since tasks cannot nest. Must be made while an event loop runs.
    """

    _asyncio_future_blocking = False

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake: tuple[Callable[[Any], object], Context | None] | None = None
        self._value: T | None = None
        self._error: BaseException | None = None
        self._done = False

    def done(self) -> bool:
        """Tell whether it is settled, or cancelled."""
        return self._done

    def settle(self, value: T) -> None:
        """Give the result; ignored if there is one already."""
        if not self._done:
            self._value = value
            self._finish(may_nest=True)

    def fail(self, error: WebraftError) -> None:
        """Give an exception for a result; ignored if there is one already."""
        if not self._done:
            self._error = error
            self._finish(may_nest=True)

    def __await__(self) -> Generator[Any, None, T]:
        if not self._done:
            if self._wake is not None:
                raise RuntimeError("another task waits for this result already")
            self._asyncio_future_blocking = True
            yield self
        return self.result()

    def result(self) -> T:
        """Return the result or raise the exception; part of what asyncio expects of a future."""
        if self._error is not None:
            raise self._error
        if not self._done:
            raise asyncio.InvalidStateError("the result is not there yet")
        return self._value  # type: ignore[return-value]  # settled with a T, which may be None

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop of the awaiting task; part of what asyncio expects of a future."""
        return self._loop

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Context | None = None) -> None:
        """Take the callback with which the awaiting task wants to be woken."""
        self._wake = (callback, context)
        if self._done:
            self._finish(may_nest=False)

    def cancel(self, msg: object = None) -> bool:
        """Raise CancelledError in the awaiting task; called by its `cancel`."""
        if self._done:
            return False
        self._error = asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg)
        self._finish(may_nest=False)
        return True

    def _finish(self, *, may_nest: bool) -> None:
        self._done = True
        if self._wake is None:
            return
        callback, context = self._wake
        self._wake = None
        if may_nest and _runs_no_task(self._loop):
            try:
                if context is None:
                    callback(self)
                else:
                    context.run(callback, self)
            except (KeyboardInterrupt, SystemExit) as error:
                raise_in_loop(error)  # a task that ends so raises it in whoever wakes it
        else:
            self._loop.call_soon(callback, self, context=context)


def _runs_no_task(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop and asyncio.current_task(loop) is None
    except RuntimeError:
        return False


class Deadlines(Generic[T]):
    """Calls `due` with each key whose time has come, on one timer of the clock.

    A key that was dropped leaves nothing behind: calls that end long before
    their timeout are the common case.
    """

    def __init__(self, clock: Clock, due: Callable[[T], None]) -> None:
        self._clock = clock
        self._due = due
        self._deadlines: dict[T, float] = {}
        self._armed_ms: float | None = None
        self._timer = clock.timer(self._fire)

    def set(self, key: T, deadline_ms: float) -> None:
        """Call `due(key)` once, at `deadline_ms`, in place of any earlier wish for this key."""
        self._deadlines[key] = deadline_ms
        if self._armed_ms is None or deadline_ms < self._armed_ms:
            self._arm(deadline_ms)

    def drop(self, key: T) -> None:
        """Forget a key. The timer is left to fire in vain, which costs less than setting it again."""
        self._deadlines.pop(key, None)

    def close(self) -> None:
        """Forget everything for good."""
        self._deadlines.clear()
        self._timer.close()

    def _arm(self, deadline_ms: float) -> None:
        self._armed_ms = deadline_ms
        # Rounded up: at a fraction of a millisecond before it the deadline has not come.
        self._timer.set(int(-(-deadline_ms // 1)))

    def _fire(self) -> None:
        self._armed_ms = None
        now_ms = self._clock.now_ms()
        for key in [key for key, deadline_ms in self._deadlines.items() if deadline_ms <= now_ms]:
            if self._deadlines.get(key, now_ms + 1) <= now_ms:
                del self._deadlines[key]
                self._due(key)
        self._arm_for_earliest()

    def _arm_for_earliest(self) -> None:
        if self._deadlines:
            self._arm(min(self._deadlines.values()))
