"""The pages of one browser as a topic, over a BroadcastChannel: for development, without any server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from webraft_web import _browser
from webraft_web.clock import Clock
from webraft_web.core.errors import TransportError
from webraft_web.transports.signaling.base import MAX_TEXT, OnState, OnText


class Channel(Protocol):
    """What is needed of a channel; `_browser.BrowserChannel` is one."""

    def post(self, text: str) -> None:
        """Send `text` to all other ends."""

    def close(self) -> None:
        """Hear and send nothing more."""


OpenChannel = Callable[[str, Callable[[str], None]], Channel]


class BroadcastStrategy:
    """A channel of this browser and origin.

    Args:
        url: What `status()` calls it.
        clock: To say later that it is open.
        open_channel: Opens the channel; a test may bring its own.
    """

    def __init__(self, url: str, clock: Clock, open_channel: OpenChannel = _browser.BrowserChannel) -> None:
        self.url = url
        self._clock = clock
        self._open_channel = open_channel

    def open(self, topic: str, page: str, on_text: OnText, on_state: OnState) -> BroadcastPort:
        del page  # everybody hears everything
        return BroadcastPort(topic, self._clock, self._open_channel, on_text, on_state)


class BroadcastPort:
    """An end of the channel."""

    def __init__(
        self, topic: str, clock: Clock, open_channel: OpenChannel, on_text: OnText, on_state: OnState
    ) -> None:
        self._on_text = on_text
        self._on_state = on_state
        self._is_closed = False
        self._channel: Channel | None = None
        self._error = ""
        try:
            self._channel = open_channel(f"webraft signaling {topic}", self._heard)
        except TransportError as error:
            self._error = str(error)
        clock.call_soon(self._opened)

    def post(self, text: str, to: str = "") -> None:
        del to  # everybody hears everything
        if self._channel is not None:
            self._channel.post(text)

    def close(self) -> None:
        self._is_closed = True
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _opened(self) -> None:
        if not self._is_closed:
            self._on_state(self._channel is not None, self._error)

    def _heard(self, text: str) -> None:
        if len(text) <= MAX_TEXT:
            self._on_text(text)
