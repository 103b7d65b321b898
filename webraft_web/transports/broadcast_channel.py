"""Text between the pages and workers of one browser, over a BroadcastChannel.

Everyone on a channel hears everything, so a text begins with a line that says
to whom it goes and from whom. Pages of one origin trust each other: the line is
believed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

from webraft_web import _browser
from webraft_web.transports.base import OnText


class Channel(Protocol):
    """What is needed of a channel; `_browser.BrowserChannel` is one."""

    def post(self, text: str) -> None:
        """Send `text` to all other ends."""

    def close(self) -> None:
        """Hear and send nothing more."""


class BroadcastChannelTransport:
    """One end of a channel, at an address of its own.

    Args:
        name: The channel's name; all ends that are to hear each other share it.
        address: Of this end.
        on_text: Runs in the message event itself, in hidden and frozen pages too.
        open_channel: Opens the channel; a test may bring its own.

    Raises:
        ConfigError: If this is not Pyodide.
        TransportError: If there are no such channels here.
    """

    def __init__(
        self,
        name: str,
        address: str,
        on_text: OnText,
        *,
        open_channel: Callable[[str, Callable[[str], None]], Channel] = _browser.BrowserChannel,
    ) -> None:
        self.address = address
        self._on_text = on_text
        self._channel = open_channel(name, self._heard)

    def send(self, address: str, text: str) -> None:
        self._channel.post(f"{json.dumps([address, self.address])}\n{text}")

    def close(self) -> None:
        self._channel.close()

    def _heard(self, text: str) -> None:
        header, _, body = text.partition("\n")
        try:
            receiver, sender = json.loads(header)
        except (ValueError, TypeError, RecursionError):
            return  # somebody else's use of the channel
        if receiver == self.address and isinstance(sender, str):
            self._on_text(sender, body)
