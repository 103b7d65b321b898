"""Stores that break, are cleared, or are this page's memory alone."""

import asyncio

import pytest

from tests.unit.site.rooms import append, open_room, settle
from webraft_web.core.errors import OutcomeUnknownError, StorageError
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser


def test_a_store_that_breaks_stops_the_server_and_another_try_goes_on():
    """The error is told, nothing is lost, and once the store works again so does the room."""

    async def scenario():
        browser = Browser()
        _, docs = await open_room(browser, 1)
        errors = []
        docs[0].listen("error", errors.append)
        browser.journals["room"].fail_next(StorageError("the disk is full"))
        await asyncio.wait_for(docs[0].patch(append(1)), 10)
        assert [str(error) for error in errors] == ["the disk is full"]
        assert docs[0].state == [1]

    run(scenario())


def test_a_cleared_store_begins_anew_with_what_the_tabs_hold():
    """Site data cleared under open tabs: a new cluster, a new server, and the same document."""

    async def scenario():
        browser = Browser()
        for _ in range(3):  # so that the new store's first runner has a lower number than the old one's last
            await (await browser.open_tab().join_room("room", initial=[])).close()
        _, docs = await open_room(browser, 2)
        await docs[1].patch(append(1))
        address = docs[0].status()["address"]
        browser.journals["room"].delete()
        await settle(3)
        await docs[0].patch(append(2))
        await docs[1].patch(append(3))
        await settle()
        assert docs[0].state == docs[1].state == [1, 2, 3]
        assert docs[1].status()["address"] != address
        browser.kill()
        assert (await browser.open_tab().join_room("room")).state == [1, 2, 3]

    run(scenario())


def test_in_memory_mode_a_successor_goes_on_with_what_it_observed():
    """No fence, no journal: a new cluster, minted from a copy; the last tab takes the room along."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 3, storage="memory")
        await docs[1].patch(append(1))
        await settle()
        link = docs[2].invite_link()
        tabs[0].kill()
        await settle()
        await docs[1].patch(append(2))
        await docs[2].patch(append(3))
        await settle()
        assert docs[1].state == docs[2].state == [1, 2, 3]
        assert docs[2].invite_link() != link
        assert docs[2].status()["storage"] == "memory"
        assert not browser.journals
        browser.kill()
        assert (await browser.open_tab().join_room("room", initial=[], storage="memory")).state == []

    run(scenario())


def test_in_memory_mode_nobody_steals():
    """A hung runner is waited for: with nothing to fence it off there would be two."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2, storage="memory")
        tabs[0].hang()
        pending = asyncio.ensure_future(docs[1].patch(append(1)))
        await settle(30)
        assert not pending.done()
        tabs[0].wake()
        await asyncio.wait_for(pending, 5)
        assert docs[0].state == docs[1].state == [1]

    run(scenario())


def test_a_copy_ahead_of_the_successor_follows_it_in_memory_mode():
    """What the dead runner told one tab alone is gone for both: copies never disagree for long."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 3, storage="memory")
        browser.loses = lambda tab, text: tab is tabs[1] and '"entries"' in text[:60]
        try:
            await asyncio.wait_for(docs[2].patch(append("lost")), 0.05)
        except (TimeoutError, OutcomeUnknownError):
            pytest.fail("tab 2 should have been told")
        tabs[0].kill()
        browser.loses = lambda _tab, _text: False
        await settle(1)
        assert docs[1].state == docs[2].state
        await docs[2].patch(append("next"))
        await settle()
        assert docs[1].state == docs[2].state

    run(scenario())
