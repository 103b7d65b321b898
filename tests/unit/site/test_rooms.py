"""Joining, sharing, closing and deleting rooms, as the tabs of one browser do."""

import asyncio
import contextlib

import pytest

from webraft_web import room
from webraft_web.core.errors import (
    BadArgumentError,
    ConfigError,
    LocalProtocolError,
    NotLeaderError,
    OutcomeUnknownError,
    StorageError,
)
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser


async def settle():
    await asyncio.sleep(0.05)


def test_a_new_room_begins_with_its_initial_document():
    """The first tab founds the room; what others bring along is ignored."""

    async def scenario():
        browser = Browser()
        first = await browser.open_tab().join_room("kanban", initial={"cards": []})
        second = await browser.open_tab().join_room("kanban", initial={"other": 1})
        assert first.state == second.state == {"cards": []}

    run(scenario())


def test_a_room_without_initial_is_an_empty_object():
    """None stands for `{}`."""

    async def scenario():
        assert (await Browser().open_tab().join_room("kanban")).state == {}

    run(scenario())


def test_a_change_in_one_tab_is_seen_in_all():
    """Whichever tab makes it, the one that runs the server or another."""

    async def scenario():
        browser = Browser()
        docs = [await browser.open_tab().join_room("kanban", initial=[]) for _ in range(3)]
        for number, doc in enumerate(docs):
            await doc.patch([{"op": "add", "path": "/-", "value": number}])
        await settle()
        assert [doc.state for doc in docs] == [[0, 1, 2]] * 3

    run(scenario())


def test_joining_shows_everything_acknowledged_before():
    """A tab that joins right after a write in another already has it."""

    async def scenario():
        browser = Browser()
        first = await browser.open_tab().join_room("kanban", initial=[])
        for number in range(20):
            await first.patch([{"op": "add", "path": "/-", "value": number}])
            late = await browser.open_tab().join_room("kanban")
            assert late.state == list(range(number + 1))
            await late.close()

    run(scenario())


@pytest.mark.parametrize("seed", range(5))
def test_joining_amid_a_takeover_shows_everything_acknowledged_before(seed):
    """The journal need not say that the last write was committed: the new runner finds out first."""

    async def scenario():
        browser = Browser(seed)
        tab = browser.open_tab()
        doc = await tab.join_room("kanban", initial=[])
        await doc.patch([{"op": "add", "path": "/-", "value": 1}])
        tab.kill()
        joins = []
        for _ in range(30):
            joins.append(asyncio.ensure_future(browser.open_tab().join_room("kanban")))
            await asyncio.sleep(0.0005)
        assert [late.state for late in await asyncio.gather(*joins)] == [[1]] * 30

    run(scenario())


@pytest.mark.parametrize("seed", range(3))
def test_three_tabs_count_to_600(seed):
    """200 increments from each of three tabs at once end at 600 in every tab: none lost, none doubled."""

    async def scenario():
        browser = Browser(seed)
        docs = [await browser.open_tab().join_room("counter", initial={"n": 0}) for _ in range(3)]

        async def count(doc):
            for _ in range(200):
                await doc.update(lambda state: {"n": state["n"] + 1})

        await asyncio.gather(*map(count, docs))
        await settle()
        assert [doc.state for doc in docs] == [{"n": 600}] * 3

    run(scenario())


def test_a_room_outlives_its_tabs():
    """All tabs closed and one opened again: the document is there."""

    async def scenario():
        browser = Browser()
        docs = [await browser.open_tab().join_room("kanban", initial=[]) for _ in range(2)]
        await docs[1].patch([{"op": "add", "path": "/-", "value": "milk"}])
        for doc in docs:
            await doc.close()
        assert browser.locks.held_names("") == []
        assert (await browser.open_tab().join_room("kanban")).state == ["milk"]

    run(scenario())


def test_a_room_outlives_its_browser():
    """Every acknowledged write is there after the browser was killed."""

    async def scenario():
        browser = Browser()
        docs = [await browser.open_tab().join_room("kanban", initial=[]) for _ in range(2)]
        for number in range(10):
            await docs[number % 2].patch([{"op": "add", "path": "/-", "value": number}])
        browser.kill()
        assert (await browser.open_tab().join_room("kanban")).state == list(range(10))

    run(scenario())


