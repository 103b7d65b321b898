"""Which tab runs the room's server: the lock, the runner's silence, and the steal.

The holder of an exclusive Web Lock *should* act; whose writes *count* is the
journal's to say, so that no mistake here can hurt more than the speed. A tab
that dies gives the lock up by itself. One that hangs keeps it, and is noticed by
its silence: its heartbeats come from its own clock, never as answers, because a
frozen page still answers messages.

Whoever would steal may hang as well, at any moment: while it waits for its turn
to steal, the browser may give it that turn, and while it has it, time may pass
that it never noticed. So a turn that is not used is stolen in its turn, and
whoever finds that it has slept listens again before it acts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from webraft_web.core.errors import ConfigError
from webraft_web.site.platform import LockRequest, Platform

SILENCE_MS: Final = 1000
"""A runner that has said nothing for this long is taken for hung."""
LOOK_AGAIN_MS: Final = 50
"""How long a stealer listens again, alone, before it acts: what was under way arrives meanwhile."""
TURN_MS: Final = 150
"""How long a stealer may take over that, before the next one takes its turn away: it hangs itself."""
LATE_MS: Final = 100
"""A stealer whose time came so much too late was not listening: signs of life may wait to be heard."""
RETRY_MS: Final = 1000
"""How long to leave a lock alone that the browser refused."""
REFUSALS: Final = 3
"""So many in a row are told of: a page that is about to go may be refused a lock as well."""


class Election:
    """One tab's wish to run the server, from `start` to `stop`.

    Args:
        platform: The page.
        name: The room's name for its locks.
        may_steal: Whether a silent holder is stolen from: only with a store that has a fence.
        on_elected: The lock is held, and this tab should run the server.
        on_deposed: Another tab stole the lock; `start` queues again.
        on_refused: Told why nobody here can run the server, every so often while the browser grants no lock.
    """

    def __init__(
        self,
        platform: Platform,
        name: str,
        *,
        may_steal: bool,
        on_elected: Callable[[], None],
        on_deposed: Callable[[], None],
        on_refused: Callable[[ConfigError], None],
    ) -> None:
        self._platform = platform
        self._lock_name = f"webraft:run:{name}"
        self._steal_lock_name = f"webraft:steal:{name}"
        self._may_steal = may_steal
        self._on_elected = on_elected
        self._on_deposed = on_deposed
        self._on_refused = on_refused
        self._refusals = 0
        self._is_held = False
        self._request: LockRequest | None = None
        self._steal_request: LockRequest | None = None
        self._heard_ms = 0
        self._act_ms = 0
        self._silence = platform.clock.timer(self._on_silence)
        self._turn = platform.clock.timer(self._on_turn_unused)
        self._look_again = platform.clock.timer(self._on_look_again)
        self._retry = platform.clock.timer(self._queue)
        self._timers = (self._silence, self._turn, self._look_again, self._retry)

    def start(self) -> None:
        """Queue for the lock, behind everybody who waits already."""
        self.stop()
        self._queue()

    def stop(self) -> None:
        """Let go of everything at once, held or waited for. Nothing is called until `start`."""
        for timer in self._timers:
            timer.set(None)
        self._release_steal_lock()
        if self._request is not None:
            self._request.release()
            self._request = None
        self._is_held = False

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        for timer in self._timers:
            timer.close()

    def pause(self, ms: int) -> None:
        """Let go, and queue again after `ms`: this tab cannot run the server just now."""
        self.stop()
        self._retry.set(self._platform.clock.now_ms() + ms)

    def take(self) -> None:
        """Take the lock from its holder, who offers it, past everybody who waits."""
        if self._may_steal and not self._is_held:
            self._steal()

    def heard(self) -> None:
        """Note a sign of life of whoever runs the server: nothing is to be stolen."""
        self._heard_ms = self._platform.clock.now_ms()
        if self._steal_request is not None:
            self._release_steal_lock()
            self._watch()

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
        if self._platform.clock.now_ms() - self._heard_ms < SILENCE_MS:
            self._watch()
        else:
            self._ask_for_turn(steal=False)

    def _ask_for_turn(self, *, steal: bool) -> None:
        """Stealers come one by one: two at once would steal from one another."""
        self._release_steal_lock()
        self._steal_request = self._platform.request_lock(
            self._steal_lock_name, steal=steal, on_held=self._on_turn, on_lost=self._on_turn_lost
        )
        self._turn.set(self._platform.clock.now_ms() + TURN_MS)

    def _on_turn_unused(self) -> None:
        self._ask_for_turn(steal=True)

    def _on_turn(self) -> None:
        self._turn.set(None)
        self._act_ms = self._platform.clock.now_ms() + LOOK_AGAIN_MS
        self._look_again.set(self._act_ms)

    def _on_turn_lost(self, _refusal: str) -> None:
        self._release_steal_lock()
        # Behind those who were quicker; and not at once, for the browser may just have refused.
        self._silence.set(self._platform.clock.now_ms() + LOOK_AGAIN_MS)

    def _on_look_again(self) -> None:
        if self._platform.clock.now_ms() - self._act_ms >= LATE_MS:
            self._ask_for_turn(steal=False)
        else:
            self._steal()

    def _steal(self) -> None:
        # A steal leaves one's own queued request waiting: it would be granted later, to nobody.
        if self._request is not None:
            self._request.release()
        self._request = self._platform.request_lock(
            self._lock_name, steal=True, on_held=self._on_held, on_lost=self._on_lost
        )

    def _on_held(self) -> None:
        self._is_held = True
        self._refusals = 0
        self._silence.set(None)
        self._on_elected()
        # Only now, after this tab has given a sign of life, may the next stealer have its turn.
        self._release_steal_lock()

    def _on_lost(self, refusal: str) -> None:
        was_held = self._is_held
        self.stop()
        if was_held:
            self._on_deposed()
            return
        self._retry.set(self._platform.clock.now_ms() + RETRY_MS)
        self._refusals += bool(refusal)
        if self._refusals == REFUSALS:
            self._refusals = 0
            self._on_refused(_no_locks(refusal))

    def _release_steal_lock(self) -> None:
        self._turn.set(None)
        self._look_again.set(None)
        if self._steal_request is not None:
            self._steal_request.release()
            self._steal_request = None


def _no_locks(refusal: str) -> ConfigError:
    return ConfigError(
        "the browser grants this page no Web Locks, without which tabs cannot agree on who runs a room's "
        f"server; it says {refusal!r}. Allow this site to store data: its cookies and site data must not be "
        "blocked, and a sandboxed frame needs allow-same-origin"
    )
