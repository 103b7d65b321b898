"""A room whose cluster becomes another one under its tabs: nothing meant for the one reaches the other."""

import asyncio
from urllib.parse import parse_qs

import pytest

from tests.unit.site.rooms import append, open_room, settle
from tests.unit.site.test_browsers import World, together
from webraft_web.core.errors import LocalProtocolError, OutcomeUnknownError
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser


def cluster_of(doc):
    return parse_qs(doc.invite_link().partition("#")[2])["cluster"][0]


async def begin_apart(initial, seed=1):
    """Two tabs of one browser and one of another begin a room, and do not meet yet."""
    world = World(2, seed)
    world.internet.cut(*world.browsers)
    pages, docs = zip(*[await world.join(number, initial=initial) for number in (0, 0, 1)], strict=True)
    return world, pages, docs


async def meet(world):
    """Let them find out that they do not agree."""
    world.internet.heal()
    await settle(5)


def lose_documents(browser, page):
    """Have every whole document get lost on its way to a page, until the returned function is called."""
    browser.loses = lambda tab, text: tab is page and '"document"' in text[:60]

    def end():
        browser.loses = lambda _tab, _text: False

    return end


@pytest.mark.parametrize("tab", [0, 1])
@pytest.mark.parametrize("delay_ms", range(0, 240, 20))
def test_an_update_amid_a_change_of_the_cluster_is_one_of_the_new_document(tab, delay_ms):
    """Both documents have the same version; the function sees one of them, whole."""

    async def scenario():
        world, _, docs = await begin_apart({"n": 0})
        await docs[0].patch([{"op": "replace", "path": "/n", "value": 1}])
        await docs[2].patch([{"op": "replace", "path": "/n", "value": 100}])
        await meet(world)
        yielding = asyncio.ensure_future(docs[0].yield_to(cluster_of(docs[2])))
        await settle(delay_ms / 1000)
        seen = []
        try:
            state = await docs[tab].update(lambda state: seen.append(dict(state)) or {"n": state["n"] + 1})
        except OutcomeUnknownError:
            state = None
        await yielding
        assert seen[-1] in ({"n": 1}, {"n": 100})
        assert all(one in ({"n": 1}, {"n": 100}) for one in seen)
        is_done = seen[-1] == {"n": 100}
        assert await docs[2].read() == {"n": 101 if is_done else 100}
        assert state in (([{"n": 101}]) if is_done else ({"n": 2}, None))

    run(scenario())


def test_a_command_for_the_former_cluster_is_not_appended_to_the_present_one():
    """A tab that missed the change numbers its commands as another one does in the new cluster."""

    async def scenario():
        world, pages, docs = await begin_apart([])
        await docs[1].patch(append("given up"))
        await docs[2].patch(append("kept"))
        await meet(world)
        find_it = lose_documents(world.browsers[0], pages[1])
        await docs[0].yield_to(cluster_of(docs[2]))
        writing = asyncio.ensure_future(docs[1].patch(append("late")))
        await settle(1)
        assert docs[1].state == ["given up"]
        await docs[2].patch(append("more"))
        assert await docs[2].read() == ["kept", "more"]
        find_it()
        await writing
        assert await docs[2].read() == ["kept", "more", "late"]

    run(scenario())


def test_a_read_is_not_served_from_a_copy_of_the_former_cluster():
    """The new cluster's index says nothing about it, high as it is: the read waits for the new document."""

    async def scenario():
        world, pages, docs = await begin_apart([])
        for number in range(10):
            await docs[0].patch(append(number))
        await docs[2].patch(append("kept"))
        await meet(world)
        find_it = lose_documents(world.browsers[0], pages[1])
        await docs[0].yield_to(cluster_of(docs[2]))
        reading = asyncio.ensure_future(docs[1].read())
        await settle(1)
        assert not reading.done()
        find_it()
        assert await asyncio.wait_for(reading, 1) == ["kept"]

    run(scenario())


def test_a_handle_on_a_deleted_room_does_no_harm_to_the_one_that_was_begun_in_its_place():
    """It is as good as closed, and says why: nothing is asked of the page's new connection."""

    async def scenario():
        pages, docs = await open_room(Browser(), 2)
        await docs[0].patch(append("old"))
        await pages[1].page.delete_room("room")
        await settle()
        again = await pages[0].join_room("room", initial=[])
        await again.patch(append("new"))
        assert [state async for state in docs[0].changes()] == []
        for call in (docs[0].leave_room(), docs[0].recover(), docs[0].yield_to("other")):
            with pytest.raises(LocalProtocolError, match="'room' was deleted in this browser; join"):
                await call
        await settle(2)
        assert await again.read() == ["new"]

    run(scenario())


def test_leaving_does_not_delete_a_room_that_was_deleted_meanwhile():
    """It waits for a leader in vain; whatever was begun under that name since is left alone."""

    async def scenario():
        world = World(2)
        (_, one), (page, _), (_, other) = [await world.join(number) for number in (0, 0, 1)]
        await together(world, [one, other])
        world.browsers[1].kill()
        leaving = asyncio.ensure_future(one.leave_room())
        await settle()
        await page.page.delete_room("room")
        with pytest.raises(OutcomeUnknownError, match="'room' was deleted"):
            await leaving

    run(scenario())
