"""Rooms as they are kept here: deleted for good, whoever sleeps; and full disks, from which they recover."""

import asyncio

import pytest

from tests.unit.site.rooms import append, open_room, settle
from webraft_web.core.errors import LocalProtocolError, OutcomeUnknownError, StorageError
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser


@pytest.mark.parametrize(("sleep", "wake"), [("freeze", "resume"), ("navigate_away", "navigate_back")])
@pytest.mark.parametrize("number", [0, 1])
def test_a_page_that_slept_through_the_deletion_does_not_bring_the_room_back(sleep, wake, number):
    """Its handle ends with an error that says so; what it shows stays readable; the room can begin anew."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 3)
        await docs[0].patch(append("old"))
        await settle()
        sleeper, doc = tabs[number], docs[number]
        errors = []
        doc.listen("error", errors.append)
        getattr(sleeper, sleep)()
        pending = asyncio.ensure_future(doc.patch(append("late")))
        await settle()
        await tabs[2].page.delete_room("room")
        getattr(sleeper, wake)()
        with pytest.raises(OutcomeUnknownError, match=r"'room' was deleted"):
            await asyncio.wait_for(pending, 5)
        assert ["was deleted" in str(error) for error in errors] == [True]
        assert doc.state == ["old"]
        with pytest.raises(LocalProtocolError, match="was deleted"):
            await doc.read()
        again = await sleeper.join_room("room", initial=["new"])
        assert again.state == ["new"]

    run(scenario())


def test_a_page_that_slept_while_its_room_was_open_elsewhere_goes_on():
    """Sleep alone ends nothing: neither for who runs the room again, nor for who observes it."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2)
        for _ in range(2):
            tabs[0].freeze()
            await docs[1].patch(append(1))
            tabs[0].resume()
            await docs[0].patch(append(2))
            tabs[1].navigate_away()
            await docs[0].patch(append(3))
            tabs[1].navigate_back()
            await docs[1].read()
        for tab in tabs:
            tab.freeze()
        await settle()
        for tab in tabs:
            tab.resume()
        await docs[1].patch(append(4))
        assert docs[1].state == [1, 2, 3, 1, 2, 3, 4]

    run(scenario())


@pytest.mark.parametrize("number", [0, 1])
def test_what_a_page_shows_counts_again_once_it_has_been_confirmed_after_a_sleep(number):
    """By the tab that runs the room, or by the store itself: then a cleared store begins anew with it."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 1 + number)
        await docs[0].patch(append(1))
        await settle()
        tabs[number].freeze()
        tabs[number].resume()
        await settle(1)
        for tab in tabs[:number]:
            tab.kill()
        browser.journals["room"].delete()
        await settle(3)
        await docs[number].patch(append(2))
        assert docs[number].state == [1, 2]

    run(scenario())


def test_a_page_that_joins_while_the_room_is_deleted_does_not_bring_it_back():
    """A tab that hangs makes the deletion wait, and meanwhile another one comes."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2)
        await docs[1].patch(append("old"))
        tabs[0].hang()
        deletion = asyncio.ensure_future(tabs[1].page.delete_room("room"))
        await settle(0.2)
        late = asyncio.ensure_future(browser.open_tab().join_room("room", initial=["new"]))
        await deletion
        tabs[0].wake()
        outcomes = await asyncio.gather(late, return_exceptions=True)
        await settle(3)
        assert isinstance(outcomes[0], OutcomeUnknownError | StorageError) or "closed" in repr(outcomes[0])
        assert (await browser.open_tab().join_room("room", initial=["newest"])).state == ["newest"]

    run(scenario())


def test_writes_wait_while_the_disk_is_full_and_go_on_once_there_is_space():
    """In every tab; each failure is told, what was stored stays, and none is lost or doubled."""

    async def scenario():
        browser = Browser()
        _, docs = await open_room(browser, 2)
        await docs[0].patch(append("before"))
        errors = [[], []]
        for doc, own in zip(docs, errors, strict=True):
            doc.listen("error", own.append)
        journal = browser.journals["room"]
        journal.is_full = True
        before = dict(journal.records)
        writes = [asyncio.ensure_future(doc.patch(append(number))) for number, doc in enumerate(docs)]
        await settle(5)
        assert [write.done() for write in writes] == [False, False]
        assert all(errors)
        assert {type(error) for own in errors for error in own} == {StorageError}
        assert journal.records == before
        assert docs[1].state == ["before"]
        journal.is_full = False
        await asyncio.gather(*writes)
        assert sorted(map(str, await docs[0].read())) == ["0", "1", "before"]

    run(scenario())


def test_joining_a_full_disk_says_so_and_works_once_there_is_space():
    """There is no silent room in memory instead."""

    async def scenario():
        browser = Browser()
        await (await browser.open_tab().join_room("room", initial=[1])).close()
        browser.journals["room"].is_full = True
        tab = browser.open_tab()
        with pytest.raises(StorageError, match="full"):
            await tab.join_room("room")
        browser.journals["room"].is_full = False
        doc = await tab.join_room("room")
        assert (doc.state, doc.status()["storage"]) == ([1], "indexeddb")

    run(scenario())


def test_rooms_in_memory_are_neither_listed_nor_deleted():
    """No browser keeps them; a durable room of the same name is another one."""

    async def scenario():
        browser = Browser()
        tab = browser.open_tab()
        doc = await tab.join_room("room", initial=[], storage="memory")
        assert await tab.page.list_rooms() == []
        await tab.page.delete_room("room")
        await doc.patch(append(1))
        await doc.leave_room()
        with pytest.raises(LocalProtocolError):
            await doc.patch(append(2))

    run(scenario())


def test_rooms_are_listed_after_the_browser_was_killed():
    """What is kept is in the journals alone."""

    async def scenario():
        browser = Browser()
        for name in ("b", "a", "é"):
            await browser.open_tab().join_room(name)
        browser.kill()
        page = browser.open_tab().page
        assert await page.list_rooms() == ["a", "b", "é"]
        await page.delete_room("b")
        await page.delete_room("never there")
        assert await page.list_rooms() == ["a", "é"]

    run(scenario())
