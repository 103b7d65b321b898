"""Fixtures for real tabs: a server, a browser that the test owns, and tabs that run Python."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.toolchain.places import ROOT
from tests.tabs.browser import Browser, Page, Running
from tests.tabs.chromium import Chromium
from tests.tabs.serving import serve, tab_routes


class PythonTab:
    """A page that runs Pyodide with the wheel installed; names that code binds stay bound."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.page.wait_for("globalThis.isReady")

    def start(self, code: str) -> Running:
        """Begin to run Python, with `await` at the top level; `result()` of what is returned waits for it."""
        return self.page.start(f"runPython({json.dumps(textwrap.dedent(code))})")

    def python(self, code: str) -> Any:
        """Run Python and return the last expression's value, which JSON must be able to carry."""
        return self.start(code).result()


class Tabs:
    """A browser and the site it visits: `open()` gives tabs that run Python."""

    def __init__(self, browser: Browser[Any], url: str) -> None:
        self.browser = browser
        self.url = url

    def open(self, *, new_window: bool = True) -> PythonTab:
        """Open one tab and wait until Python runs in it."""
        return PythonTab(self.browser.open(f"{self.url}tab.html", new_window=new_window))

    def open_many(self, count: int) -> list[PythonTab]:
        """Open several tabs, which boot at the same time."""
        pages = [self.browser.open(f"{self.url}tab.html") for _ in range(count)]
        return [PythonTab(page) for page in pages]


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Return the address of a server with an empty page that runs Python."""
    with serve(tab_routes()) as url:
        yield url


@pytest.fixture(scope="session")
def demo_site() -> Iterator[str]:
    """Return the address of a server with the demo, as `python3 demo` serves it."""
    with serve({"/": ROOT / "demo" / "site"}) as url:
        yield url


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    """Return a browser with a new profile, which the test may kill and start again."""
    chromium = Chromium(tmp_path / "profile")
    yield chromium
    chromium.kill()


@pytest.fixture
def tabs(browser: Browser[Any], site: str) -> Tabs:
    """Return what opens tabs that run Python."""
    return Tabs(browser, site)
