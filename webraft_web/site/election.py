"""Which tab runs the room's server: the lock, the runner's silence, and the steal.

The holder of an exclusive Web Lock *should* act; whose writes *count* is the
journal's to say, so that no mistake here can hurt more than the speed. A tab
that dies gives the lock up by itself. One that hangs keeps it, and is noticed by
its silence: its heartbeats come from its own clock, never as answers, because a
frozen page still answers messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from webraft_web.site.platform import LockRequest, Platform

SILENCE_MS: Final = 1000
"""A runner that has said nothing for this long is taken for hung."""
LOOK_AGAIN_MS: Final = 50
"""How long a stealer listens again, alone, before it acts: what was under way arrives meanwhile."""
RETRY_MS: Final = 1000
"""How long to leave a lock alone that the browser refused."""


class Election:
    """One tab's wish to run the server, from `start` to `stop`.

    Args:
        platform: The page.
        name: The room's name for its locks.
        may_steal: Whether a silent holder is stolen from: only with a store that has a fence.
        on_elected: The lock is held, and this tab should run the server.
        on_deposed: Another tab stole the lock; `start` queues again.
    """

    def __init__(
        self,
        platform: Platform,
        name: str,
        *,
        may_steal: bool,
        on_elected: Callable[[], None],
        on_deposed: Callable[[], None],
    ) -> None:
        self._platform = platform
        self._lock_name = f"webraft:run:{name}"
        self._steal_lock_name = f"webraft:steal:{name}"
        self._may_steal = may_steal
        self._on_elected = on_elected
        self._on_deposed = on_deposed
        self._is_held = False
        self._request: LockRequest | None = None
        self._steal_request: LockRequest | None = None
        self._heard_ms = 0
        self._silence = platform.clock.timer(self._on_silence)
        self._look_again = platform.clock.timer(self._on_look_again)
        self._retry = platform.clock.timer(self._queue)

    def start(self) -> None:
        """Queue for the lock, behind everybody who waits already."""
        self.stop()
        self._queue()

    def stop(self) -> None:
        """Let go of everything at once, held or waited for. Nothing is called until `start`."""
        for timer in (self._silence, self._look_again, self._retry):
            timer.set(None)
        self._release_steal_lock()
        if self._request is not None:
            self._request.release()
            self._request = None
        self._is_held = False

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        for timer in (self._silence, self._look_again, self._retry):
            timer.close()

    def pause(self, ms: int) -> None:
        """Let go, and queue again after `ms`: this tab cannot run the server just now."""
        self.stop()
        self._retry.set(self._platform.clock.now_ms() + ms)

    def heard(self) -> None:
        """Note a sign of life of whoever runs the server."""
        self._heard_ms = self._platform.clock.now_ms()

    @property
    def is_silent(self) -> bool:
        """Whether nothing was heard of a runner for too long."""
        return self._platform.clock.now_ms() - self._heard_ms >= SILENCE_MS

    def _queue(self) -> None:
        self.heard()  # whoever holds the lock gets its second from here
        self._watch()
        self._request = self._platform.request_lock(
            self._lock_name, on_held=self._on_held, on_lost=self._on_lost
        )

    def _watch(self) -> None:
        if self._may_steal:
            self._silence.set(self._heard_ms + SILENCE_MS)

    def _on_silence(self) -> None:
        if not self.is_silent:
            self._watch()
            return
        # Stealers come one by one: two at once would steal from one another.
        self._steal_request = self._platform.request_lock(
            self._steal_lock_name, on_held=self._on_steal_lock_held, on_lost=self._on_steal_lock_lost
        )

    def _on_steal_lock_held(self) -> None:
        self._look_again.set(self._platform.clock.now_ms() + LOOK_AGAIN_MS)

    def _on_steal_lock_lost(self) -> None:
        self._steal_request = None
        self._look_again.set(None)
        self.heard()
        self._watch()

    def _on_look_again(self) -> None:
        if not self.is_silent:
            # An earlier stealer has spoken, or this page was the one that slept.
            self._release_steal_lock()
            self._watch()
            return
        # A steal leaves one's own queued request waiting: it would be granted later, to nobody.
        if self._request is not None:
            self._request.release()
        self._request = self._platform.request_lock(
            self._lock_name, steal=True, on_held=self._on_held, on_lost=self._on_lost
        )

    def _on_held(self) -> None:
        self._is_held = True
        self._silence.set(None)
        self._look_again.set(None)
        self._on_elected()
        # Only now, after this tab has given a sign of life, may the next stealer look.
        self._release_steal_lock()

    def _on_lost(self) -> None:
        was_held = self._is_held
        self.stop()
        if was_held:
            self._on_deposed()
        else:
            self._retry.set(self._platform.clock.now_ms() + RETRY_MS)

    def _release_steal_lock(self) -> None:
        if self._steal_request is not None:
            self._steal_request.release()
            self._steal_request = None
