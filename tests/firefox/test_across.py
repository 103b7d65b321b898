"""One room for Firefox and Chromium: each is one server of it, and either survives the other's reload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firefox.firefox import Firefox
from tests.signaling.processes import program, url_of
from tests.tabs.chromium import Chromium
from tests.tabs.conftest import PythonTab
from tests.tabs.houses import ADD, House, errors_of, read_all, tabs_of, wait_for_votes
from tests.tabs.test_webrtc import own_address


@pytest.fixture
def houses(browser: Firefox, site: str, tmp_path: Path) -> Iterator[list[House[Any]]]:
    """Return one of each kind."""
    own_address()
    chromium = Chromium(tmp_path / "chromium")
    with program("y-webrtc") as server:
        url = url_of("y-webrtc", server.address)
        yield [House(browser, site, url), House(chromium, site, url)]
    chromium.kill()


@pytest.mark.parametrize("first", ["Firefox", "Chromium"])
def test_firefox_and_chromium_share_a_room(houses, first) -> None:
    """Whoever began it: all increments count, and whoever is reloaded comes back to it."""
    order = houses if first == "Firefox" else houses[::-1]
    for house in order:
        house.open(2)
    wait_for_votes(houses, 2)
    for one in [tab.start(ADD.format(times=20)) for tab in tabs_of(houses)]:
        one.result(120)
    assert read_all(houses) == [{"n": 80}] * 4
    for house in order:
        for tab in house.tabs:
            tab.page.reload()
        house.tabs = [PythonTab(tab.page) for tab in house.tabs]
        house.join()
        wait_for_votes(houses, 2)
        house.tabs[0].python(ADD.format(times=5))
    assert read_all(houses) == [{"n": 90}] * 4
    assert errors_of(houses) == []
