"""Fixtures for real tabs of Firefox: the pages and the server are those of the suite `tabs`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firefox.firefox import Firefox
from tests.setup import find_firefox
from tests.tabs.conftest import site, tabs

__all__ = ["site", "tabs"]


@pytest.fixture(scope="session", autouse=True)
def _firefox_is_there() -> None:
    if find_firefox() is None:
        pytest.skip("there is no Firefox on the PATH; on Debian: sudo apt-get install firefox-esr")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Firefox]:
    """Return a browser with a new profile, which the test may kill and start again."""
    firefox = Firefox(tmp_path / "profile")
    yield firefox
    firefox.kill()
