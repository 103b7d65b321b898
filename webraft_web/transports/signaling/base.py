"""What a signalling strategy gives: texts among the pages of a topic, and no promise about any of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

OnText = Callable[[str], None]
"""Called with a text that somebody posted, synchronously where it arrives."""

OnState = Callable[[bool, str], None]
"""Called when a port's connection changes: whether it carries texts now, and if not, why."""

MAX_TEXT: Final = 65_536
"""Length of the longest text that is ever posted; a strategy passes over any that is longer."""


class Port(Protocol):
    """One page's place in a topic."""

    def post(self, text: str, to: str = "") -> None:
        """Post `text` to everybody in the topic, or at least to the page `to`.

        Args:
            text: Printable ASCII, at most `MAX_TEXT` of it.
            to: A page's id; empty for everybody. One that carries all texts to everybody may ignore it.
        """

    def close(self) -> None:
        """Hear and send nothing more; idempotent."""


class Strategy(Protocol):
    """A way to carry texts among pages that know a topic: a server, or anything else.

    Nothing is promised. A text may be lost, repeated, reordered, changed, read by
    anybody, and forged by anybody; what a page posts may come back to itself. Texts
    posted while a port is not connected are lost. `Meeting` is built for that: what it
    posts is sealed, and it says again what has to be known.

    What is asked for: `open` returns at once, calls nothing back before it has
    returned, and connects by itself, again and again with growing pauses, until
    `close`, after which nothing is called. `on_state` is called with True each time that
    texts begin to be carried. `check_strategy` in `webraft_web.testing` tries all that.
    """

    url: str
    """What `status()` calls it."""

    def open(self, topic: str, page: str, on_text: OnText, on_state: OnState) -> Port:
        """Take part in a topic.

        Args:
            topic: Lower-case hex; it tells nothing of the room, but is the same for all who share it.
            page: This page's id, 32 lower-case hex digits, at which others post to it.
            on_text: Gets what is posted, by anybody.
            on_state: Gets whether texts are carried.
        """
