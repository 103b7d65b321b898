"""Joins that cannot come to anything: they end, with an error that says why, and hold nobody up."""

import asyncio
import sys

import pytest

from tests.unit.site.rooms import append, open_room, settle
from tests.unit.site.test_browsers import OPTIONS, World
from webraft_web.core.errors import ConfigError, StorageError, TransportError
from webraft_web.site.runner import Runner
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser

REFUSAL = "SecurityError: Access to the Locks API is denied in this context."


def fail(*_args, **_options):
    raise RuntimeError("it cannot be")


@pytest.mark.parametrize("storage", ["indexeddb", "memory"])
def test_where_the_browser_refuses_locks_a_join_says_so(storage):
    """As in a sandboxed frame: the error has the browser's own words, and once it grants them all is well."""

    async def scenario():
        browser = Browser()
        browser.locks.refusal = REFUSAL
        tab = browser.open_tab()
        with pytest.raises(ConfigError, match=rf"{REFUSAL}.*sandbox"):
            await asyncio.wait_for(tab.join_room("room", initial=[], storage=storage), 10)
        browser.locks.refusal = ""
        doc = await asyncio.wait_for(tab.join_room("room", initial=[], storage=storage), 1)
        await doc.patch(append(1))

    run(scenario())


def test_a_lock_that_is_refused_now_and_then_fails_no_join():
    """What counts is how often in a row: a page that is about to go is refused a lock, too."""

    async def scenario():
        browser = Browser()
        browser.locks.refusal = REFUSAL
        tab = browser.open_tab()
        joining = asyncio.ensure_future(tab.join_room("room", initial=[]))
        await settle(1.5)
        browser.locks.refusal = ""
        doc = await asyncio.wait_for(joining, 2)
        errors = []
        doc.listen("error", errors.append)
        for _ in range(3):
            tab.freeze()
            browser.locks.refusal = REFUSAL
            tab.resume()
            await settle(1.5)
            browser.locks.refusal = ""
            await doc.patch(append(1))
        assert errors == []

    run(scenario())


def test_a_tab_that_is_refused_locks_while_another_one_runs_the_server_goes_on_and_tells():
    """It observes as before, and its `error` event says that it could not take over."""

    async def scenario():
        browser = Browser()
        _, docs = await open_room(browser, 1)
        browser.locks.refusal = REFUSAL
        doc = await browser.open_tab().join_room("room")
        errors = []
        doc.listen("error", errors.append)
        await settle(2.5)
        await docs[0].patch(append(1))
        await doc.patch(append(2))
        assert doc.state == [1, 2]
        assert [REFUSAL in str(error) for error in errors] == [True]

    run(scenario())


@pytest.mark.parametrize("fragment", ["", "#room=room&cluster=abc&secret=" + OPTIONS["secret"]])
def test_whoever_cannot_look_for_others_neither_waits_for_them_nor_begins_the_room(fragment):
    """A strategy or the browser's cryptography fails: so does the join, which may be tried again."""

    async def scenario():
        world = World(2)
        tab = world.browsers[1].open_tab()
        tab.fragment = fragment
        open_mesh, tab.page._open_mesh = tab.page._open_mesh, fail
        with pytest.raises(TransportError, match="it cannot be") as caught:
            await asyncio.wait_for(tab.join_room("room", **OPTIONS), 30)
        assert isinstance(caught.value.__cause__, RuntimeError)
        tab.fragment = ""
        tab.page._open_mesh = open_mesh
        _, one = await world.join(0)
        await one.patch(append("first"))
        two = await asyncio.wait_for(tab.join_room("room", **OPTIONS), 30)
        assert two.state == ["first"]

    run(scenario())


@pytest.mark.parametrize("error", [RuntimeError("why"), ConfigError("why")])
def test_whoever_holds_the_room_joins_without_the_others_and_is_told(error):
    """What cannot be opened leaves a browser to itself; the `error` event says so."""

    async def open_mesh(*_args, **_options):
        await asyncio.sleep(0.2)
        raise error

    async def scenario():
        world = World(1)
        tab, doc = await world.join(0)
        await doc.patch(append(1))
        await doc.close()
        tab.page._open_mesh = open_mesh
        doc = await tab.join_room("room", **OPTIONS)
        errors = []
        doc.listen("error", errors.append)
        await settle(0.5)
        await asyncio.wait_for(doc.patch(append(2)), 0.1)
        assert doc.state == [1, 2]
        assert [(type(told), told.__cause__) for told in errors] == [(TransportError, error)]
        assert "why" in str(errors[0])

    run(scenario())


@pytest.mark.parametrize("storage", ["indexeddb", "memory"])
@pytest.mark.parametrize("what", ["import", "__init__", "start"])
def test_a_tab_that_cannot_run_the_server_lets_go_of_the_lock_and_says_why(what, storage):
    """As when its code is not to be had: the join fails with the cause, and the next one may succeed."""

    async def scenario():
        browser = Browser()
        with pytest.MonkeyPatch.context() as patch:
            if what == "import":
                patch.setitem(sys.modules, "webraft_web.site.runner", None)
            else:
                patch.setattr(Runner, what, fail)
            with pytest.raises(StorageError, match="cannot run the server") as caught:
                await asyncio.wait_for(browser.open_tab().join_room("room", initial=[], storage=storage), 10)
            assert isinstance(caught.value.__cause__, ImportError if what == "import" else RuntimeError)
            await settle()
            assert browser.locks.held_names("") == []
        await browser.open_tab().join_room("room", initial=[], storage=storage)

    run(scenario())


def test_where_one_tab_cannot_run_the_server_another_one_does():
    """It makes way for those behind it, and goes on as their observer."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 3)
        await settle(1)
        tabs[1].page._rooms["room"].connection._standby.runner_class = fail
        errors = []
        docs[1].listen("error", errors.append)
        tabs[0].kill()
        await asyncio.wait_for(docs[1].patch(append(1)), 1)
        await settle()
        assert docs[2].state == [1]
        assert docs[1].status()["runner"] == docs[2].status()["tab"]
        assert [type(error) for error in errors] == [StorageError]

    run(scenario())
