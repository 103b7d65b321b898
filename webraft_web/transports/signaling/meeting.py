"""Where the pages of a room meet: who is there, and signals between them that can be relied on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from webraft_web.clock import Clock
from webraft_web.transports.keys import RoomKeys
from webraft_web.transports.signaling.base import Strategy

MAX_SIGNAL: Final = 32_768
"""Bytes of the longest signal, in UTF-8."""


class Meeting:
    """Meets the other pages that hold a room's keys, through several strategies at once.

    Args:
        strategies: What carries texts; see `strategy_for`.
        keys: The room's.
        page: This page's random id, 32 lower-case hex digits.
        clock: For announcements and limits.
        random: For the jitter of announcements; nonces come from the system itself.
        on_peer: Gets a page that is there now and holds the keys; said once, and again
            only after `peer_gone`. A page that began anew under the same id is not said again:
            it shows in what it signals.
        on_signal: Gets a page's id and its text: private, authentic and fresh, at most once
            and in the order in which it was sent; a signal may still be lost. `on_peer` was
            said for that page before.
        on_state: Called when `status()` has changed in what it says of the servers.

    Nothing is called back before the constructor has returned, and nothing after `close`.
    """

    def __init__(
        self,
        strategies: Sequence[Strategy],
        keys: RoomKeys,
        page: str,
        clock: Clock,
        random: Random,
        *,
        on_peer: Callable[[str], None],
        on_signal: Callable[[str, str], None],
        on_state: Callable[[], None],
    ) -> None:
        raise NotImplementedError

    def signal(self, to: str, text: str) -> None:
        """Send `text` to a page that `on_peer` told of; to one that it did not, it is lost.

        Raises:
            BadArgumentError: If the text is longer than `MAX_SIGNAL`.
        """
        raise NotImplementedError

    def peer_gone(self, page: str) -> None:
        """Forget a page: if it is still there, or comes back, `on_peer` tells, once it has proved it anew."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave; idempotent."""
        raise NotImplementedError

    def status(self) -> dict[str, Any]:
        """Return {"servers": [{"url", "connected", "error"}], "peers": [page], "refused": {why: count}}."""
        raise NotImplementedError
