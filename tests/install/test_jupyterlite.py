"""JupyterLite, from PyPI: a site built as README says, and a notebook in a room with a page beside it."""

from __future__ import annotations

import pytest

from tests.install.conftest import ANSWERING, check_shared
from tests.install.lite import NOTEBOOK, build_lite
from tests.readme import TEXT, block, python_block

KERNEL = "globalThis.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
PIP = "%pip install webraft_web"


@pytest.mark.long
def test_a_notebook_shares_a_room_with_a_page_beside_it(browser, site) -> None:
    """Its kernel is a worker, so that it has neither localStorage nor WebRTC, and needs none."""
    assert f"`{PIP}`" in TEXT
    build_lite(block("sh", "jupyter lite build"), [PIP, python_block('join_room("kanban"'), ANSWERING])
    page = browser.open(f"{site.url}lite/notebooks/index.html?path={NOTEBOOK}")
    page.wait_for(f"{KERNEL}?.status === 'idle'")
    page.js("void jupyterapp.commands.execute('notebook:run-all-cells')")
    status = check_shared(browser, site)
    assert len(status["tabs"]) == 2
