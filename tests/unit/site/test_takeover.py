"""What befalls the tab that runs the server, and what the others make of it: nothing acknowledged is lost."""

import asyncio

import pytest

from tests.unit.site.rooms import Writer, append, check, open_room, settle
from webraft_web.core.errors import FencedError
from webraft_web.site.protocol import Entries, decode
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser


@pytest.mark.parametrize("part", range(8))
def test_the_runner_may_be_killed_at_any_step(part):
    """Whatever it was about to do: the others go on, with every acknowledged write, each once."""

    async def scenario(step):
        browser = Browser(step)
        tabs, docs = await open_room(browser, 3)
        tabs[0].kill_at = tabs[0].steps + step
        writers = [Writer(doc, name) for doc, name in zip(docs, "abc", strict=True)]
        await settle(0.15)
        for writer in writers:
            await writer.stop()
        await settle()
        assert (tabs[0] in browser.tabs) == (tabs[0].steps < tabs[0].kill_at)
        check([doc.state for doc in docs[1:]], writers)
        assert all(writer.longest_gap < 0.06 for writer in writers[1:])
        browser.kill()
        check([(await browser.open_tab().join_room("room")).state], writers)

    for step in range(1 + part, 96, 8):
        run(scenario(step))


@pytest.mark.parametrize("part", range(4))
def test_a_tab_may_be_killed_at_any_step_of_founding(part):
    """A room whose founder dies half-way exists in full or not at all: the next one finds or founds it."""

    async def scenario(step):
        browser = Browser(step)
        tab = browser.open_tab()
        tab.kill_at = step
        founding = asyncio.ensure_future(tab.join_room("room", initial=["first"]))
        await settle()
        if founding.done():
            assert tab in browser.tabs or founding.result().state == ["first"]
        founding.cancel()
        await asyncio.gather(founding, return_exceptions=True)
        doc = await browser.open_tab().join_room("room", initial=["second"])
        assert doc.state in (["first"], ["second"])
        await doc.patch(append(1))
        browser.kill()
        again = await browser.open_tab().join_room("room", initial=["third"])
        assert again.state == doc.state

    for step in range(1 + part, 40, 4):
        run(scenario(step))


@pytest.mark.parametrize("seed", range(4))
def test_tabs_may_come_and_go_all_the_time(seed):
    """Runners are killed, frozen, hung and closed in turn, under writes from all tabs."""

    async def scenario():
        browser = Browser(seed)
        doc = await browser.open_tab().join_room("room", initial=[])
        writers = []
        for number in range(12):
            tab = browser.open_tab()
            doc = await tab.join_room("room")
            writers.append(Writer(doc, f"w{number}.", pause=0.05))
            await settle(browser.random.uniform(0, 0.5))
            victim = browser.random.choice(browser.tabs[:3])
            accident = browser.random.choice(["kill", "freeze", "hang", "navigate_away"])
            if victim is not tab:
                getattr(victim, accident)()
        await settle(2)
        for writer in writers:
            await writer.stop()
        late = await browser.open_tab().join_room("room")
        assert sum(len(writer.acknowledged) for writer in writers) > 100
        check([late.state], writers)

    run(scenario())


@pytest.mark.parametrize("accident", ["freeze", "navigate_away"])
def test_a_runner_that_falls_asleep_lets_go_at_once(accident):
    """Nobody waits for the silence: the tab was told, and released the lock."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2)
        writer = Writer(docs[1], "b")
        await settle()
        getattr(tabs[0], accident)()
        await settle(0.5)
        assert writer.longest_gap < 0.06
        {"freeze": tabs[0].resume, "navigate_away": tabs[0].navigate_back}[accident]()
        await settle()
        assert docs[0].status()["role"] == "observer"
        await docs[0].patch(append("back"))
        await writer.stop()
        await settle()
        assert docs[0].state == docs[1].state

    run(scenario())


def test_a_frozen_tab_ignores_what_it_hears():
    """A frozen page still gets messages: it neither answers nor applies, and does not look alive."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 3)
        tabs[0].freeze()
        await docs[1].patch(append(1))
        await settle(3)
        steps = tabs[0].steps
        await docs[1].patch(append(2))
        assert docs[0].state == []
        assert tabs[0].steps == steps
        tabs[0].resume()
        await settle()
        assert docs[0].state == [1, 2]

    run(scenario())


