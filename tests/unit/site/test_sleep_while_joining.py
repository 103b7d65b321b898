"""A page that is put to sleep while it joins a room."""

import asyncio

import pytest

from tests.unit.site.rooms import append, settle
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize(("sleep", "wake"), [("freeze", "resume"), ("navigate_away", "navigate_back")])
def test_a_page_may_be_put_to_sleep_at_any_time_of_joining(sleep, wake, others):
    """When it wakes it joins: a room that it has never seen was not deleted while it slept."""

    async def scenario(step):
        browser = Browser(step)
        for _ in range(others):
            await browser.open_tab().join_room("room", initial=[])
        tab = browser.open_tab()
        joining = asyncio.ensure_future(tab.join_room("room", initial=[]))
        await settle(step * 0.0005)
        getattr(tab, sleep)()
        await settle(0.5)
        getattr(tab, wake)()
        doc = await joining
        await doc.patch(append(step))
        assert doc.state == [step]

    for step in range(0, 40, 3):
        run(scenario(step))
