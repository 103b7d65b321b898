"""WebSockets outside of a browser, by the `websockets` package."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

_LONGEST_TEXT: Final = 262_144
_MOST_WAITING: Final = 256


class NativeSocket:
    """A WebSocket on the running loop; arguments and promise as `OpenSocket`."""

    def __init__(
        self,
        url: str,
        on_open: Callable[[], None],
        on_text: Callable[[str], None],
        on_closed: Callable[[str], None],
    ) -> None:
        self._url = url
        self._on_open = on_open
        self._on_text = on_text
        self._on_closed = on_closed
        self._waiting: asyncio.Queue[str] = asyncio.Queue(_MOST_WAITING)
        self._abort: Callable[[], None] = lambda: None
        self._is_open = False
        self._is_over = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    def send(self, text: str) -> None:
        if self._is_open and not self._is_over:
            # A server that takes nothing any more shows by its silence; until then texts are lost.
            with contextlib.suppress(asyncio.QueueFull):
                self._waiting.put_nowait(text)

    def close(self) -> None:
        self._is_over = True
        self._task.cancel()

    async def _run(self) -> None:
        why = "closed by the server"
        try:
            async with connect(self._url, max_size=_LONGEST_TEXT, close_timeout=1) as connection:
                self._abort = connection.transport.abort
                if not self._is_over:
                    self._is_open = True
                    self._on_open()
                    await self._carry(connection)
                    why = f"closed with code {connection.close_code} {connection.close_reason}".strip()
        except (OSError, WebSocketException, ValueError) as error:
            why = str(error) or type(error).__name__
        finally:
            # One who is cancelled twice, as at a program's end, has no time for a closing handshake.
            self._abort()
        if not self._is_over:
            self._is_over = True
            self._on_closed(why)

    async def _carry(self, connection: ClientConnection) -> None:
        sending = asyncio.get_running_loop().create_task(self._send_waiting(connection))
        try:
            async for text in connection:
                if isinstance(text, str) and not self._is_over:
                    self._on_text(text)
        finally:
            sending.cancel()

    async def _send_waiting(self, connection: ClientConnection) -> None:
        with contextlib.suppress(WebSocketException):  # the reading end learns of it, too
            while True:
                await connection.send(await self._waiting.get())