def test_a_hung_runner_is_replaced_after_a_second_and_carries_its_writes_over():
    """Stolen from, it wakes up fenced: it says why, observes, and what it had pending is done once."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 3)
        errors, roles = [], []
        docs[0].listen("error", errors.append)
        docs[0].listen("follower", lambda: roles.append("follower"))
        writer = Writer(docs[1], "b")
        await settle()
        pending = asyncio.ensure_future(docs[0].patch(append("from the hung one")))
        await asyncio.sleep(0)
        tabs[0].hang()
        await settle(3)
        assert 0.9 < writer.longest_gap < 1.5
        assert sorted(doc.status()["role"] for doc in docs[1:]) == ["leader", "observer"]
        assert not pending.done()
        tabs[0].wake()
        await asyncio.wait_for(pending, 1)
        await writer.stop()
        await settle()
        assert docs[0].status()["role"] == "observer"
        assert docs[0].status()["runner"] == docs[1].status()["runner"]
        assert roles == ["follower"]
        assert len(errors) == 1
        assert isinstance(errors[0], FencedError)
        assert "took over" in str(errors[0])
        assert docs[0].state.count("from the hung one") == 1
        assert docs[0].state == docs[1].state == docs[2].state

    run(scenario())


def test_a_runner_alone_may_block_as_long_as_it_likes():
    """Nobody takes over, nothing is lost, it just goes on."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 1)
        errors = []
        docs[0].listen("error", errors.append)
        tabs[0].hang()
        pending = asyncio.ensure_future(docs[0].patch(append(1)))
        await settle(30)
        tabs[0].wake()
        await asyncio.wait_for(pending, 1)
        assert docs[0].state == [1]
        assert docs[0].status()["role"] == "leader"
        assert not errors

    run(scenario())


def test_a_zombie_confirms_no_stale_read():
    """Its read was asked before it hung; by the time it is confirmed, others have written."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 3)
        tabs[0].hang()
        await docs[1].patch(append("newer"))
        # The zombie wakes, and is asked to read before it has heard of anything.
        reading = asyncio.ensure_future(docs[0].read())
        await asyncio.sleep(0)
        tabs[0].wake()
        assert await asyncio.wait_for(reading, 5) == ["newer"]

    run(scenario())


def test_a_zombie_that_never_lost_its_lock_is_stopped_by_the_journal():
    """Without a word from the lock manager: the journal alone tells it, and nothing it wrote counts."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2)
        errors = []
        docs[0].listen("error", errors.append)
        # As WebKit may: the lock is gone, and nobody says so.
        browser.loses = lambda _tab, _text: True
        browser.locks.release_all(tabs[0])
        await settle()
        assert docs[0].status()["role"] == docs[1].status()["role"] == "leader"
        pending = asyncio.ensure_future(docs[0].patch(append("by the zombie")))
        await settle()
        assert docs[0].status()["role"] == "observer"
        assert isinstance(errors[0], FencedError)
        assert docs[1].state == []
        browser.loses = lambda _tab, _text: False
        await asyncio.wait_for(pending, 3)
        await settle()
        assert docs[0].state == docs[1].state == ["by the zombie"]

    run(scenario())


def test_an_idle_zombie_hears_its_successor_and_stops():
    """It has nothing to write that the journal could refuse, but it must not pass for the runner."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2)
        browser.locks.release_all(tabs[0])
        await settle()
        assert [doc.status()["role"] for doc in docs] == ["observer", "leader"]

    run(scenario())


def test_a_tab_that_slept_through_a_new_beginning_follows_it():
    """The room was deleted and founded anew meanwhile: as its runner the tab serves what the store holds."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 1)
        for number in range(10):
            await docs[0].patch(append(number))
        tabs[0].freeze()
        other = browser.open_tab()
        await other.page.delete_room("room")
        await other.join_room("room", initial=["new"])
        other.kill()
        tabs[0].resume()
        await settle()
        assert docs[0].state == ["new"]
        await docs[0].patch(append("next"))
        assert docs[0].state == ["new", "next"]

    run(scenario())


@pytest.mark.parametrize("seed", range(3))
def test_lost_texts_are_made_good(seed):
    """One text in five is lost on its way: copies fill their gaps, commands are sent again, once each."""

    async def scenario():
        browser = Browser(seed)
        _, docs = await open_room(browser, 3)
        chance = browser.random.random
        browser.loses = lambda _tab, _text: chance() < 0.2
        writers = [Writer(doc, name, pause=0.02) for doc, name in zip(docs, "abc", strict=True)]
        await settle(20)
        for writer in writers:
            await writer.stop()
        browser.loses = lambda _tab, _text: False
        await settle(2)
        check([doc.state for doc in docs], writers)
        assert all(len(writer.acknowledged) > 5 for writer in writers)

    run(scenario())


