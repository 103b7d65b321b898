"""Which tabs are in the room: each holds a lock named after it for as long as it lives.

The browser lets go of a dead tab's locks by itself, so nothing needs to time
out, and nobody has to say goodbye to be missed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from webraft_web.site.platform import LockRequest, Platform

LOOK_EVERY_MS: Final = 1000


def tab_locks_of(name: str) -> str:
    """Return what the names of the locks of all tabs in the room `name` begin with."""
    return f"webraft:tab:{name}:"


class TabList:
    """This tab's own lock, and a look at everybody's.

    Args:
        platform: The page.
        name: The room's name for its locks.
        tab: This tab's id; it holds no colon.
        on_tabs: Called with all ids, sorted, after each look or arrival; this tab's is among them.
    """

    def __init__(self, platform: Platform, name: str, tab: str, on_tabs: Callable[[list[str]], None]) -> None:
        self._platform = platform
        self._prefix = tab_locks_of(name)
        self._tab = tab
        self._on_tabs = on_tabs
        self._lock: LockRequest | None = None
        self._is_watching = False
        self._seen: set[str] | None = None
        """Whose locks were held at the last look, None before the first."""
        self._arrivals: set[str] = set()
        """Who came since: their locks may not be granted yet when they are first looked for."""
        self._timer = platform.clock.timer(self._on_timer)

    def enter(self) -> None:
        """Be seen by the others."""
        self._lock = self._platform.request_lock(self._prefix + self._tab, on_held=_nothing, on_lost=_nothing)

    def leave(self) -> None:
        """Be seen no longer, and stop watching."""
        self.unwatch()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def watch(self) -> None:
        """Look now, and every so often: this tab tells the others who is here."""
        self._is_watching = True
        self.look()

    def unwatch(self) -> None:
        """Leave the looking to others."""
        self._is_watching = False
        self._seen = None
        self._arrivals.clear()
        self._timer.set(None)

    def arrived(self, tab: str) -> None:
        """Count `tab` in at once, and look; if it holds no lock a while later it is not counted any more."""
        if self._is_watching:
            self._arrivals.add(tab)
            self._report()
            self.look()

    def departed(self, tab: str) -> None:
        """Look who is left; `tab` has let go of its lock."""
        self._arrivals.discard(tab)
        self.look()

    def look(self) -> None:
        """Look who is here, if this tab is the one that watches."""
        if self._is_watching:
            self._timer.set(self._platform.clock.now_ms() + LOOK_EVERY_MS)
            self._platform.query_locks(self._prefix, self._on_names)

    def close(self) -> None:
        """Leave for good."""
        self.leave()
        self._timer.close()

    def _on_names(self, names: list[str]) -> None:
        if not self._is_watching:
            return
        ids = {name.removeprefix(self._prefix) for name in names}
        # A room called "a" must not see the tabs of one called "a:b".
        self._seen = {tab for tab in ids if ":" not in tab}
        self._report()

    def _report(self) -> None:
        if self._seen is not None:
            self._on_tabs(sorted({self._tab, *self._seen, *self._arrivals}))

    def _on_timer(self) -> None:
        self._arrivals.clear()
        self.look()


def _nothing(_refusal: str = "") -> None:
    """Holding it is all that the lock is for."""
