"""Real tabs that run `pages/client.py`, in a browser of their own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.tabs.browser import Running
from tests.tabs.chromium import Chromium, Page
from tests.tabs.clocks import ROUNDING_MS
from tests.tabs.serving import serve, tab_routes

CLIENT: Final = (Path(__file__).parent / "pages" / "client.py").read_text(encoding="utf-8")
_IMPORT: Final = """
import js
begun = js.performance.now()
from webraft_web import join_room
js.performance.now() - begun
"""
_JOIN: Final = """
begun = now()
doc = await join_room(ROOM)
now() - begun
"""
_BOOTED_AT_ONCE: Final = 4
_BOOT_WITHIN_S: Final = 120
_COMPARISONS: Final = 200
"""How often two tabs' clocks are compared; the quickest answer counts."""
_ANSWER_TIMES: Final = """
globalThis.clockChannel = new BroadcastChannel("clock");
clockChannel.onmessage = ({ data }) => clockChannel.postMessage([data, performance.now()]);
"""
_COMPARE_CLOCKS: Final = """
(async () => {
  const channel = new BroadcastChannel("clock");
  let best = [Infinity, 0];
  for (let number = 0; number < %d; number++) {
    const answered = new Promise((resolve) => {
      channel.onmessage = ({ data: [question, time] }) => { if (question === number) resolve(time); };
    });
    const before = performance.now();
    channel.postMessage(number);
    const there = await answered;
    const after = performance.now();
    if (after - before < best[0]) best = [after - before, there - (before + after) / 2];
  }
  channel.close();
  return best;
})()
"""


class Tab:
    """A page in which Python runs, with the client loaded; names that code binds stay bound.

    Fields:
        import_ms: How long the first import took of what was installed.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.import_ms = 0.0

    def wait_until_ready(self) -> None:
        """Wait for Python, and load the client."""
        self.page.wait_for("globalThis.isReady", _BOOT_WITHIN_S)
        self.import_ms = self.python(_IMPORT)
        self.python(f"{CLIENT}\nNone")

    def start(self, code: str) -> Running:
        """Begin to run Python, with `await` at the top level."""
        return self.page.start(f"runPython({json.dumps(code)})")

    def python(self, code: str, timeout_s: float = _BOOT_WITHIN_S) -> Any:
        """Run Python and return the last expression's value, which JSON must be able to carry."""
        return self.start(code).result(timeout_s)

    def join(self) -> float:
        """Join the room as `doc`; returns how long that took, in milliseconds."""
        return float(self.python(_JOIN))

    def status(self, field: str) -> Any:
        """Return a part of what the tab knows of the room."""
        return self.python(f"doc.status()[{field!r}]")


@dataclass
class Visited:
    """A browser, and the site that it visits."""

    browser: Chromium
    url: str

    def open(self, count: int = 1, *, before_load: str = "") -> list[Tab]:
        """Open tabs, each in a window of its own, which stays visible; they have not joined any room.

        Args:
            count: How many. A few boot at the same time.
            before_load: JavaScript to run in them before anything else.
        """
        tabs: list[Tab] = []
        while len(tabs) < count:
            several = [Tab(self.browser.blank()) for _ in range(min(_BOOTED_AT_ONCE, count - len(tabs)))]
            for tab in several:
                if before_load:
                    tab.page.before_load(before_load)
                tab.page.go(f"{self.url}tab.html")
            for tab in several:
                tab.wait_until_ready()
            tabs += several
        return tabs

    def open_joined(self, count: int, *, before_load: str = "") -> list[Tab]:
        """Open tabs that have joined the room; the first of them runs its server."""
        tabs = self.open(count, before_load=before_load)
        for tab in tabs:
            tab.join()
        return tabs


@contextmanager
def visiting(*flags: str, routes: Mapping[str, Path] | None = None) -> Iterator[Visited]:
    """Give a browser with a new profile, for as long as the block runs.

    Args:
        flags: For the browser's command line.
        routes: What its site serves besides Python and wheels; None for pages that run the client.
    """
    # What may not be stored is not kept to go back to, either.
    with (
        serve(tab_routes() if routes is None else routes, caching="no-cache") as url,
        tempfile.TemporaryDirectory(prefix="webraft-benchmarks-", ignore_cleanup_errors=True) as profile,
    ):
        browser = Chromium(Path(profile), *flags)
        try:
            yield Visited(browser, url)
        finally:
            browser.kill()


def clock_difference(page: Page, other: Page) -> tuple[float, float]:
    """Return what to add to a page's times to have the other's, and by how much that may be wrong (ms)."""
    other.js(_ANSWER_TIMES)
    round_trip, difference = page.js(_COMPARE_CLOCKS % _COMPARISONS)
    other.js("clockChannel.close()")
    return difference, round_trip / 2 + ROUNDING_MS
