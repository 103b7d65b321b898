"""Who runs the server: the lock, the silence and the steal."""

import asyncio

import pytest

from webraft_web.site.election import LOOK_AGAIN_MS, REFUSALS, RETRY_MS, SILENCE_MS, Election
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser


class Candidate:
    """A tab with an election, that gives signs of life while it holds the lock."""

    def __init__(self, tab, *, may_steal=True):
        self.tab = tab
        self.is_runner = False
        self.tenures = 0
        self.deposed = 0
        self.refusals = []
        self.channel = tab.open_channel("beats", lambda _: self.election.heard())
        self.timer = tab.clock.timer(self.beat)
        self.election = Election(
            tab,
            "room",
            may_steal=may_steal,
            on_elected=self.on_elected,
            on_deposed=self.on_deposed,
            on_refused=self.refusals.append,
        )
        self.election.start()

    def on_elected(self):
        self.is_runner = True
        self.tenures += 1
        self.beat()

    def on_deposed(self):
        self.is_runner = False
        self.deposed += 1
        self.election.start()

    def beat(self):
        if self.is_runner:
            self.channel.post("alive")
            self.timer.set(self.tab.clock.now_ms() + 200)


def candidates(browser, count, **options):
    return [Candidate(browser.open_tab(), **options) for _ in range(count)]


def runners(some):
    return [candidate for candidate in some if candidate.is_runner]


def test_one_of_several_tabs_is_elected_and_stays():
    """Nobody steals from a runner that gives signs of life."""

    async def scenario():
        tabs = candidates(Browser(), 5)
        await asyncio.sleep(60)
        assert runners(tabs) == [tabs[0]]
        assert [tab.tenures for tab in tabs] == [1, 0, 0, 0, 0]

    run(scenario())


def test_a_killed_runner_is_followed_at_once():
    """The browser hands the lock on by itself, long before the silence is noticed."""

    async def scenario():
        tabs = candidates(Browser(), 3)
        await asyncio.sleep(5)
        tabs[0].tab.kill()
        await asyncio.sleep(0.02)
        assert runners(tabs[1:]) == [tabs[1]]

    run(scenario())


@pytest.mark.parametrize("seed", range(20))
def test_a_hung_runner_is_stolen_from_once(seed):
    """However many tabs notice the silence, exactly one steals, and the others see it and stop."""

    async def scenario():
        tabs = candidates(Browser(seed), 6)
        await asyncio.sleep(5)
        tabs[0].tab.hang()
        await asyncio.sleep((SILENCE_MS + LOOK_AGAIN_MS) / 1000 + 0.25)
        assert len(runners(tabs[1:])) == 1
        await asyncio.sleep(10)
        assert sum(tab.tenures for tab in tabs[1:]) == 1
        tabs[0].tab.wake()
        await asyncio.sleep(0.1)
        assert tabs[0].deposed == 1
        assert len(runners(tabs)) == 1

    run(scenario())


def test_a_tab_that_slept_itself_does_not_steal():
    """On waking, its timer is due before the heartbeats that waited are heard: so it listens again."""

    async def scenario():
        tabs = candidates(Browser(), 2)
        await asyncio.sleep(5)
        tabs[1].tab.hang()
        await asyncio.sleep(30)
        tabs[1].tab.wake()
        await asyncio.sleep(5)
        assert [tab.tenures for tab in tabs] == [1, 0]

    run(scenario())


@pytest.mark.parametrize("delay_ms", range(SILENCE_MS - 240, SILENCE_MS - 100, 5))
def test_a_stealer_that_hangs_itself_holds_nobody_up(delay_ms):
    """Whatever it holds or waits for, another tab runs the server soon, and keeps it when that one wakes."""

    async def scenario():
        tabs = candidates(Browser(delay_ms), 4)
        await asyncio.sleep(5)
        tabs[0].tab.hang()
        await asyncio.sleep(delay_ms / 1000)
        had_run = bool(runners(tabs[1:]))
        stealer = next(iter(runners(tabs[1:])), tabs[1])
        stealer.tab.hang()
        await asyncio.sleep((2 if had_run else 1.45) - delay_ms / 1000)
        awake = [tab for tab in tabs[1:] if tab is not stealer]
        if not had_run:
            assert len(runners(awake)) == 1
        await asyncio.sleep(2)
        (runner,) = runners(awake)
        tabs[0].tab.wake()
        stealer.tab.wake()
        await asyncio.sleep(10)
        assert runners(tabs) == [runner]
        assert runner.deposed == 0

    run(scenario())


def test_two_stealers_that_hang_one_after_the_other_hold_nobody_up():
    """However unlucky: of the tabs that are awake one runs the server within a second and a half."""

    async def scenario(seed):
        browser = Browser(seed)
        tabs = candidates(browser, 5)
        await asyncio.sleep(5)
        victims = [tabs[0].tab]
        victims[0].hang()
        for _ in range(1450):
            await asyncio.sleep(0.001)
            if len(victims) < 3:
                stealers = [
                    lock.owner for lock in browser.locks._held if lock.name.startswith("webraft:steal:")
                ]
                for stealer in set(stealers) - set(victims):
                    stealer.hang()
                    victims.append(stealer)
        assert len(victims) == 3
        assert len(runners([tab for tab in tabs if tab.tab not in victims])) == 1

    for seed in range(10):
        run(scenario(seed))


def test_a_browser_that_refuses_locks_is_asked_again_now_and_then():
    """As in a document that is going away: neither given up nor hammered, and told of every few times."""

    async def scenario():
        browser = Browser()
        tabs = candidates(browser, 2)
        await asyncio.sleep(5)
        asked = browser.locks.requests
        browser.locks.refusal = "InvalidStateError: not now"
        tabs[0].tab.hang()
        await asyncio.sleep(5)
        assert browser.locks.requests - asked < 100
        assert tabs[1].refusals == []  # it waits for the one that it asked for before
        late = Candidate(browser.open_tab())
        await asyncio.sleep((2 * REFUSALS - 1) * RETRY_MS / 1000 + 0.1)
        assert [browser.locks.refusal in str(refusal) for refusal in late.refusals] == [True, True]
        browser.locks.refusal = ""
        await asyncio.sleep(2)
        assert tabs[1].is_runner

    run(scenario())


def test_a_stealer_leaves_no_request_of_its_own_behind():
    """Else the lock would later be granted to a request that nobody remembers."""

    async def scenario():
        browser = Browser()
        tabs = candidates(browser, 2)
        await asyncio.sleep(5)
        tabs[0].tab.hang()
        await asyncio.sleep(2)
        assert tabs[1].is_runner
        tabs[0].tab.kill()
        tabs[1].election.stop()
        late = Candidate(browser.open_tab())
        await asyncio.sleep(0.1)
        assert late.is_runner

    run(scenario())


def test_without_a_fence_nobody_steals():
    """In memory mode nothing would stop the old runner from going on (rule 14)."""

    async def scenario():
        tabs = candidates(Browser(), 3, may_steal=False)
        await asyncio.sleep(5)
        tabs[0].tab.hang()
        await asyncio.sleep(60)
        assert runners(tabs) == [tabs[0]]

    run(scenario())


def test_a_stopped_election_holds_and_wants_nothing():
    """Whoever stops leaves the field to the others at once."""

    async def scenario():
        browser = Browser()
        tabs = candidates(browser, 2)
        await asyncio.sleep(5)
        tabs[1].election.stop()
        tabs[0].election.stop()
        await asyncio.sleep(5)
        assert browser.locks.held_names("") == []
        assert tabs[1].tenures == 0

    run(scenario())
