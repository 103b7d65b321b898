"""What a page's tasks wait for: conditions that are looked at again after each change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from webraft_web.core.errors import WebraftError


class Conditions:
    """Conditions on one connection, each awaited by one task."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once `condition` holds; raise what `fail` is given before that."""
        if not condition():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((condition, future))
            await future

    def settle(self) -> None:
        """Look at all conditions: something has changed."""
        if not self._waiting:
            return
        for condition, future in list(self._waiting):
            if not future.done() and condition():
                future.set_result(None)
        self._waiting = [waiting for waiting in self._waiting if not waiting[1].done()]

    def fail(self, error: WebraftError) -> None:
        """Raise `error` in whoever waits."""
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(error)
        self._waiting = []
