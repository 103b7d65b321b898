"""The demo as two people use it: one invites, the other opens the link in a browser of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.signaling.processes import program, url_of
from tests.tabs.browser import wait_until
from tests.tabs.chromium import Chromium
from tests.tabs.test_demo import Board

INVITATION = "document.querySelector('#invitation').value"


def open_board(browser: Chromium, url: str) -> Board:
    """Open the board at an address."""
    board = Board(browser.blank())
    board.page.go(url)
    return board


@pytest.mark.long
def test_an_invitation_opens_the_board_in_another_browser_and_no_others(demo_site: str, tmp_path: Path):
    """Cards go both ways; a link with another secret does not open a board to its sender."""
    with program("bundled") as server:
        signaling = url_of("bundled", server.address)
        browsers = [Chromium(tmp_path / name) for name in ("ann", "bob")]
        try:
            ann = open_board(browsers[0], f"{demo_site}#signaling={signaling}")
            ann.wait_until_live()
            link = ann.page.wait_for(INVITATION)
            assert link.startswith(f"{demo_site}#room=board&cluster=")
            bob = open_board(browsers[1], link)
            bob.wait_until_live()
            bob.wait_for_text("#leads", "Another browser leads")
            for board in (ann, bob):
                board.wait_for_text("#fact-browsers", "2")
            ann.add("todo", "milk <b>& honey</b>")
            bob.wait_for_card("milk <b>& honey</b>")
            bob.add("done", "bread")
            ann.wait_for_card("bread")
            wait_until(
                lambda: bob.page.js("document.querySelector('#waiting').textContent") == "", "an answer"
            )
            secret = bob.page.js("new URLSearchParams(location.hash.slice(1)).get('secret')")
            other = open_board(browsers[1], link.replace(secret, "x" * len(secret)))
            other.wait_for_text("#failure-title", "another board of that name")
            assert ann.page.problems == bob.page.problems == other.page.problems == []
        finally:
            for browser in browsers:
                browser.kill()
