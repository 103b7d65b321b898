"""Rooms across browsers: separate processes with separate profiles, two tabs in each, WebRTC between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tabs.browser import wait_until
from tests.tabs.chromium import Chromium
from tests.tabs.conftest import Tabs
from tests.tabs.test_webrtc import signaling_server

SECRET = "L9Wd0hHv5eUqgE7xJ2fTz1Rk"
JOIN = """
    from webraft_web import join_room
    errors = []
    doc = await join_room("room", initial={{"n": 0, "log": []}}, signaling=[{signaling!r}], secret={secret!r})
    doc.listen("error", lambda error: errors.append(repr(error)))
    doc.state["log"]
"""
ADD = """
    def add(state):
        state["n"] += 1
    for _ in range({times}):
        await doc.update(add)
"""
VOTERS = "sorted(a for a, rights in doc.status()['members'].items() if rights == 'voter')"


class House:
    """A browser with a profile of its own, on a desk of its own."""

    def __init__(self, profile: Path, site: str, signaling: str) -> None:
        self.browser = Chromium(profile)
        self.site = Tabs(self.browser, site)
        self.join = JOIN.format(signaling=signaling, secret=SECRET)

    def open(self, count: int):
        """Open tabs in the room."""
        tabs = self.site.open_many(count)
        for tab in tabs:
            tab.python(self.join)
        return tabs


@pytest.fixture
def houses(site: str, tmp_path: Path) -> Iterator[list[House]]:
    """Return two browsers and a signalling server between them."""
    with signaling_server() as signaling:
        houses = [House(tmp_path / name, site, signaling) for name in ("ann", "bob")]
        try:
            yield houses
        finally:
            for house in houses:
                house.browser.kill()


def test_two_browsers_with_two_tabs_each_agree_and_either_survives_the_other(houses) -> None:
    """All increments count; one browser is killed and comes back, and one that leads is closed."""
    ann, bob = houses
    anns, bobs = ann.open(2), bob.open(2)
    for tab in (*anns, *bobs):
        wait_until(lambda tab=tab: len(tab.python(VOTERS)) == 2, "both browsers to vote")
    assert bobs[0].python(VOTERS) == anns[0].python(VOTERS)
    adding = [tab.start(ADD.format(times=50)) for tab in (*anns, *bobs)]
    for one in adding:
        one.result()
    assert [tab.python("(await doc.read())['n']") for tab in (*anns, *bobs)] == [200] * 4

    leads = anns[0].python("doc.status()['leader'] == doc.status()['address']")
    dies, tabs = (bob, anns) if leads else (ann, bobs)
    dies.browser.kill()
    for tab in tabs:
        tab.python(ADD.format(times=5))
    dies.browser.start()
    (back,) = dies.open(1)
    wait_until(lambda: len(back.python(VOTERS)) == 2, "the browser that was killed to vote again")
    assert back.python("(await doc.read())['n']") == 210

    runs, rest = sorted(tabs, key=lambda tab: tab.python("doc.status()['role']") != "leader")
    rest.page.close()
    wait_until(lambda: runs.python("len(doc.status()['tabs'])") == 1, "the other tab to be gone")
    runs.page.close()
    back.python(ADD.format(times=5))
    assert back.python("[doc.state['n'], errors]") == [215, []]
