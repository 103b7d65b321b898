"""Pages in plain JavaScript, which get webraft-web and Pyodide from npm's directory alone."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.npm_project import install
from tests.readme import block
from tests.tabs.browser import wait_until
from tests.tabs.chromium import Chromium, Page
from tests.tabs.serving import serve

PROGRAMS = Path(__file__).parents[1] / "javascript" / "project"
PAGE = """<!doctype html>
<meta charset="utf-8" />
<title>A page in JavaScript</title>
<link rel="icon" href="data:," />
"""
LENDING = """<script type="module">
  import { lendPeerConnections } from "webraft-web";
  globalThis.stopLending = await lendPeerConnections();
</script>
"""
WORKER = """
import { joinRoom } from "/node_modules/webraft-web/webraft.js";
const options = { signaling: ["broadcast:"], secret: "public", indexURL: "/node_modules/pyodide/" };
const told = joinRoom("worker", options).then(
  (doc) => `in as ${doc.status().role}`,
  (error) => `${error.name}: ${error.message}`,
);
postMessage(await told);
"""
HAVE_JOINED = """
new Promise((resolve) => {
  new Worker("/worker.mjs", { type: "module" }).onmessage = ({ data }) => resolve(data);
})
"""

RUN = """<script type="module">
  import { load } from "webraft-web";
  import "./documents.mjs";
  import { runAll } from "./harness.mjs";
  await runAll(() => load({ indexURL: "/node_modules/pyodide" }));
  globalThis.isOver = true;
</script>
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a site whose pages have README's import map."""
    directory = tmp_path_factory.mktemp("site")
    shutil.copytree(PROGRAMS, directory, dirs_exist_ok=True)
    modules = install(directory)
    example = block("html", "importmap")
    import_map = example[: example.index("</script>") + len("</script>\n")].replace('"pyodide"', '"unused"')
    shown = example.removesuffix("</script>\n") + "globalThis.doc = doc;\n</script>\n"
    (directory / "readme.html").write_text(PAGE + shown, encoding="utf-8")
    (directory / "documents.html").write_text(PAGE + import_map + RUN, encoding="utf-8")
    (directory / "lending.html").write_text(PAGE + import_map + LENDING, encoding="utf-8")
    (directory / "worker.mjs").write_text(WORKER, encoding="utf-8")
    routes = {"/": directory}
    for name in ("webraft-web", "pyodide"):
        routes[f"/node_modules/{name}/"] = (modules / name).resolve()
    with serve(routes) as url:
        yield url


def test_the_page_of_the_readme_shares_its_document(browser: Chromium, project: str) -> None:
    """Two tabs run the example as it stands; each has what both have done, and was told of it."""
    one, other = [browser.open(f"{project}readme.html") for _ in range(2)]
    both = {"cards": ["milk", "milk"], "done": 2}
    for page in (one, other):
        page.wait_for("globalThis.doc !== undefined")
    for page in (one, other):
        assert page.js("doc.read()") == both
        assert page.js("doc.state") == both
        wait_until(lambda page=page: page.log, "what subscribers print")
        assert page.problems == []
    one.close()
    other.wait_for("doc.status().role === 'leader'")
    assert other.js("doc.patch([{op: 'remove', path: '/done'}]).then(() => doc.state)") == {
        "cards": ["milk", "milk"]
    }


@pytest.mark.long
def test_a_worker_joins_a_room_across_browsers_by_what_a_page_lends(browser: Chromium, project: str) -> None:
    """For as long as it is lent; else it says what is missing, and who could help."""
    page = browser.open(f"{project}lending.html")
    page.wait_for("globalThis.stopLending !== undefined")
    assert page.js(HAVE_JOINED) == "in as leader"
    page.js("stopLending()")
    refused = page.js(HAVE_JOINED)
    assert refused.startswith("ConfigError: ")
    assert "lendPeerConnections()" in refused
    assert page.problems == []


def names() -> list[str]:
    text = (PROGRAMS / "documents.mjs").read_text(encoding="utf-8")
    return re.findall(r'^promise\("(.+?)",', text, re.MULTILINE)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, project: str) -> Iterator[Page]:
    """Return a tab that has tried all promises."""
    browser = Chromium(tmp_path_factory.mktemp("profile"), "--js-flags=--expose-gc")
    page = browser.open(f"{project}documents.html")
    page.wait_for("globalThis.isOver")
    yield page
    browser.kill()


@pytest.mark.parametrize("name", names())
def test_a_promise_is_kept_in_a_page(page: Page, name: str) -> None:
    """As its name says."""
    outcomes = {line["name"]: line["failure"] for line in map(json.loads, page.log)}
    assert name in outcomes, page.problems
    assert outcomes[name] is None, outcomes[name]
