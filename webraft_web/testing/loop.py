"""An asyncio event loop in virtual time: it jumps to the next timer whenever it is idle.

Code with timeouts so runs instantly, and the same way each time. Time moves only
while nobody has anything to do, hence a slow computation takes no time at all.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class StalledError(AssertionError):
    """Everybody waits, no timer is set: in real time this would have hung for ever."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` begins at 0 and leaps over every wait.

    Sockets and threads belong to real time, so they have no place here.
    """

    def __init__(self) -> None:
        self._virtual_time = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._virtual_time

    def jump(self, seconds: float) -> None:
        """Let time pass without doing anything, as a blocked or sleeping page would."""
        self._virtual_time += seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in virtual time, as `asyncio.run` would in real time.

    Raises:
        StalledError: If nothing can ever happen again, but `main` has not ended.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


class _JumpingSelector(selectors.BaseSelector):
    """Looks at file descriptors without waiting, and moves the loop's time instead."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._selector = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._selector.select(0)
        if events:
            return events
        if timeout is None:
            raise StalledError("every task waits and no timer is set: nothing can ever happen again")
        if timeout > 0:
            self._loop.jump(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._selector.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._selector.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._selector.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._selector.get_map()

    def close(self) -> None:
        self._selector.close()
