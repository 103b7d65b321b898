"""A signalling server for development: what is published under a topic reaches all who subscribed to it.

It speaks the protocol of y-webrtc's own server, and no other. It keeps nothing,
writes nothing down, and takes whatever comes: what is no sense is passed over.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any, Final

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

LONGEST_FRAME: Final = 262_144
_LONGEST_TOPIC: Final = 256
_MOST_TOPICS: Final = 64
_MOST_WAITING: Final = 1_048_576


class Relay:
    """Who subscribed to what."""

    def __init__(self) -> None:
        self._subscribers: defaultdict[str, set[ServerConnection]] = defaultdict(set)

    async def serve(self, connection: ServerConnection) -> None:
        """Serve one client until it leaves."""
        topics: set[str] = set()
        try:
            async for frame in connection:
                await self._take(connection, topics, _read(frame))
        except ConnectionClosed:
            return  # without a goodbye, or for a frame that was too long
        finally:
            self._unsubscribe(connection, topics, topics)

    async def _take(self, connection: ServerConnection, topics: set[str], message: dict[str, Any]) -> None:
        match message.get("type"):
            case "subscribe":
                for topic in _topics(message):
                    if len(topics) < _MOST_TOPICS:
                        topics.add(topic)
                        self._subscribers[topic].add(connection)
            case "unsubscribe":
                self._unsubscribe(connection, topics, _topics(message))
            case "publish":
                self._publish(message)
            case "ping":
                await connection.send('{"type": "pong"}')

    def _unsubscribe(self, connection: ServerConnection, topics: set[str], gone: Iterable[str]) -> None:
        for topic in topics.intersection(gone):
            topics.discard(topic)
            self._subscribers[topic].discard(connection)
            if not self._subscribers[topic]:
                del self._subscribers[topic]

    def _publish(self, message: dict[str, Any]) -> None:
        topic = message.get("topic")
        if not isinstance(topic, str) or topic not in self._subscribers:
            return
        receivers = self._subscribers[topic]
        frame = json.dumps({**message, "clients": len(receivers)})
        # Whoever does not keep up misses what is said meanwhile, and costs nobody else memory or time.
        broadcast([end for end in receivers if end.transport.get_write_buffer_size() < _MOST_WAITING], frame)


def _read(frame: str | bytes) -> dict[str, Any]:
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _topics(message: dict[str, Any]) -> Iterator[str]:
    topics = message.get("topics")
    for topic in topics if isinstance(topics, list) else ():
        if isinstance(topic, str) and len(topic) <= _LONGEST_TOPIC:
            yield topic


def _greet(connection: ServerConnection, request: Request) -> Response | None:
    """Answer a browser's look at the address, as y-webrtc's server does."""
    if "upgrade" in request.headers.get("Connection", "").lower():
        return None
    return connection.respond(HTTPStatus.OK, "okay\n")


async def serve_forever(host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve until cancelled.

    Args:
        host: The address to listen at.
        port: 0 for any that is free.
        on_ready: Gets the URL.

    Raises:
        OSError: If the port is not to be had.
    """
    async with serve(
        Relay().serve, host, port, process_request=_greet, max_size=LONGEST_FRAME, close_timeout=1
    ) as server:
        taken = server.sockets[0].getsockname()[1]
        on_ready(f"ws://{f'[{host}]' if ':' in host else host}:{taken}")
        await asyncio.get_running_loop().create_future()
