"""Who came, who went and who led: a short log, made by comparing one status with the next."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

MAX_EVENTS = 40
SHORT_ID_LENGTH = 4
ELSEWHERE = "elsewhere"
"""Stands for a leading tab where another browser leads, whose tabs nobody here knows."""


class Event(TypedDict):
    """One line of the log: when this tab noticed, in milliseconds since 1970, and what."""

    at: float
    text: str


def short_id(tab: str) -> str:
    """Return what the page calls a tab."""
    return tab[:SHORT_ID_LENGTH]


class History:
    """The last events of a room, as this tab saw them.

    Attributes:
        events: The newest last.
        leading_tab: The tab whose server leads, ELSEWHERE, or None while nobody does.
        leads_since: When this tab noticed that; None if it led already when this tab came.
    """

    def __init__(self, now_ms: Callable[[], float] = lambda: time.time() * 1000) -> None:
        self.events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self.leading_tab: str | None = None
        self.leads_since: float | None = None
        self._now_ms = now_ms
        self._status: Mapping[str, Any] | None = None

    def note(self, text: str) -> None:
        """Log something that no status tells."""
        self.events.append(Event(at=self._now_ms(), text=text))

    def observe(self, status: Mapping[str, Any]) -> None:
        """Log how this status differs from the one before."""
        before, self._status = self._status, status
        if before is None:
            self.note(f"this tab joined as {short_id(status['tab'])}")
        else:
            self._observe_tabs(before, status)
        self._observe_leader(status, is_first=before is None)

    def _observe_tabs(self, before: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        tabs_before, tabs = set(before["tabs"]), set(status["tabs"])
        for tab in sorted(tabs - tabs_before - {status["tab"]}):
            self.note(f"tab {short_id(tab)} joined")
        for tab in sorted(tabs_before - tabs - {status["tab"]}):
            self.note(f"tab {short_id(tab)} left")

    def _observe_leader(self, status: Mapping[str, Any], *, is_first: bool) -> None:
        tab = status["runner"] if status["leader"] == status["address"] else ELSEWHERE
        if status["leader"] is None:
            tab = None
        if tab == self.leading_tab:
            return
        self.leading_tab = tab
        was_there = is_first and tab != status["tab"]
        self.leads_since = None if tab is None or was_there else self._now_ms()
        if tab is None:
            self.note("no tab leads just now")
        elif tab == ELSEWHERE:
            self.note(f"another browser leads, term {status['term']}")
        elif was_there:
            self.note(f"tab {short_id(tab)} leads already")
        else:
            self.note(f"tab {short_id(tab)} leads, term {status['term']}")
