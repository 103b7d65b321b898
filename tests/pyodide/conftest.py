"""Pyodide for these tests, from loopback, and a package index with old wheels beside the right ones."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_pyodide
from pytest_pyodide import get_global_config
from pytest_pyodide.runner import NodeRunner, SeleniumChromeRunner

from demo.toolchain.server import Server
from demo.toolchain.wheels import PAGE_REQUIREMENTS, build_wheel, download_wheels
from tests.package_index import lay_out
from tests.setup import CHROMIUM_FLAGS

OLD_REQUIREMENTS = Path(__file__).with_name("requirements.txt")

get_global_config().set_flags("chrome", list(CHROMIUM_FLAGS))
for _runner in (NodeRunner, SeleniumChromeRunner):
    _runner.script_timeout = 60  # booting takes its time while everything else runs, too


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order tests alike in all processes: pytest-pyodide takes runtimes in the order of a set."""
    items.sort(key=lambda item: (item.path, item.nodeid.partition("[")[::-1]))


@pytest.fixture(scope="session")
def web_server_main(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int, None]]:
    """Serve Pyodide, pytest-pyodide's own page, and a package index, on loopback alone."""
    page = Path(pytest_pyodide.__file__).parent / "_templates" / "module_test.html"
    wheels = (build_wheel(), *download_wheels(PAGE_REQUIREMENTS), *download_wheels(OLD_REQUIREMENTS))
    routes = {
        "/": Path(request.config.getoption("--dist-dir")),
        "/module_test.html": page,
        "/simple/": lay_out(tmp_path_factory.mktemp("simple"), "/simple/", wheels),
    }
    with Server(routes) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield "127.0.0.1", server.server_address[1], None
        server.shutdown()
        thread.join()


class Page:
    """A Pyodide with nothing in it but micropip."""

    def __init__(self, selenium) -> None:
        self._selenium = selenium
        self.index_url = f"{selenium.base_url}/simple"
        self.wheel_url = f"{self.index_url}/webraft-web/{build_wheel().name}"
        selenium.set_script_timeout(60)
        selenium.load_package("micropip")

    def python(self, code: str):
        """Run Python with `await` at the top level; returns the last expression's value."""
        return self._selenium.run_async(textwrap.dedent(code))


@pytest.fixture
def page(selenium_standalone) -> Page:
    """Return a Pyodide that no other test has touched."""
    return Page(selenium_standalone)


@pytest.fixture(scope="module")
def installed_page(selenium_module_scope) -> Page:
    """Return a Pyodide with webraft_web installed, shared by the tests of a module."""
    page = Page(selenium_module_scope)
    page.python(f"import micropip; await micropip.install('webraft_web', index_urls='{page.index_url}')")
    return page
