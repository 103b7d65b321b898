"""Rooms across simulated browsers under accidents from a seed: what their users see stays linearizable."""

import asyncio
from itertools import count
from random import Random

import pytest

from tests.histories.operation import Operation
from tests.histories.recorder import History
from tests.histories.visitor import visit
from tests.unit.site.test_browsers import OPTIONS, World, until
from webraft_web.core.errors import FencedError, OutcomeUnknownError
from webraft_web.testing import run

TABS = 2
OPTIONS_HERE = {**OPTIONS, "initial": {}}
KINDS = ("kill tab", "kill browser", "freeze", "hang", "navigate", "cut", "heal", "leave")


class Torment:
    """Some browsers with tabs that are used, and what befalls them."""

    def __init__(self, browsers, seed):
        self.chance = Random(seed)
        self.world = World(browsers, seed)
        self.records, self.errors = [], []
        self.open = {}
        self._visits = {}
        self._entering = []
        self._number = count()
        self._now = count().__next__

    async def enter(self, browser, tab=None):
        """Join in a tab of a browser, and use the room in it for as long as it lives."""
        tab = tab or self.world.browsers[browser].open_tab()
        self.open[tab] = (browser, None)
        doc = await tab.join_room("room", **OPTIONS_HERE)
        doc.listen("error", self.hear_error)
        self.open[tab] = (browser, doc)

        async def rest():
            await asyncio.sleep(self.chance.uniform(0, 0.2))

        name = f"tab{next(self._number)}"
        visiting = visit(doc, name, 10_000, self._now, self.records, seed=self.chance.random(), rest=rest)
        self._visits[tab] = asyncio.ensure_future(visiting)

    def hear_error(self, error):
        """Take takeovers and leaving for what they are; nothing else should go wrong."""
        if not isinstance(error, FencedError | OutcomeUnknownError):
            self.errors.append(error)

    async def leave(self, browser):
        """Have a browser leave in order, once all is well, and come again at once."""
        await self.all_is_well()
        tabs = [tab for tab in self.open if self.open[tab][0] == browser]
        docs = [self.open[tab][1] for tab in tabs]
        for tab in tabs:
            self._visits[tab].cancel()
        await self.chance.choice(docs).leave_room()
        await asyncio.wait_for(asyncio.gather(*[self.enter(browser, tab) for tab in tabs]), 60)

    async def befall(self, kind):
        """Let one accident happen, and end if it is one that passes."""
        tab = self.chance.choice(sorted(self.open, key=lambda tab: self.open[tab][0]))
        browser, _ = self.open[tab]
        if kind in {"kill tab", "kill browser"}:
            gone = [one for one in self.open if self.open[one][0] == browser]
            gone = gone if kind == "kill browser" else [tab]
            for one in gone:
                one.kill()
                del self.open[one]
            await asyncio.sleep(self.chance.uniform(0, 3))
            for _ in gone:
                self._entering.append(asyncio.ensure_future(self.enter(browser)))
        elif kind in {"freeze", "hang", "navigate"}:
            begin, end = {
                "freeze": ("freeze", "resume"),
                "hang": ("hang", "wake"),
                "navigate": ("navigate_away", "navigate_back"),
            }[kind]
            getattr(tab, begin)()
            await asyncio.sleep(self.chance.uniform(0.1, 8))
            if tab in self.open:
                getattr(tab, end)()
        elif kind == "cut":
            self.world.internet.cut(*self.chance.sample(self.world.browsers, 2))
        elif kind == "heal":
            self.world.internet.heal()
        elif kind == "leave":
            await self.leave(browser)

    async def all_is_well(self):
        """Heal what is cut, and wait until all tabs use the room and all browsers vote."""
        self.world.internet.heal()
        count = len(self.world.browsers)
        docs = lambda: [doc for _, doc in self.open.values()]  # noqa: E731
        await until(lambda: len(docs()) == TABS * count and None not in docs(), 60)
        await until(lambda: all(_votes(doc) == count for doc in docs()), 60)
        for doc in docs():
            begun = len(self.records)
            await asyncio.wait_for(doc.read(), 60)
            await until(lambda begun=begun: len(self.records) > begun + 20, 60)
        return docs()

    async def run(self, accidents):
        """Open the room everywhere, torment it, and see that all is well in the end."""
        browsers = range(len(self.world.browsers))
        for browser in browsers:
            for _ in range(TABS):
                await self.enter(browser)
        for _ in range(accidents):
            await asyncio.sleep(self.chance.uniform(0, 2))
            await self.befall(self.chance.choice(KINDS))
        docs = await self.all_is_well()
        unfinished = [*self._visits.values(), *self._entering]  # a tab that was killed joins for ever
        for one in unfinished:
            one.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await asyncio.sleep(1)
        states = [await doc.read() for doc in docs]
        assert states == [states[0]] * len(states)

    def history(self):
        history = History("document")
        for one in self.records:
            history.add(Operation(**one))
        return history


def _votes(doc):
    return sum(rights == "voter" for rights in doc.status()["members"].values())


def torment(browsers, seed, accidents):
    """Torment a room, and check what was seen; returns how much that was."""
    room = Torment(browsers, seed)
    run(room.run(accidents))
    history = room.history()
    result = history.check()
    assert result.is_linearizable, result
    assert room.errors == []
    return len(history.operations)


@pytest.mark.parametrize("browsers", [2, 3])
@pytest.mark.parametrize("seed", range(2))
def test_what_users_of_several_browsers_see_is_linearizable_under_accidents(browsers, seed):
    """Tabs and browsers die and come back, sleep, hang, and are cut off; in the end all is well again."""
    assert torment(browsers, seed, 12) > 200


@pytest.mark.long
@pytest.mark.parametrize("browsers", [2, 3, 5])
@pytest.mark.parametrize("seed", range(100, 103))
def test_what_users_see_is_linearizable_under_many_more_accidents(browsers, seed):
    """The same for longer, and with as many browsers as vote."""
    assert torment(browsers, seed, 40) > 1000
