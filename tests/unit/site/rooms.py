"""Rooms in simulated tabs, as the tests of this folder use them."""

import asyncio


async def settle(seconds=0.1):
    await asyncio.sleep(seconds)


def append(value):
    return [{"op": "add", "path": "/-", "value": value}]


async def open_room(browser, count, **options):
    """Open a room in so many tabs; the first one runs it."""
    tabs = [browser.open_tab() for _ in range(count)]
    docs = [await tab.join_room("room", initial=[], **options) for tab in tabs]
    assert docs[0].status()["runner"] == docs[0].status()["tab"]
    return tabs, docs


class Writer:
    """Appends numbers of its own, one after the other, and keeps count of the acknowledged ones."""

    def __init__(self, doc, name, pause=0.0):
        self.doc = doc
        self.pause = pause
        self.name = name
        self.acknowledged = []
        self.longest_gap = 0.0
        self.began = 0.0
        self.task = asyncio.ensure_future(self.write())

    async def write(self):
        loop = asyncio.get_running_loop()
        number = 0
        while True:
            value = f"{self.name}{number}"
            self.began = loop.time()
            await self.doc.patch(append(value))
            self.note_gap()
            self.acknowledged.append(value)
            number += 1
            await asyncio.sleep(self.pause)

    def note_gap(self):
        self.longest_gap = max(self.longest_gap, asyncio.get_running_loop().time() - self.began)

    async def stop(self):
        """Stop in the middle of a write, which counts as a gap up to here."""
        self.note_gap()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def check(states, writers):
    """Every acknowledged write is there, none twice, each writer's in its order, everywhere alike."""
    assert all(state == states[0] for state in states)
    state = states[0]
    assert len(set(state)) == len(state)
    for writer in writers:
        own = [value for value in state if value.startswith(writer.name)]
        assert own == [f"{writer.name}{number}" for number in range(len(own))]
        # What was under way at the end may be there as well.
        assert own[: len(writer.acknowledged)] == writer.acknowledged
