"""Browsers apart from each other: processes and profiles of their own, and signalling servers between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.tabs.browser import wait_until
from tests.tabs.chromium import Chromium
from tests.tabs.conftest import PythonTab, Tabs

SECRET = "L9Wd0hHv5eUqgE7xJ2fTz1Rk"
JOIN = """
    from webraft_web import join_room
    errors = []
    doc = await join_room("room", initial={initial}, signaling=[{signaling!r}], secret={secret!r})
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


class House:
    """A browser with a profile of its own, on a desk of its own.

    Fields:
        tabs: Those that were opened last.
    """

    def __init__(self, profile: Path, site: str, signaling: str, *flags: str) -> None:
        self.browser = Chromium(profile, *flags)
        self.site = Tabs(self.browser, site)
        self.signaling = signaling
        self.tabs: list[PythonTab] = []

    def open(self, count: int, initial: str = "{}") -> list[PythonTab]:
        """Open tabs in the room."""
        self.tabs = self.site.open_many(count)
        self.join(initial)
        return self.tabs

    def join(self, initial: str = "{}") -> None:
        """Join the room in tabs that are open."""
        join = JOIN.format(signaling=self.signaling, secret=SECRET, initial=initial)
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
def street(count: int, profiles: Path, site: str, signaling: str) -> Iterator[list[House]]:
    """Run several browsers."""
    with ExitStack() as stack:
        houses = []
        for number in range(count):
            houses.append(House(profiles / f"profile-{number}", site, signaling))
            stack.callback(houses[-1].browser.kill)
        yield houses


def tabs_of(houses: list[House]) -> list[PythonTab]:
    """Return all tabs of some browsers."""
    return [tab for house in houses for tab in house.tabs]


def wait_for_votes(houses: list[House], count: int) -> None:
    """Wait until all tabs know of so many voters."""
    for tab in tabs_of(houses):
        wait_until(lambda tab=tab: len(tab.python(VOTERS)) == count, f"{count} browsers to vote")


def find_leader(houses: list[House]) -> House:
    """Wait until one of the browsers leads, and return it."""
    leader: Callable[[], House | None] = lambda: next((house for house in houses if house.leads), None)  # noqa: E731
    found = wait_until(leader, "a leader")
    assert isinstance(found, House)
    return found


def read_all(houses: list[House]) -> list[object]:
    """Return what a read shows in each tab."""
    return [tab.python("await doc.read()") for tab in tabs_of(houses)]


def errors_of(houses: list[House]) -> list[str]:
    """Return what all tabs were told is wrong."""
    return [error for tab in tabs_of(houses) for error in tab.python("errors")]
