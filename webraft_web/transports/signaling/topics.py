"""Publish and subscribe by JSON frames over a WebSocket: servers that speak as y-webrtc's, or as Trystero's.

Such a server hands what is published under a topic to everybody who subscribed to
it, the publisher included. It keeps nothing and answers nothing, so a port counts as
connected when its first ping has come back: frames are handled in order, and its
subscription went before the ping.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from webraft_web.transports.signaling.base import MAX_TEXT, OnState, OnText
from webraft_web.transports.signaling.connection import Connection, Place

_PREFIX: Final = "webraft:"
"""What topics begin with, so that other applications on the same server never answer us."""
_LONGEST_FRAME: Final = MAX_TEXT + 1024


@dataclass(frozen=True)
class Dialect:
    """How one kind of server wants it said.

    Attributes:
        subscribe: Returns the frames that ask for a topic, given another that is nobody else's.
        publish: Returns the frame that publishes a text under a topic.
        payload: The name under which such a frame, coming back, carries the text.
        ping: Returns a frame that comes back in some way, given the topic that is nobody else's.
    """

    subscribe: Callable[[str, str], Sequence[Any]]
    publish: Callable[[str, str], Any]
    payload: str
    ping: Callable[[str], Any]


Y_WEBRTC: Final = Dialect(
    subscribe=lambda topic, _: [{"type": "subscribe", "topics": [topic]}],
    publish=lambda topic, text: {"type": "publish", "topic": topic, "data": text},
    payload="data",
    ping=lambda _: {"type": "ping"},
)
"""npm `y-webrtc`, its `bin/server.js`."""

TRYSTERO: Final = Dialect(
    subscribe=lambda *topics: [{"type": "subscribe", "topic": topic} for topic in topics],
    publish=lambda topic, text: {"type": "publish", "topic": topic, "payload": text},
    payload="payload",
    # It knows no ping, but whoever subscribed to a topic hears what they publish there.
    ping=lambda own_topic: {"type": "publish", "topic": own_topic, "payload": ""},
)
"""npm `trystero`, its WebSocket relay."""


class TopicStrategy:
    """A server on which pages publish and subscribe.

    Args:
        url: What `status()` calls it.
        place: Where it is.
        dialect: How it is spoken to.
    """

    def __init__(self, url: str, place: Place, dialect: Dialect) -> None:
        self.url = url
        self._place = place
        self._dialect = dialect

    def open(self, topic: str, page: str, on_text: OnText, on_state: OnState) -> TopicPort:
        return TopicPort(self._place, self._dialect, topic, page, on_text, on_state)


class TopicPort:
    """A page's subscription to a topic."""

    def __init__(
        self, place: Place, dialect: Dialect, topic: str, page: str, on_text: OnText, on_state: OnState
    ) -> None:
        self._dialect = dialect
        self._topic = f"{_PREFIX}{topic}"
        self._own_topic = f"{_PREFIX}{topic}:{page}"
        self._on_text = on_text
        self._on_state = on_state
        self._is_connected = False
        self._connection = Connection(
            place, ping=self._ping, on_open=self._opened, on_text=self._heard, on_closed=self._closed
        )

    def post(self, text: str, to: str = "") -> None:
        del to  # everybody hears everything
        if self._is_connected:
            self._send(self._dialect.publish(self._topic, text))

    def close(self) -> None:
        self._connection.close()

    def _send(self, frame: Any) -> None:
        self._connection.send(json.dumps(frame))

    def _ping(self) -> None:
        self._send(self._dialect.ping(self._own_topic))

    def _opened(self) -> None:
        for frame in self._dialect.subscribe(self._topic, self._own_topic):
            self._send(frame)
        self._ping()

    def _heard(self, frame: str) -> None:
        if not self._is_connected:
            self._is_connected = True
            self._on_state(True, "")
        if len(frame) > _LONGEST_FRAME:
            return
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError):
            return  # a server's own words
        if isinstance(message, dict) and message.get("topic") == self._topic:
            text = message.get(self._dialect.payload)
            if isinstance(text, str) and len(text) <= MAX_TEXT:
                self._on_text(text)

    def _closed(self, why: str) -> None:
        self._is_connected = False
        self._on_state(False, why)
