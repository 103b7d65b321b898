"""A worker, where there is neither localStorage nor WebRTC, nor anybody who looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.install.conftest import Site
from tests.readme import block
from tests.tabs.browser import Browser, Page, wait_until
from tests.tabs.chromium import Chromium
from tests.tabs.conftest import PythonTab
from tests.tabs.test_webrtc import signaling_server

SECRET = "L9Wd0hHv5eUqgE7xJ2fTz1Rk"
JOIN = f"""
    from webraft_web import join_room
    doc = await join_room("room", initial={{{{"n": 0}}}}, signaling={{signaling!r}}, secret={SECRET!r})
"""


def open_worker(browser: Browser[Page], site: Site) -> PythonTab:
    """Open a page that runs Python in a worker."""
    return PythonTab(browser.open(f"{site.url}worker/worker.html"))


def test_a_worker_shares_a_room_and_makes_way_for_a_page(browser, site) -> None:
    """It runs the room while nobody else can; a page then keeps what it paints before Python runs."""
    worker = open_worker(browser, site)
    worker.python("from webraft_web import join_room; doc = await join_room('room', initial={'n': 0})")
    worker.python("await doc.patch([{'op': 'replace', 'path': '/n', 'value': 1}])")
    assert worker.python("doc.status()['role']") == "leader"
    assert worker.python("doc.invite_link()").startswith("#room=room&cluster=")
    tab = PythonTab(browser.open(f"{site.url}tab.html"))
    tab.python("from webraft_web import join_room; doc = await join_room('room')")
    assert tab.python("await doc.read()") == {"n": 1}
    wait_until(lambda: tab.python("doc.status()['role']") == "leader", "the page to run the room")
    worker.python("await doc.patch([{'op': 'replace', 'path': '/n', 'value': 2}])")
    tab.page.wait_for("localStorage.getItem('webraft:room:room')?.includes('\"n\":2')")


def test_a_worker_says_what_it_lacks_and_what_to_do(browser, site) -> None:
    """Of localStorage, and of WebRTC that nobody lends."""
    worker = open_worker(browser, site)
    assert re.search(
        "StorageError.*no localStorage here: pages have it, workers do not",
        worker.python("""
            from webraft_web import LocalStorageHandlers, RaftInterface
            try:
                outcome = LocalStorageHandlers(RaftInterface("a"))
            except Exception as error:
                outcome = repr(error)
            outcome
        """),
    )
    assert re.search(
        r"ConfigError.*no WebRTC in workers, and no page lends.*lendPeerConnections\(\)",
        worker.python("""
            from webraft_web import join_room
            try:
                outcome = await join_room("room", signaling=["ws://127.0.0.1:9"], secret="public")
            except Exception as error:
                outcome = repr(error)
            outcome
        """),
    )


@pytest.fixture
def other_browser(tmp_path: Path) -> Iterator[Chromium]:
    """Return one with a profile of its own."""
    chromium = Chromium(tmp_path / "other")
    yield chromium
    chromium.kill()


@pytest.mark.long
def test_a_worker_links_with_another_browser_by_what_a_page_lends(browser, other_browser, site) -> None:
    """README's line in any page of the origin is enough; its worker then votes with the other browser."""
    (line,) = re.findall(
        r'<script type="module">\n?(.*?)</script>', block("html", "lendPeerConnections"), re.DOTALL
    )
    lending = site.add(
        "lending.html", f'<link rel="icon" href="data:," /><script type="module">{site.here(line)}</script>'
    )
    lender = browser.open(lending)
    with signaling_server() as signaling:
        join = JOIN.format(signaling=[signaling])
        worker, tab = open_worker(browser, site), PythonTab(other_browser.open(f"{site.url}tab.html"))
        for one in [one.start(join) for one in (worker, tab)]:
            one.result()
        for one in (worker, tab):
            wait_until(lambda one=one: len(one.python("doc.status()['members']")) == 2, "both browsers")
        worker.python("await doc.patch([{'op': 'add', 'path': '/big', 'value': 'x' * 300_000}])")
        wait_until(lambda: tab.python("len(doc.state.get('big', ''))") == 300_000, "what the worker wrote")
        tab.python("await doc.patch([{'op': 'replace', 'path': '/n', 'value': 1}])")
        wait_until(lambda: worker.python("doc.state['n']") == 1, "what the other browser wrote")
        assert list(worker.python("doc.status()['links']").values())
        lender.close()
        wait_until(lambda: not worker.python("doc.status()['links']"), "the link to be lost with the page")
        browser.open(lending)
        wait_until(lambda: worker.python("doc.status()['links']"), "the link over another page")
        tab.python("await doc.patch([{'op': 'replace', 'path': '/n', 'value': 2}])")
        wait_until(lambda: worker.python("doc.state['n']") == 2, "what was written since")
