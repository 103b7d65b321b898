"""Always-on members beside browsers, linked by WebRTC with Chromium: rooms outlive every browser."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.peers import PeerProgram
from tests.tabs.browser import wait_until
from tests.tabs.chromium import Chromium
from tests.tabs.conftest import PythonTab
from tests.tabs.houses import ADD, VOTERS, House
from tests.tabs.test_webrtc import own_address, signaling_server

WRITES = """
    import statistics, time

    async def write(number):
        begun = time.monotonic()
        await doc.patch([{"op": "replace", "path": "/log", "value": [number]}])
        return 1000 * (time.monotonic() - begun)

    statistics.median([await write(number) for number in range(100)])
"""


class Street:
    """Browsers and always-on members, a signalling server between them."""

    def __init__(self, site: str, directory: Path, stack: ExitStack) -> None:
        own_address()
        self.site, self.directory, self._stack = site, directory, stack
        self.signaling = stack.enter_context(signaling_server())

    def browser(self, name: str) -> Chromium:
        """Start a browser with a profile of its own."""
        browser = Chromium(self.directory / name)
        self._stack.callback(browser.kill)
        return browser

    def open(self, browser: Chromium) -> PythonTab:
        """Open a tab in the room."""
        (tab,) = House(browser, self.site, self.signaling).open(1, '{"n": 0, "log": []}')
        return tab

    def peer(self, *arguments: str) -> PeerProgram:
        """Start an always-on member of the room."""
        peer = PeerProgram(
            "room", "--signaling", self.signaling, "--store", self.directory / "peer", *arguments
        )
        self._stack.callback(lambda: peer.process.poll() is None and peer.kill())
        return peer

    def export(self) -> object:
        """Return the document as the always-on member keeps it."""
        command = [*(sys.executable, "-P", "-m", "webraft_web.peer"), *("room", "--export")]
        done = subprocess.run(
            [*command, "--store", self.directory / "peer"], check=True, capture_output=True, text=True
        )
        return json.loads(done.stdout)


@pytest.fixture
def street(site: str, tmp_path: Path) -> Iterator[Street]:
    """Return a place where a room is shared."""
    with ExitStack() as stack:
        yield Street(site, tmp_path, stack)


def test_a_room_outlives_its_browsers_in_an_always_on_member(street) -> None:
    """It founds nothing, votes, goes on alone when the browser is gone, and tells the next one everything."""
    peer = street.peer()
    peer.wait_for("signalling server")
    ann = street.open(street.browser("ann"))
    peer.wait_for("leading · 2 of 2 members vote")
    ann.python(ADD.format(times=20))
    ann.page.close()
    peer.wait_for("leading · 1 of 2 members vote")
    assert street.export() == {"n": 20, "log": []}
    bob = street.open(street.browser("bob"))
    assert bob.python("doc.state['n']") == 20
    wait_until(lambda: len(bob.python(VOTERS)) == 2, "the new browser to vote")
    bob.python(ADD.format(times=5))
    assert peer.end() == 0
    bob.python(ADD.format(times=5))
    assert bob.python(f"[doc.state['n'], len({VOTERS}), errors]") == [30, 1, []]


@pytest.mark.long
def test_nothing_acknowledged_is_lost_when_the_member_is_killed_or_the_browser_vanishes(
    street, report
) -> None:
    """The member leads: killed, it is waited for; the browser, which says no goodbye, is not."""
    browser = street.browser("ann")
    ann = street.open(browser)
    begun = time.monotonic()
    peer = street.peer()
    peer.wait_for("is a voter")
    report(f"an always-on member: it votes {time.monotonic() - begun:.1f} s after it was started")
    peer.wait_for("leading · 2 of 2 members vote")
    report(f"an always-on member: a write of the browser takes {ann.python(WRITES):.1f} ms (median)")
    adding = ann.start(ADD.format(times=300))
    for goal in (50, 150):
        wait_until(lambda goal=goal: ann.python("doc.state['n']") >= goal, "some writes")
        peer.kill()
        peer = street.peer()
    adding.result()
    assert ann.python("[doc.state['n'], errors]") == [300, []]
    peer.wait_for("leading · 2 of 2 members vote")
    browser.kill()
    peer.wait_for("leading · 1 of 2 members vote")
    assert street.export() == {"n": 300, "log": [99]}


@pytest.mark.long
def test_of_two_browsers_and_a_member_any_two_go_on_without_the_third(street) -> None:
    """Each is killed in its turn, and comes back to vote."""
    browsers = [street.browser(name) for name in ("ann", "bob")]
    tabs = [street.open(browser) for browser in browsers]
    peer = street.peer()
    peer.wait_for("3 of 3 members vote")
    peer.kill()
    for tab in tabs:
        tab.python(ADD.format(times=5))
    peer = street.peer()
    peer.wait_for("3 of 3 members vote")
    for gone in (0, 1):
        browsers[gone].kill()
        tabs[1 - gone].python(ADD.format(times=5))
        browsers[gone].start()
        tabs[gone] = street.open(browsers[gone])
        wait_until(lambda gone=gone: len(tabs[gone].python(VOTERS)) == 3, "who was killed to vote again")
    assert [tab.python("[(await doc.read())['n'], errors]") for tab in tabs] == [[20, []]] * 2
    assert peer.end() == 0
