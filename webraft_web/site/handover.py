"""When a runner that nobody looks at makes way for a tab that somebody does.

Hidden pages are slowed down and put to sleep, so the server had better be
elsewhere. Not at once, though: people go to and fro between tabs, and each
takeover costs a moment and a record that is kept for good. The hidden runner
asks who is looked at, offers the lock to the first one that answers, and serves
on until that one takes it; so nothing is lost if it never does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from webraft_web.site.platform import Platform

HIDDEN_MS: Final = 5000
"""How long a runner is hidden before it looks for another; as often it asks again."""
OFFER_MS: Final = 1000
"""How long an offer stands."""


class Handover:
    """One tab's readiness to make way.

    Args:
        platform: The page.
        ask: Asks all tabs whether they are looked at; called while this tab runs the server.
    """

    def __init__(self, platform: Platform, ask: Callable[[], None]) -> None:
        self._platform = platform
        self._ask = ask
        self._is_running = False
        self._hidden_ms: int | None = None
        self._offered_ms: int | None = None
        self._timer = platform.clock.timer(self._on_timer)
        self.look()

    @property
    def is_offered(self) -> bool:
        """Whether an offer stands: whoever takes the lock now does as it was told."""
        return self._offered_ms is not None and self._platform.clock.now_ms() - self._offered_ms < OFFER_MS

    def run(self, is_running: bool) -> None:
        """Note whether this tab runs the server."""
        self._is_running = is_running
        self._watch()

    def look(self) -> None:
        """See whether the page is hidden; called whenever that changes."""
        if self._platform.is_visible():
            self._hidden_ms = None
        elif self._hidden_ms is None:
            self._hidden_ms = self._platform.clock.now_ms()
        self._watch()

    def may_offer(self) -> bool:
        """Whether to offer the lock to a tab that is looked at; if so, the offer counts as made."""
        if not self._is_due or self.is_offered:
            return False
        self._offered_ms = self._platform.clock.now_ms()
        return True

    def close(self) -> None:
        """End for good."""
        self._timer.close()

    @property
    def _is_due(self) -> bool:
        if not self._is_running or self._hidden_ms is None:
            return False
        return self._platform.clock.now_ms() - self._hidden_ms >= HIDDEN_MS

    def _watch(self) -> None:
        if not self._is_running or self._hidden_ms is None:
            self._timer.set(None)
        else:
            self._timer.set(max(self._platform.clock.now_ms(), self._hidden_ms + HIDDEN_MS))

    def _on_timer(self) -> None:
        self._ask()
        self._timer.set(self._platform.clock.now_ms() + HIDDEN_MS)
