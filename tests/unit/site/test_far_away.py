"""Rooms whose browsers are far from each other, or whose disks are slow: all takes longer, and works."""

import asyncio

import pytest

from tests.unit.site.rooms import append, open_room, settle
from tests.unit.site.test_browsers import World, together
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser, Tab


@pytest.mark.parametrize("latency_s", [0.3, 0.4, 1.5, 3])
def test_a_second_browser_joins_and_reads_from_far_away(latency_s, monkeypatch):
    """An answer that takes longer than the wait before asking again is an answer all the same."""

    async def scenario():
        world = World(2)
        monkeypatch.setattr(world.internet.random, "uniform", lambda _shortest, longest: longest)
        world.internet.latency_s = latency_s
        docs = [(await asyncio.wait_for(world.join(number), 120))[1] for number in range(2)]
        await together(world, docs)
        term = docs[0].status()["term"]
        for number, doc in enumerate(docs):
            await asyncio.wait_for(doc.patch(append(number)), 60)
            assert await asyncio.wait_for(doc.read(), 60) == list(range(number + 1))
        assert docs[0].status()["term"] == term

    run(scenario())


@pytest.mark.parametrize("delay_s", [0.6, 3])
def test_reads_are_served_where_the_disk_is_slow(delay_s, monkeypatch):
    """Every read round waits for the disk, in the tab that runs the server and in the others."""

    async def scenario():
        _, docs = await open_room(Browser(), 2)
        happen = Tab.happen

        def happens_late(tab, callback, *arguments, source=None):
            delay = delay_s if source == "journal" else 0
            asyncio.get_running_loop().call_later(
                delay, lambda: happen(tab, callback, *arguments, source=source)
            )

        await docs[0].patch(append(0))
        await settle()
        monkeypatch.setattr(Tab, "happen", happens_late)
        for number, doc in enumerate(docs, 1):
            await asyncio.wait_for(doc.patch(append(number)), 60)
            assert await asyncio.wait_for(doc.read(), 60) == list(range(number + 1))

    run(scenario())
