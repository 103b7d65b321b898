"""The mirror in localStorage: it never goes back, whoever sleeps or crashes, and comes back once it fits."""

import asyncio
import json
import logging

import pytest

from tests.unit.site.rooms import append, open_room, settle
from webraft_web.site.mirror import MAX_SIZE, WRITE_EVERY_MS
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser

KEY = "webraft:room:room"


def mirror_of(browser):
    return json.loads(browser.mirror[KEY])


def watch(browser):
    """Keep all values that the mirror ever has."""
    seen = []

    class Watched(dict):
        def __setitem__(self, key, text):
            seen.append(json.loads(text))
            super().__setitem__(key, text)

    browser.mirror = Watched(browser.mirror)
    return seen


def test_a_document_that_is_small_again_is_mirrored_again(caplog):
    """One warning for each time it is given up; what was there before does not stay."""

    async def scenario():
        browser = Browser()
        _, (doc,) = await open_room(browser, 1)
        await doc.patch(append("small"))
        await settle(1)
        assert mirror_of(browser)["data"] == ["small"]
        for _ in range(2):
            await doc.patch(append("x" * MAX_SIZE))
            await settle(1)
            assert KEY not in browser.mirror
            await doc.patch(append("y"))
            await settle(1)
            assert KEY not in browser.mirror
            await doc.patch([{"op": "replace", "path": "", "value": ["small"]}])
            await settle(1)
            assert mirror_of(browser)["data"] == ["small"]
            assert mirror_of(browser)["index"] == doc.status()["last_applied"]

    with caplog.at_level(logging.WARNING, "webraft_web"):
        run(scenario())
    assert len([record for record in caplog.records if KEY in record.message]) == 2


def test_a_mirror_comes_back_when_others_leave_it_room(caplog):
    """A full localStorage is given up for as long as it is full."""

    async def scenario():
        browser = Browser()
        _, (doc,) = await open_room(browser, 1)
        browser.mirror_limit = 10
        await doc.patch(append(1))
        await settle(1)
        assert KEY not in browser.mirror
        browser.mirror_limit = 1000
        await doc.patch(append(2))
        await settle(1)
        assert mirror_of(browser)["data"] == [1, 2]

    run(scenario())
    assert len(caplog.records) == 1


def test_the_mirror_never_goes_back_over_crashes_and_takeovers():
    """Index by index, whichever tab writes it, and after the whole browser was killed."""

    async def scenario():
        browser = Browser(seed=3)
        seen = watch(browser)
        for crash in range(4):
            tabs, docs = await open_room(browser, 2)
            for number in range(5):
                await docs[number % 2].patch(append([crash, number]))
                await settle(0.3)
            tabs[0].kill()
            await docs[1].patch(append([crash, "end"]))
            await settle(1)
            browser.kill()
        places = [(value["term"], value["index"]) for value in seen]
        assert places == sorted(places)
        assert len(seen) > 10
        assert len({value["cluster"] for value in seen}) == 1
        assert len(seen[-1]["data"]) == 24

    run(scenario())


def test_a_tab_that_hung_while_a_new_cluster_began_does_not_bring_the_old_one_back():
    """It has a write due when it wakes, and nothing has told it yet that it is not the one to write."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2)
        await docs[0].patch(append("old"))
        tabs[0].hang()
        await docs[1].patch(append("new"))
        await docs[1].recover()
        await docs[1].patch(append("newer"))
        await settle(1)
        seen = watch(browser)
        newest = mirror_of(browser)
        assert newest["data"] == ["old", "new", "newer"]
        tabs[0].wake()
        await settle(3)
        assert mirror_of(browser) == newest
        assert seen == []
        await docs[0].patch(append("woken"))
        await settle(1)
        assert [value["data"][-1] for value in seen] == ["woken"]

    run(scenario())


def test_a_mirror_of_what_a_power_cut_took_back_is_replaced():
    """localStorage may have kept what the journal lost: the newer term is right, whatever the index."""

    async def scenario():
        browser = Browser()
        _, (doc,) = await open_room(browser, 1)
        await doc.patch(append(1))
        await settle(1)
        lost = mirror_of(browser)
        browser.kill()
        browser.mirror[KEY] = json.dumps({**lost, "index": lost["index"] + 50, "data": ["lost"]})
        doc = await browser.open_tab().join_room("room")
        await doc.patch(append(2))
        await settle(1)
        assert mirror_of(browser)["data"] == [1, 2]

    run(scenario())


def test_a_deleted_room_leaves_no_mirror_not_even_of_a_tab_that_hung():
    """It wakes with a write due, and hears of the deletion a little later."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2)
        await docs[0].patch(append(1))
        tabs[0].hang()
        await settle(WRITE_EVERY_MS / 1000)
        await tabs[1].page.delete_room("room")
        assert KEY not in browser.mirror
        seen = watch(browser)
        tabs[0].wake()
        await settle(3)
        assert KEY not in browser.mirror
        assert seen == []
        assert docs[0].status()["tabs"] == []
        assert await tabs[0].page.list_rooms() == []

    run(scenario())


def test_a_room_in_memory_is_not_mirrored():
    """It is meant to leave no trace."""

    async def scenario():
        browser = Browser()
        _, (doc,) = await open_room(browser, 1, storage="memory")
        await doc.patch(append(1))
        await settle(2)
        await doc.close()
        assert browser.mirror == {}

    run(scenario())


@pytest.mark.parametrize("storage", ["indexeddb", "memory"])
def test_the_browser_is_asked_to_keep_a_room_once_there_is_something_to_keep(storage):
    """Not for the first document alone, nor for a room in memory."""

    async def scenario():
        browser = Browser()
        _, (doc, other) = await open_room(browser, 2, storage=storage)
        await settle(2)
        assert not browser.is_kept
        await other.patch(append(1))
        await asyncio.sleep(0)
        assert browser.is_kept == (storage == "indexeddb")
        assert doc.status()["storage"] == storage

    run(scenario())
