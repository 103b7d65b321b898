"""What a runner says does not grow with the number of tabs that listen: one text for all of them.

The exact counts of its texts by kind; a tab's own questions and commands are answered one by one.
"""

import asyncio
import json
from collections import Counter

import pytest

from tests.unit.site.rooms import append, settle
from webraft_web.site import feeder as feeder_module
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser

MANY = 20


class CountingBrowser(Browser):
    """Counts the texts that each tab posts, by kind."""

    def __init__(self):
        super().__init__()
        self.posted = {}

    def broadcast(self, sender, text):
        tab = next(tab for tab in self.tabs if sender in tab.channels)
        kind = json.loads(text.partition("\n")[2])[2]
        self.posted.setdefault(tab, Counter())[kind] += 1
        super().broadcast(sender, text)

    def take(self, tab):
        """Return what `tab` has posted since the last time."""
        return dict(self.posted.pop(tab, {}))

    def lose_next(self, kind, at):
        """Lose the next text of a kind on its way to all tabs of `at`."""
        lost = set()

        def loses(tab, text):
            if tab not in at or tab in lost or json.loads(text.partition("\n")[2])[2] != kind:
                return False
            lost.add(tab)
            return True

        self.loses = loses


async def open_room(count):
    """Open a room in so many tabs at once; the first runs it, and has just given a sign of life."""
    browser = CountingBrowser()
    tabs = [browser.open_tab() for _ in range(count)]
    docs = [await tabs[0].join_room("room", initial=[])]
    docs += await asyncio.gather(*(tab.join_room("room") for tab in tabs[1:]))
    await settle(2)
    await until_beat(browser, tabs[0])
    return browser, tabs, docs


async def until_beat(browser, runner):
    """Return just after the next heartbeat, with all counts at zero."""
    browser.posted.clear()
    while not browser.posted.get(runner, {}).get("beat"):  # noqa: ASYNC110 - virtual time costs nothing
        await asyncio.sleep(0.001)
    browser.posted.clear()


def settled(docs):
    return len({doc.status()["last_applied"] for doc in docs}) == 1


@pytest.mark.parametrize("count", [2, MANY])
def test_a_quiet_room_costs_one_heartbeat_at_a_time(count):
    """For all tabs together, and nobody else says a word."""

    async def scenario():
        browser, (first, *others), _ = await open_room(count)
        await asyncio.sleep(1.99)
        assert browser.take(first) == {"beat": 9}
        assert [browser.take(tab) for tab in others] == [{}] * (count - 1)

    run(scenario())


@pytest.mark.parametrize("count", [2, MANY])
def test_a_write_is_told_to_all_tabs_in_one_text(count):
    """Thirty in a row by the runner, thirty by another tab, thirty at once: 61 batches, 61 texts."""

    async def scenario():
        browser, (first, second, *_), docs = await open_room(count)
        for doc in docs[:2]:
            await doc.patch(append("first"))  # which opens its session
        await until_beat(browser, first)
        for doc in docs[:2]:
            for number in range(30):
                await doc.patch(append(number))
        await asyncio.gather(*(docs[0].patch(append(number)) for number in range(30)))
        await settle(0.01)
        told = browser.take(first)
        assert told.pop("beat", 0) <= 1
        assert told == {"entries": 61}
        assert browser.take(second) == {"commands": 30}
        assert browser.posted == {}
        assert settled(docs)

    run(scenario())


@pytest.mark.parametrize("count", [2, MANY])
def test_writes_and_reads_of_many_tabs_cost_what_they_ask_for(count):
    """Each tab is answered its read; what they write travels to all in no more texts than they sent."""

    async def scenario():
        browser, (first, *others), docs = await open_room(count)
        await asyncio.gather(*(doc.read() for doc in docs))
        told = browser.take(first)
        assert told.pop("beat", 0) <= 1
        assert told == {"answer": count - 1}
        assert [browser.take(tab) for tab in others] == [{"read": 1}] * (count - 1)

        await asyncio.gather(*(doc.patch(append("first")) for doc in docs))
        await until_beat(browser, first)
        await asyncio.gather(*(doc.patch(append("second")) for doc in docs))
        told = browser.take(first)
        assert 1 <= told.pop("entries") <= count
        assert told.keys() <= {"beat"}
        assert [browser.take(tab) for tab in others] == [{"commands": 1}] * (count - 1)
        await settle()
        assert settled(docs)

    run(scenario())


@pytest.mark.parametrize("document_after", [0, 2000], ids=["document", "entries"])
@pytest.mark.parametrize("count", [2, MANY])
def test_what_all_tabs_have_lost_is_sent_once(count, document_after, monkeypatch):
    """They notice with the next write, and each asks once; one text brings all of them what they lack."""
    monkeypatch.setattr(feeder_module, "DOCUMENT_AFTER", document_after)

    async def scenario():
        browser, (first, *others), docs = await open_room(count)
        await docs[0].patch(append("opens its session"))
        await until_beat(browser, first)
        browser.lose_next("entries", others)
        await docs[0].patch(append("lost"))
        await docs[0].patch(append("shows it"))
        await settle(0.02)
        assert settled(docs)
        brought = {"entries": 3} if document_after else {"entries": 2, "document": 1}
        assert browser.take(first) == brought
        assert [browser.take(tab) for tab in others] == [{"need": 1}] * (count - 1)

    run(scenario())


def test_what_was_lost_last_is_noticed_with_the_next_heartbeat():
    """No later entry shows the gap, and one text fills it in all tabs."""

    async def scenario():
        browser, (first, *others), docs = await open_room(MANY)
        await docs[0].patch(append("opens its session"))
        await until_beat(browser, first)
        browser.lose_next("entries", others)
        await docs[0].patch(append("lost"))
        await settle(0.22)
        assert settled(docs)
        assert browser.take(first) == {"entries": 2, "beat": 1}
        assert [browser.take(tab) for tab in others] == [{"need": 1}] * (MANY - 1)

    run(scenario())


@pytest.mark.parametrize("newcomers", [1, MANY])
def test_a_newcomer_costs_two_signs_of_life_and_newcomers_share_a_document(newcomers):
    """One for it, one for all, who learn that it is here; the document goes to all that came with it."""

    async def scenario():
        browser, (first, *_), _ = await open_room(2)
        tabs = [browser.open_tab() for _ in range(newcomers)]
        docs = await asyncio.gather(*(tab.join_room("room") for tab in tabs))
        told = browser.take(first)
        assert newcomers <= told.pop("beat") <= 2 * newcomers
        assert told == {"document": 1}
        assert [browser.take(tab) for tab in tabs] == [{"hello": 1, "visible": 1}] * newcomers
        assert settled(docs)

    run(scenario())


@pytest.mark.parametrize("count", [2, MANY])
def test_a_new_cluster_is_brought_to_all_tabs_unasked(count):
    """After a forced recovery one document serves everybody."""

    async def scenario():
        browser, (first, *others), docs = await open_room(count)
        await docs[0].recover()
        await settle(0.05)
        told = browser.take(first)
        assert told.pop("document") == 1
        assert settled(docs)
        assert [browser.take(tab) for tab in others] == [{}] * (count - 1)
        assert len({doc.invite_link() for doc in docs}) == 1

    run(scenario())