def test_rooms_are_apart():
    """Neither names nor storages mix, however alike they look."""

    async def scenario():
        browser = Browser()
        docs = [
            await browser.open_tab().join_room("a", initial=1),
            await browser.open_tab().join_room("a:b", initial=2),
            await browser.open_tab().join_room("a", initial=3, storage="memory"),
        ]
        await asyncio.sleep(3)
        assert [doc.state for doc in docs] == [1, 2, 3]
        assert [len(doc.status()["tabs"]) for doc in docs] == [1, 1, 1]

    run(scenario())


def test_joining_again_in_one_page_shares_the_connection():
    """Two handles, one connection: closing one leaves the other at work."""

    async def scenario():
        tab = Browser().open_tab()
        one, two = await asyncio.gather(tab.join_room("kanban", initial=[]), tab.join_room("kanban"))
        assert one.status()["tab"] == two.status()["tab"]
        await one.close()
        with pytest.raises(LocalProtocolError):
            await one.patch([{"op": "add", "path": "/-", "value": 1}])
        await two.patch([{"op": "add", "path": "/-", "value": 2}])
        assert two.state == [2]
        await two.close()
        await two.close()
        three = await tab.join_room("kanban")
        assert three.state == [2]

    run(scenario())


def test_joining_again_with_other_options_is_refused():
    """One connection cannot honour two sets of options."""

    async def scenario():
        tab = Browser().open_tab()
        doc = await tab.join_room("kanban")
        with pytest.raises(ConfigError, match="already"):
            await tab.join_room("kanban", voters=3)
        with pytest.raises(ConfigError, match="already"):
            await tab.join_room("kanban", storage="memory")
        await doc.patch([{"op": "add", "path": "/n", "value": 1}])

    run(scenario())


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("", {}, BadArgumentError),
        (None, {}, BadArgumentError),
        (b"kanban", {}, BadArgumentError),
        ("x" * 257, {}, BadArgumentError),
        ("\ud800", {}, BadArgumentError),
        ("kanban", {"initial": {1, 2}}, BadArgumentError),
        ("kanban", {"initial": float("nan")}, BadArgumentError),
        ("kanban", {"voters": 0}, ConfigError),
        ("kanban", {"voters": 10}, ConfigError),
        ("kanban", {"voters": True}, ConfigError),
        ("kanban", {"voters": "5"}, ConfigError),
        ("kanban", {"storage": "disk"}, ConfigError),
        ("kanban", {"storage": None}, ConfigError),
        ("kanban", {"signaling": ["wss://example.org"]}, ConfigError),
        ("kanban", {"secret": "s"}, ConfigError),
    ],
)
def test_what_cannot_be_is_refused_before_anything_happens(name, options, error):
    """A wrong name or option is a clear error, also a ValueError, and leaves no trace."""

    async def scenario():
        browser = Browser()
        with pytest.raises(error) as caught:
            await browser.open_tab().join_room(name, **options)
        assert isinstance(caught.value, ValueError)
        await settle()
        assert not browser.journals
        assert browser.locks.held_names("") == []

    run(scenario())


def test_without_web_locks_the_error_says_how_to_get_them():
    """They are missing on insecure origins: the error names https and localhost."""

    async def scenario():
        browser = Browser()
        browser.has_locks = False
        for storage in ("indexeddb", "memory"):
            with pytest.raises(ConfigError, match=r"https.*localhost"):
                await browser.open_tab().join_room("kanban", storage=storage)

    run(scenario())


def test_without_indexed_db_only_memory_will_do():
    """StorageError unless memory was asked for: nobody loses data by surprise."""

    async def scenario():
        browser = Browser()
        browser.has_journals = False
        with pytest.raises(StorageError, match="memory"):
            await browser.open_tab().join_room("kanban")
        doc = await browser.open_tab().join_room("kanban", initial=1, storage="memory")
        assert doc.state == 1
        assert doc.status()["storage"] == "memory"

    run(scenario())


def test_outside_of_a_browser_the_error_names_what_works_there():
    """In CPython a process takes part through RaftInterface."""
    with pytest.raises(ConfigError, match="RaftInterface"):
        asyncio.run(room.join_room("kanban"))


def test_a_store_that_fails_fails_the_join_and_leaves_nothing_behind():
    """The error is the store's own, and the next join may succeed."""

    async def scenario():
        browser = Browser()
        first = await browser.open_tab().join_room("kanban", initial=1)
        await first.close()
        browser.journals["kanban"].fail_next(StorageError("the disk is full"))
        tab = browser.open_tab()
        with pytest.raises(StorageError, match="disk is full"):
            await tab.join_room("kanban")
        await settle()
        assert browser.locks.held_names("") == []
        assert (await tab.join_room("kanban")).state == 1

    run(scenario())


