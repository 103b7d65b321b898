"""A site as others make theirs: Pyodide as it is published, and a package index, from loopback alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.toolchain.places import ROOT
from demo.toolchain.wheels import PAGE_REQUIREMENTS, build_wheel, download_wheels
from tests.install.lite import LITE_SITE
from tests.package_index import lay_out
from tests.setup import PYODIDE_VERSIONS, pyodide_dist, pyscript_dir
from tests.tabs.browser import Browser, Page, wait_until
from tests.tabs.conftest import PythonTab, browser
from tests.tabs.serving import serve, tab_routes

__all__ = ["browser"]

README_SITE = "https://example.org/"
"""Where README has everything."""


@dataclass(frozen=True)
class Site:
    """What README has at README_SITE, and what pages otherwise get from elsewhere.

    Fields:
        url: Its address.
        pages: What lies at `own/`.
    """

    url: str
    pages: Path

    def here(self, text: str) -> str:
        """Return a text of README with this site's addresses."""
        wheel = f"{README_SITE}webraft_web-0.1.0-py3-none-any.whl"
        assert README_SITE in text
        text = text.replace(wheel, f"{self.url}simple/webraft-web/{build_wheel().name}")
        return text.replace(README_SITE, self.url)

    def add(self, name: str, text: str) -> str:
        """Add a file; returns its address."""
        (self.pages / name).write_text(text, encoding="utf-8")
        return f"{self.url}own/{name}"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return the site, with the newest Pyodide at `newest/`: what others make has it by default."""
    pages = tmp_path_factory.mktemp("own")
    wheels = (build_wheel(), *download_wheels(PAGE_REQUIREMENTS))
    routes = {
        **tab_routes(),
        "/own/": pages,
        "/worker/": Path(__file__).parent / "pages",
        "/_js/": ROOT / "js_glue" / "src",
        "/pyscript/": pyscript_dir(),
        "/simple/": lay_out(tmp_path_factory.mktemp("simple"), "/simple/", wheels),
        "/lite/": LITE_SITE,  # once it is built
        "/newest/": pyodide_dist(PYODIDE_VERSIONS["pyodide-next"]),
    }
    with serve(routes) as url:
        yield Site(url, pages)


ANSWERING = """
await doc.patch([{"op": "add", "path": "/cards/-", "value": "from elsewhere"}])
async for state in doc.changes():
    if state["cards"][-1] == "from the page":
        await doc.patch([{"op": "add", "path": "/cards/-", "value": "and back"}])
"""
"""What follows README's code, which binds `doc`, wherever that runs."""


def check_shared(browser: Browser[Page], site: Site) -> dict[str, object]:
    """Join README's room beside whatever runs ANSWERING, and write in turns; returns the status."""
    tab = PythonTab(browser.open(f"{site.url}tab.html"))
    tab.python(
        "from webraft_web import join_room; doc = await join_room('kanban', initial={'cards': [], 'done': 0})"
    )

    def last() -> object:
        return tab.python("[None, *doc.state['cards']][-1]")

    wait_until(lambda: last() == "from elsewhere", "what was written elsewhere")
    tab.python("await doc.patch([{'op': 'add', 'path': '/cards/-', 'value': 'from the page'}])")
    wait_until(lambda: last() == "and back", "the answer")
    return tab.python("doc.status()")