def test_a_lost_last_broadcast_is_noticed_at_the_next_heartbeat():
    """No later entry shows the gap, but the heartbeat says how far the log is committed."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2)

        def is_feed(tab, text):
            return tab is tabs[1] and isinstance(decode(text, "").content, Entries)

        browser.loses = lambda tab, text: text.startswith("\n") and is_feed(tab, text)
        await docs[0].patch(append(1))
        await settle(0.05)
        assert docs[1].state == []
        await settle(0.4)
        assert docs[1].state == [1]

    run(scenario())


def test_a_tab_that_lacks_a_lot_gets_the_document():
    """After a long sleep the whole document is sooner there than all its changes, compacted or not."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2)
        tabs[1].freeze()
        await asyncio.gather(*[docs[0].patch(append(number)) for number in range(3000)])
        documents = []
        browser.loses = lambda _tab, text: bool('"document"' in text[:60] and documents.append(text))
        tabs[1].resume()
        await settle()
        assert docs[1].state == docs[0].state
        assert len(docs[1].state) == 3000
        assert len(documents) == 1

    run(scenario())


def test_compaction_bounds_the_journal_and_loses_nothing():
    """More than a log keeps, 16 MB of it, and across takeovers: the document comes back whole."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2)
        value = ["x" * 40_000]
        for number in range(400):
            await docs[number % 2].patch([{"op": "replace", "path": "", "value": value}])
        await docs[1].patch(append("last"))
        tabs[0].kill()
        await docs[1].patch(append("after"))
        size = sum(map(len, browser.journals["room"].records.values()))
        assert size < 6_000_000
        browser.kill()
        late = await browser.open_tab().join_room("room")
        assert late.state == [*value, "last", "after"]

    run(scenario())


@pytest.mark.parametrize("comes", ["before", "soon", "later"])
def test_a_runner_that_is_hidden_for_long_makes_way_for_a_tab_that_is_looked_at(comes):
    """Whichever of them comes first in the queue, and with a word of complaint to nobody."""

    async def scenario():
        browser = Browser()
        tabs = [browser.open_tab(is_visible=number == 0) for number in range(4)]
        docs = [await tab.join_room("room", initial=[]) for tab in tabs]
        errors = []
        for doc in docs:
            doc.listen("error", errors.append)
        writer = Writer(docs[1], "b")
        if comes == "before":
            tabs[2].show()
        await settle(1)
        tabs[0].hide()
        await settle(1)
        if comes == "soon":
            tabs[2].show()
        await settle(1)
        assert docs[0].status()["role"] == "leader"  # people go to and fro
        await settle(3.2)
        if comes == "later":
            await settle(60)
            assert docs[0].status()["role"] == "leader"
            tabs[2].show()
            await settle(0.2)
        assert [doc.status()["role"] for doc in docs] == ["observer", "observer", "leader", "observer"]
        assert writer.longest_gap < 0.06
        assert not errors
        takeovers = [text for text in browser.journals["room"].records.values() if "takeover" in text]
        assert len(takeovers) == 2
        await writer.stop()
        await settle()
        check([doc.state for doc in docs], [writer])

    run(scenario())


def test_a_runner_that_is_soon_looked_at_again_stays():
    """Whoever switches tabs for a moment moves nothing."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2)
        for _ in range(10):
            tabs[0].hide()
            await settle(4)
            tabs[0].show()
            await settle(4)
        assert docs[0].status()["role"] == "leader"

    run(scenario())


def test_a_hidden_tab_that_comes_to_run_the_server_makes_way_at_once():
    """The lock went to the next in the queue, who has been hidden for long."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 3)
        tabs[1].hide()
        await settle(10)
        tabs[0].kill()
        await settle(0.2)
        assert [doc.status()["role"] for doc in docs[1:]] == ["observer", "leader"]

    run(scenario())


def test_an_offer_that_nobody_takes_costs_nothing():
    """The tab that was offered the lock hangs: the runner serves on, and offers it to another later."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 3)
        writer = Writer(docs[0], "a", pause=0.05)
        browser.loses = lambda _tab, text: '"offer"' in text
        tabs[0].hide()
        await settle(9)
        assert docs[0].status()["role"] == "leader"
        browser.loses = lambda _tab, _text: False
        await settle(3)
        assert docs[0].status()["role"] == "observer"
        assert writer.longest_gap < 0.06
        await writer.stop()

    run(scenario())


def test_in_memory_a_hidden_runner_stays():
    """Whoever took over would go on from what it has seen, which may lack what others were told is done."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2, storage="memory")
        tabs[0].hide()
        await settle(30)
        assert docs[0].status()["role"] == "leader"

    run(scenario())


def test_a_tab_that_got_the_lock_while_it_was_blocked_complains_of_nothing():
    """It never ran anything: by the time it wakes, another tab has taken over from it."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 3)
        errors = []
        docs[1].listen("error", errors.append)
        tabs[1].hang()
        pending = asyncio.ensure_future(docs[1].patch(append("pending")))
        tabs[0].kill()
        await settle(5)
        assert docs[2].status()["role"] == "leader"
        tabs[1].wake()
        await asyncio.wait_for(pending, 1)
        await settle(5)
        assert docs[2].status()["role"] == "leader"
        assert not errors

    run(scenario())
