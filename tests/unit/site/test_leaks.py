"""A page that lives for long: what Python keeps does not grow with writes, nor with joining and leaving.

The Python side alone, in simulated tabs; `tests/tabs/test_leaks.py` counts in a real page, where
JavaScript's side grows as well.
"""

import asyncio
import gc
import tracemalloc
from collections import Counter
from functools import partial
from types import CoroutineType, FunctionType, MethodType

from webraft_web import BroadcastChannelNode, RaftInterface
from webraft_web.site import runner as runner_module
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser

BYTES_PER_WRITE = 32
"""Less than a number and its place in a list take: whoever keeps one of each write keeps more. What is
counted here, and timers that were set anew and have not come yet, take up to 20."""


def holdings():
    """Return how many objects of each class of the package, callbacks, tasks and wake-ups there are."""
    gc.collect()
    objects = gc.get_objects()
    counts = Counter(
        f"{type(one).__module__}.{type(one).__name__}"
        for one in objects
        if str(type(one).__module__).startswith("webraft_web")  # a class in C may have none
    )
    for kind in (FunctionType, MethodType, partial, CoroutineType, asyncio.Handle, asyncio.Future):
        counts[kind.__name__] = sum(isinstance(one, kind) for one in objects)
    counts["tasks"] = len(asyncio.all_tasks())
    counts["wake-ups"] = len(asyncio.get_running_loop()._scheduled)
    return counts


async def write(docs, count):
    for number in range(count):
        await docs[number % len(docs)].patch([{"op": "replace", "path": "/n", "value": number}])
    await asyncio.gather(*(doc.read() for doc in docs))


async def come_and_go(tabs, count):
    """Join and leave in all ways, and in turns as the one that runs the server."""
    for number in range(count):
        docs = [await tab.join_room("room", initial={"n": 0}) for tab in tabs]
        again = await tabs[0].join_room("room")
        async with again:
            again.listen("updated", docs.append)
        del again
        stream = docs[0].changes()
        first, last = docs[number % 2], docs[1 - number % 2]
        await first.close()
        await last.patch([{"op": "add", "path": "/n", "value": number}])
        await last.close()
        assert [state async for state in stream] == []
        gone = await tabs[0].join_room(f"gone{number % 3}")
        await gone.leave_room()
        del docs, first, last, stream, gone


async def use(tabs, writes, joins):
    docs = [await tab.join_room("room", initial={"n": 0}) for tab in tabs]
    await write(docs, writes)
    for doc in docs:
        await doc.close()
    del doc, docs
    await come_and_go(tabs, joins)
    await asyncio.sleep(40)  # what was set for later comes, and finds nothing to do
    return holdings()


def test_nothing_is_left_of_writes_and_joins():
    """Two pages hold the same after a first short use and after a long one."""

    async def scenario():
        browser = Browser()
        tabs = [browser.open_tab() for _ in range(2)]
        await use(tabs, 30, 3)
        first = await use(tabs, 30, 3)
        assert await use(tabs, 1000, 30) - first == {}

    run(scenario())


async def write_until_compacted(tab, docs, times):
    """Write until the log was cut so often; return what is held at that moment."""
    raft = tab.page._rooms["room"].connection._runner._driver.raft
    for _ in range(times):
        base = raft.log.first_index
        while raft.log.first_index == base:
            await write(docs, 20)
    held = holdings()
    del held["wake-ups"], held["Handle"]  # heartbeats, and what is under way
    return held, tracemalloc.get_traced_memory()[0]


def test_an_open_room_holds_the_same_after_each_compaction(monkeypatch):
    """Two pages that write for long: neither objects nor bytes grow from one compaction to the next."""
    monkeypatch.setattr(runner_module, "COMPACT_AFTER", 100)

    async def scenario():
        browser = Browser()
        tabs = [browser.open_tab() for _ in range(2)]
        docs = [await tab.join_room("room", initial={"n": 0}) for tab in tabs]
        await write_until_compacted(tabs[0], docs, 4)
        first, first_size = await write_until_compacted(tabs[0], docs, 8)
        last, last_size = await write_until_compacted(tabs[0], docs, 12)
        assert last - first == {}
        assert last_size - first_size < 1200 * BYTES_PER_WRITE

    tracemalloc.start()
    try:
        run(scenario())
    finally:
        tracemalloc.stop()


class TabRaft(RaftInterface):
    def __init__(self, *args, hub, **kwargs):
        self.hub = hub
        super().__init__(*args, **kwargs)

    def create_instance(self, address):
        return BroadcastChannelNode(address, self, open_transport=self.hub.open)


class Hub:
    """A channel in memory, and the ends that are open."""

    def __init__(self):
        self.ends = {}

    def open(self, _name, address, on_text):
        self.ends[address] = end = End(self, address, on_text)
        return end


class End:
    def __init__(self, hub, address, on_text):
        self.hub, self.address, self.on_text = hub, address, on_text

    def send(self, address, text):
        if address in self.hub.ends:
            asyncio.get_running_loop().call_soon(self.hub.ends[address].on_text, self.address, text)

    def close(self):
        del self.hub.ends[self.address]


def test_nothing_is_left_of_closed_servers():
    """Servers on a channel, opened and closed again and again: no end, timer or object stays behind."""

    async def scenario():
        hub = Hub()

        async def use(count):
            for number in range(count):
                servers = [TabRaft(address, members=["one", "two"], hub=hub) for address in ("one", "two")]
                await servers[number % 2].propose(number)
                for server in servers:
                    await server.close()
                del servers, server
            await asyncio.sleep(40)
            assert hub.ends == {}
            return holdings()

        await use(3)
        first = await use(3)
        assert await use(30) - first == {}

    run(scenario())


def test_a_read_that_is_asked_in_vain_for_hours_keeps_no_more_and_more():
    """A tab whose words are lost asks its runner again and again; one answer will do."""

    async def scenario():
        browser = Browser()
        await browser.open_tab().join_room("room")
        doc = await browser.open_tab().join_room("room")
        browser.loses = lambda _tab, text: '"read"' in text[:60]
        reading = asyncio.create_task(doc.read())
        await asyncio.sleep(1000)
        before = holdings()
        await asyncio.sleep(3600)
        assert not (holdings() - before)["partial"]
        browser.loses = lambda _tab, _text: False
        await reading

    run(scenario())
