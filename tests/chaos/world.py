"""Performs actions on the tabs of a real browser, and listens to what the tabs tell."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from tests.chaos.gaps import Mark
from tests.chaos.records import Visit
from tests.chaos.schedule import TAKING_AWAY, Action
from tests.tabs.browser import PageError, PageGoneError
from tests.tabs.chromium import Chromium, Page
from tests.tabs.clocks import bounds_of_difference, now_ms

PATIENCE_S: Final = 60.0
"""Whoever has not recovered by then never will."""

_LISTEN_S: Final = 0.05
_LAST_WORDS_S: Final = 0.3
_DESCRIBE_WITHIN_S: Final = 10
_SPIN: Final = """
import time
end = time.monotonic() + {seconds}
while time.monotonic() < end:
    pass
"""
_COUNTED_AS: Final = {
    "open": "tab opened",
    "close": "tab closed",
    "kill": "tab killed",
    "freeze": "tab frozen",
    "resume": "tab resumed",
    "hide": "tab hidden",
    "show": "tab shown",
    "reload": "tab reloaded",
    "leave": "tab navigated away",
    "return": "tab navigated back",
    "spin": "tab spinning",
    "restart": "browser killed and restarted",
}


class ChaosError(Exception):
    """The room has failed those who use it; the text says how."""


@dataclass
class Tab:
    """One tab and what is known of it.

    Fields:
        page: Its page.
        number: Its number in the schedule.
        visit: The document that uses the room in it, None until it has joined.
        joined_as: The id under which its newest document has joined.
        is_ready: Whether Python runs in its newest document.
        is_heard: Whether it has told anything since it last came back.
        read: How much of what it told was taken in.
    """

    page: Page
    number: int
    pid: int | None = None
    visit: Visit | None = None
    joined_as: str = ""
    is_ready: bool = False
    is_ended: bool = False
    is_frozen: bool = False
    is_away: bool = False
    is_heard: bool = False
    is_over: bool = False
    spins_until_s: float = 0
    read: int = 0

    @property
    def is_awake(self) -> bool:
        """Whether it is there to be asked."""
        is_here = not self.is_ended and not self.is_frozen and not self.is_away
        return is_here and time.monotonic() >= self.spins_until_s

    @property
    def works(self) -> bool:
        """Whether it uses the room."""
        return self.is_awake and self.is_heard and self.visit is not None


@dataclass
class World:
    """A browser whose tabs use one room.

    Args:
        browser: The browser, without any tab of the room.
        url: What serves the pages.

    Fields:
        marks: What was done so far.
        problems: What no tab should have told or written to its console.
    """

    browser: Chromium
    url: str
    marks: list[Mark] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _visit_of: dict[str, Visit] = field(default_factory=dict)
    _tabs: dict[int, Tab] = field(default_factory=dict)
    _ended: list[Tab] = field(default_factory=list)
    _runner: str = ""
    _is_ending: bool = False

    def perform(self, action: Action) -> None:
        """Do one thing, after its pause.

        Raises:
            ChaosError: If the room has failed.
        """
        self.listen(action.pause_s)
        if action.kind in TAKING_AWAY:
            others = [tab for number, tab in self._tabs.items() if number != action.tab]
            self._wait(lambda: any(tab.works for tab in others), "no other tab that is open uses the room")
        tab = self._tabs.get(action.tab)
        runs = tab is not None and tab.visit is not None and tab.visit.process == self._runner
        suffix = ", which ran the server" if runs and action.kind != "restart" else ""
        self.marks.append(Mark(now_ms(), _COUNTED_AS[action.kind] + suffix, action.kind == "restart"))
        if action.kind == "open":
            self._open(action.tab)
        elif action.kind == "restart":
            self._restart()
        else:
            assert tab is not None, "the schedule opens tabs first"
            self._perform_on(tab, action)

    def listen(self, duration_s: float) -> None:
        """Take in what the tabs tell."""
        deadline = time.monotonic() + duration_s
        while True:
            self.browser.attend(min(_LISTEN_S, max(0, deadline - time.monotonic())))
            self._take_in_all()
            if self.problems:
                raise ChaosError(self.problems[0])
            for tab in self._tabs.values():
                if tab.is_awake and tab.joined_as and not self._is_ending:
                    self._welcome(tab)
            if time.monotonic() >= deadline:
                return

    def end(self) -> list[tuple[float, float, dict[str, Any]]]:
        """Bring all tabs back, let them finish, and return what they see, see `Records`.

        Raises:
            ChaosError: If one of them does not come back or does not finish.
        """
        for tab in self._tabs.values():
            if tab.is_frozen:
                self._resume(tab)
            if tab.is_away:
                self._return(tab)
        self._wait_for_all(lambda tab: tab.works, "does not use the room again")
        for tab in self._tabs.values():
            assert tab.visit is not None, "it uses the room"
            tab.visit.bounds.append(bounds_of_difference(tab.page))
            tab.page.js("globalThis.isOver = true")
        self._wait_for_all(lambda tab: tab.is_over, "does not finish what it began")
        documents = [self._read(tab) for tab in self._tabs.values()]
        self._restart()
        self._is_ending = True
        tab = self._open(0)
        self._wait(lambda: bool(tab.joined_as), "nobody can join after the browser was killed")
        tab.page.js("globalThis.isOver = true; go()")
        self._wait(lambda: tab.is_over, "a tab opened after the browser was killed does not finish")
        return [*documents, self._read(tab)]

    @property
    def visits(self) -> list[Visit]:
        """All documents that have used the room."""
        return list(self._visit_of.values())

    def _perform_on(self, tab: Tab, action: Action) -> None:
        page = tab.page
        if action.kind in {"close", "kill"}:
            if action.kind == "kill":
                self._kill(tab)
            self._end(tab)
            self.browser.call("Target.closeTarget", targetId=page.target)
        elif action.kind == "freeze":
            page.minimise()
            # By itself Chromium freezes no page that loads; what one was receiving then never arrives.
            self._wait(lambda: tab.is_ready, f"Python does not boot in tab {tab.number}")
            tab.is_frozen = True
            tab.page.send("Page.setWebLifecycleState", state="frozen")
        elif action.kind == "resume":
            self._resume(tab)
        elif action.kind == "hide":
            page.minimise()
        elif action.kind == "show":
            page.restore()
        elif action.kind == "reload":
            self._forget(tab)
            tab.is_ready = False
            tab.page.send("Page.reload")
        elif action.kind == "leave":
            tab.is_away = True
            tab.page.send("Page.navigate", url=f"{self.url}chaos/away.html")
        elif action.kind == "return":
            self._return(tab)
        else:
            tab.spins_until_s = time.monotonic() + action.spin_s
            page.start(f"runPython({json.dumps(_SPIN.format(seconds=action.spin_s))})")

    # What the tabs tell

    def _take_in_all(self) -> None:
        for tab in (*self._tabs.values(), *self._ended):
            self._take_in(tab)

    def _take_in(self, tab: Tab) -> None:
        texts = tab.page.told[tab.read :]
        tab.read += len(texts)
        for text in texts:
            event = json.loads(text)
            if event["kind"] == "ready":
                tab.is_ready = True
            elif event["kind"] == "joined":
                self._forget(tab)
                tab.joined_as = event["tab"]
            elif event["kind"] == "broken":
                self.problems.append(f"tab {tab.number}: {event['error']}")
            elif event["kind"] == "over":
                tab.is_over = True
            else:
                visit = self._visit_of[event["name"].partition(".")[0]]
                visit.hear(event)
                tab.is_heard |= visit is tab.visit
                self._runner = event.get("runner", self._runner)
        self.problems += [f"tab {tab.number}, on its console: {text}" for text in tab.page.problems]
        tab.page.problems.clear()
        if tab.page.is_gone and not tab.is_ended:
            self.problems.append(f"tab {tab.number} crashed by itself")

    def _welcome(self, tab: Tab) -> None:
        """Compare clocks with a document that has joined, and let it begin; if it is not there, later."""
        with contextlib.suppress(PageError, PageGoneError):  # going, or on its way back
            if tab.page.js("globalThis.tab") == tab.joined_as:
                bounds = bounds_of_difference(tab.page)
                tab.pid = tab.page.pid()
                tab.page.js("go()")
                tab.visit = self._visit_of[tab.joined_as] = Visit(tab.joined_as, [bounds])
                tab.joined_as = ""

    def _forget(self, tab: Tab) -> None:
        """Expect nothing more of the document that used the room in this tab."""
        tab.visit = tab.pid = None
        tab.joined_as = ""
        tab.is_heard = False

    # What is done to them

    def _open(self, number: int) -> Tab:
        page = self.browser.blank()
        page.bind("tell")
        tab = self._tabs[number] = Tab(page, number)
        self._visit_room(tab)
        return tab

    def _visit_room(self, tab: Tab) -> None:
        tab.page.send("Page.navigate", url=f"{self.url}chaos/chaos.html")

    def _kill(self, tab: Tab) -> None:
        pid = tab.pid
        if pid is None:
            with contextlib.suppress(PageError, PageGoneError, TimeoutError):
                pid = tab.page.pid()
        if pid in self.browser.renderer_pids():
            tab.page.kill(pid)
        self.browser.attend(_LISTEN_S)

    def _resume(self, tab: Tab) -> None:
        tab.is_frozen = tab.is_heard = False
        tab.page.send("Page.setWebLifecycleState", state="active")

    def _return(self, tab: Tab) -> None:
        tab.is_away = tab.is_heard = tab.is_ready = False
        ids = [one["id"] for one in self._history_of(tab) if one["url"].endswith("/chaos.html")]
        if ids:
            tab.page.send("Page.navigateToHistoryEntry", entryId=ids[-1])
        else:  # it left before it had come
            self._visit_room(tab)

    def _history_of(self, tab: Tab) -> list[dict[str, Any]]:
        """Return where a tab has been, once it has left for good where it was."""
        entries: list[dict[str, Any]] = []

        def has_entries() -> bool:
            with contextlib.suppress(PageError):
                entries.extend(tab.page.call("Page.getNavigationHistory")["entries"])
            return bool(entries)

        self._wait(has_entries, f"tab {tab.number} is neither here nor there")
        return entries

    def _restart(self) -> None:
        # What a page has told is on its way through the browser, and would die with it.
        for pid in self.browser.renderer_pids():
            os.kill(pid, signal.SIGSTOP)
        self.browser.attend(_LAST_WORDS_S)
        self._take_in_all()
        for tab in list(self._tabs.values()):
            self._end(tab)
        self.browser.kill()
        self.browser.start()

    def _end(self, tab: Tab) -> None:
        tab.is_ended = True
        self._ended.append(self._tabs.pop(tab.number))

    # Waiting

    def _wait(self, condition: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise ChaosError(f"{complaint}, for {PATIENCE_S:.0f} s")
            self.listen(_LISTEN_S)

    def _wait_for_all(self, condition: Callable[[Tab], bool], complaint: str) -> None:
        for tab in list(self._tabs.values()):
            try:
                self._wait(partial(condition, tab), f"tab {tab.number} {complaint}")
            except ChaosError as error:
                raise ChaosError(f"{error}: {_describe(tab)}") from None

    def _read(self, tab: Tab) -> tuple[float, float, dict[str, Any]]:
        call = now_ms()
        document = tab.page.js("runPython('await doc.read()')")
        return call, now_ms(), document


def _describe(tab: Tab) -> str:
    """Return what there is to know of a tab that keeps others waiting."""
    state = "[location.pathname, document.readyState, document.visibilityState, globalThis.isReady]"
    try:
        seen = tab.page.start(state).result(timeout_s=_DESCRIBE_WITHIN_S)
    except (PageError, PageGoneError, TimeoutError) as error:
        seen = repr(error)
    pending = [] if tab.visit is None else [plan["input"] for plan in tab.visit.planned.values()]
    return f"{seen}, under way: {pending}"
