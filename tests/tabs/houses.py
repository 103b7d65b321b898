"""Browsers apart from each other: each a process with a profile of its own, all in one room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from tests.tabs.browser import Browser, wait_until
from tests.tabs.chromium import Chromium
from tests.tabs.conftest import PythonTab, Tabs

AnyBrowser = TypeVar("AnyBrowser", bound=Browser[Any])
SECRET = "L9Wd0hHv5eUqgE7xJ2fTz1Rk"
JOIN = """
    from webraft_web import join_room
    errors = []
    doc = await join_room({room!r}, initial={initial}, signaling=[{signaling!r}], secret={secret!r}{more})
    doc.listen("error", lambda error: errors.append(repr(error)))
    doc.state
"""
ADD = """
    def add(state):
        state["n"] = state.get("n", 0) + 1
    for _ in range({times}):
        await doc.update(add)
"""
VOTERS = "sorted(a for a, rights in doc.status()['members'].items() if rights == 'voter')"
LEADS = "doc.status()['leader'] is not None and doc.status()['leader'] == doc.status()['address']"


class House(Generic[AnyBrowser]):
    """A browser with a profile of its own, on a desk of its own.

    Fields:
        tabs: Those that were opened last.
    """

    def __init__(self, browser: AnyBrowser, site: str, signaling: str, room: str = "room") -> None:
        self.browser = browser
        self.room = room
        self.site = Tabs(browser, site)
        self.signaling = signaling
        self.tabs: list[PythonTab] = []

    def open(self, count: int, initial: str = "{}") -> list[PythonTab]:
        """Open tabs in the room."""
        self.tabs = self.site.open_many(count)
        self.join(initial)
        return self.tabs

    def join(self, initial: str = "{}", more: str = "") -> None:
        """Join the room in tabs that are open."""
        join = JOIN.format(
            room=self.room, signaling=self.signaling, secret=SECRET, initial=initial, more=more
        )
        for joining in [tab.start(join) for tab in self.tabs]:
            joining.result()

    def restart(self, count: int) -> list[PythonTab]:
        """Start the browser again with what its profile holds, and come back to the room."""
        self.browser.start()
        return self.open(count)

    @property
    def leads(self) -> bool:
        """Whether this browser's server leads, as its own tabs have it."""
        return bool(self.tabs[0].python(LEADS))

    @property
    def address(self) -> str:
        """The address of this browser's server."""
        return str(self.tabs[0].python("doc.status()['address']"))


@contextmanager
def street(
    count: int, profiles: Path, site: str, signaling: str, *, room: str = "room"
) -> Iterator[list[House[Chromium]]]:
    """Run several browsers, which are to meet in one room."""
    with ExitStack() as stack:
        houses = []
        for number in range(count):
            houses.append(House(Chromium(profiles / f"profile-{number}"), site, signaling, room))
            stack.callback(houses[-1].browser.kill)
        yield houses


def tabs_of(houses: list[House[Any]]) -> list[PythonTab]:
    """Return all tabs of some browsers."""
    return [tab for house in houses for tab in house.tabs]


def wait_for_votes(houses: list[House[Any]], count: int) -> None:
    """Wait until all tabs know of so many voters."""
    tabs = tabs_of(houses)
    try:
        for tab in tabs:
            wait_until(lambda tab=tab: len(tab.python(VOTERS)) == count, f"{count} browsers to vote")
    except TimeoutError as error:
        seen = [tab.python("[doc.status(), errors]") for tab in tabs]
        raise TimeoutError("\n".join([str(error), *map(str, seen)])) from None


def find_leader(houses: list[House[Any]]) -> House[Any]:
    """Wait until one of the browsers leads, and return it."""
    wait_until(lambda: any(house.leads for house in houses), "a leader")
    return next(house for house in houses if house.leads)


def read_all(houses: list[House[Any]]) -> list[object]:
    """Return what a read shows in each tab."""
    return [tab.python("await doc.read()") for tab in tabs_of(houses)]


def errors_of(houses: list[House[Any]]) -> list[str]:
    """Return what all tabs were told is wrong."""
    return [error for tab in tabs_of(houses) for error in tab.python("errors")]