def test_a_join_that_is_given_up_leaves_nothing_behind():
    """Cancelling it closes the connection, if no other handle wants it."""

    async def scenario():
        browser = Browser()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(browser.open_tab().join_room("kanban"), 0.001)
        await settle()
        assert browser.locks.held_names("") == []

    run(scenario())


def test_closing_lets_go_of_everything_at_once():
    """The next tab takes over in no time, and the closed one stays readable and quiet."""

    async def scenario():
        browser = Browser()
        first, second = [await browser.open_tab().join_room("kanban", initial=[]) for _ in range(2)]
        pending = asyncio.ensure_future(first.patch([{"op": "add", "path": "/-", "value": 1}]))
        await asyncio.sleep(0)
        await first.close()
        with contextlib.suppress(OutcomeUnknownError):
            await pending
        before = asyncio.get_running_loop().time()
        await second.patch([{"op": "add", "path": "/-", "value": 2}])
        assert asyncio.get_running_loop().time() - before < 0.06
        await first.close()
        assert first.state in ([], [1])
        assert first.status()["tabs"] == []
        with pytest.raises(LocalProtocolError):
            await first.read()

    run(scenario())


def test_rooms_are_listed_and_deleted():
    """A deleted room is gone from the list, the store and localStorage, and ends in all its tabs."""

    async def scenario():
        browser = Browser()
        tab, other, third = browser.open_tab(), browser.open_tab(), browser.open_tab()
        doc = await tab.join_room("kanban", initial=[1])
        errors = []
        doc.listen("error", errors.append)
        await (await other.join_room("notes")).close()
        await asyncio.sleep(2)
        assert await other.page.list_rooms() == ["kanban", "notes"]
        await third.page.delete_room("kanban")
        await settle()
        assert await other.page.list_rooms() == ["notes"]
        assert "webraft:room:kanban" not in browser.mirror
        assert doc.state == [1]
        assert len(errors) == 1
        with pytest.raises(LocalProtocolError):
            await doc.patch([])
        assert (await tab.join_room("kanban", initial=[2])).state == [2]

    run(scenario())


@pytest.mark.parametrize("seed", range(10))
def test_leaving_takes_the_whole_browser_out(seed):
    """The room ends in all tabs of this browser, and is forgotten there: no tab begins it anew."""

    async def scenario():
        browser = Browser(seed)
        docs = [await browser.open_tab().join_room("kanban", initial=[1]) for _ in range(3)]
        await docs[0].leave_room()
        await asyncio.sleep(3)
        assert not browser.journals
        assert browser.locks.held_names("") == []
        for doc in docs:
            with pytest.raises(LocalProtocolError):
                await doc.read()

    run(scenario())


@pytest.mark.parametrize("asker", [0, 1])
def test_recovery_mints_a_new_cluster_with_the_same_document(asker):
    """Whichever tab asks: a new cluster id, the same document, and all tabs go on in it."""

    async def scenario():
        browser = Browser()
        docs = [await browser.open_tab().join_room("kanban", initial=[]) for _ in range(2)]
        await docs[1].patch([{"op": "add", "path": "/-", "value": 1}])
        before = docs[asker].invite_link()
        await docs[asker].recover()
        assert docs[asker].invite_link() != before
        await docs[0].patch([{"op": "add", "path": "/-", "value": 2}])
        await docs[1].patch([{"op": "add", "path": "/-", "value": 3}])
        await settle()
        assert [doc.state for doc in docs] == [[1, 2, 3]] * 2
        browser.kill()
        assert (await browser.open_tab().join_room("kanban")).state == [1, 2, 3]

    run(scenario())


def test_a_write_that_no_server_took_certainly_has_no_effect():
    """At its timeout it says so: nobody serves while the page is away, nor while its store does not open."""

    async def scenario():
        browser = Browser()
        tab, heir = browser.open_tab(), browser.open_tab()
        await tab.join_room("kanban", initial=[])
        doc = await heir.join_room("kanban")
        patch = [{"op": "add", "path": "/-", "value": 1}]
        await doc.patch(patch)
        heir.navigate_away()
        away = asyncio.create_task(doc.patch(patch, timeout=500))
        await asyncio.sleep(1)
        heir.navigate_back()
        with pytest.raises(NotLeaderError):
            await away
        heir.open_journal = lambda name, done: None
        tab.kill()
        await settle()
        with pytest.raises(NotLeaderError):
            await doc.patch(patch, timeout=500)
        assert doc.state == [1]

    run(scenario())
