"""PyScript, from npm: README's page as it stands, on the main thread and in a worker."""

from __future__ import annotations

import json
import re
import textwrap

import pytest

from tests.install.conftest import ANSWERING, Site, check_shared
from tests.readme import block


def page_of(site: Site, attributes: str = "", **settings: object) -> str:
    """Return README's page with PyScript's own settings for a network of one machine, and more Python."""
    page = '<link rel="icon" href="data:," />' + site.here(block("html", 'type="py"'))
    offline = {
        "interpreter": f"{site.url}newest/pyodide.mjs",
        "index_urls": [f"{site.url}simple"],
        **settings,
    }
    (config,) = re.findall(r"config='(.*?)'", page)
    page = page.replace(config, json.dumps({**json.loads(config), **offline}))
    page = page.replace('type="py"', f'type="py" {attributes}')
    return page.replace("\n</script>", textwrap.indent(ANSWERING, "  ") + "\n</script>")


def test_readmes_page_shares_a_room_with_a_page_beside_it(browser, site) -> None:
    """With `type="py"` on the main thread: the wheel is found by its address, jsonpatch in the index."""
    page = browser.open(site.add("pyscript.html", page_of(site)))
    status = check_shared(browser, site)
    assert len(status["tabs"]) == 2
    page.reload()  # and PyScript takes packages from what it has kept
    check_shared(browser, site)
    assert page.problems == []


@pytest.mark.long
def test_the_same_page_works_in_a_worker(browser, site) -> None:
    """With the attribute `worker`, where rooms of one browser do without localStorage and WebRTC."""
    page = browser.open(site.add("worker.html", page_of(site, "worker", sync_main_only=True)))
    status = check_shared(browser, site)
    assert len(status["tabs"]) == 2
    assert page.problems == []
