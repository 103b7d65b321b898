"""The tab that runs the server dies, leaves, sleeps, hangs or hides: the others go on, and it comes back.

One browser for all, because booting Python is what takes long. Every tab
patches, updates and reads without a pause while things happen, so that
something is always under way; what died is replaced before the next case.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from tests.tabs.browser import DEADLINE_S, PageError, Running, wait_until
from tests.tabs.chromium import Chromium, Page
from tests.tabs.conftest import PythonTab
from tests.tabs.serving import serve, tab_routes

BLOCK_S = 5
FENCED = "FencedError: another tab took over the server of room 'room'"
ABANDONED_S = DEADLINE_S + 30
"""Within this Chromium takes the store away from a page that was stopped in the instant of a write."""
GRACE_S = 10
"""How long a tab has been hidden when its timers begin to run once a minute; five minutes in real life."""

JOIN = """
    import asyncio
    import time
    from webraft_web import join_room
    from webraft_web._browser import shared_clock

    events, seen = [], []
    is_over, count, writing = False, 0, asyncio.ensure_future(asyncio.sleep(0))

    async def join(name):
        doc = await join_room(name, initial={"log": [], "n": 0})
        for event in ("leader", "follower"):
            doc.listen(event, lambda event=event: events.append(event))
        doc.listen("error", lambda error: events.append(f"{type(error).__name__}: {error}"))
        return doc

    async def watch():
        async for state in doc.changes():
            seen.append(len(state["log"]))

    async def write_once(doc, entry):
        await doc.patch([{"op": "add", "path": "/log/-", "value": entry}])
        await doc.update(lambda state: {**state, "n": state["n"] + 1})

    async def read_once(doc):
        return (await doc.read())["log"]

    async def write(name):
        global count
        while not is_over:
            await write_once(doc, f"{name}-{count}")
            count += 1
            assert f"{name}-{count - 1}" in await read_once(doc)
            await pause()

    async def pause():
        # Not by a timer of the page, which would come once a minute after a while in the background.
        over = asyncio.get_running_loop().create_future()
        timer = shared_clock().timer(lambda: over.set_result(None))
        timer.set(shared_clock().now_ms() + 100)
        await over

    def spin(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass

    doc = await join("room")
    watching = asyncio.ensure_future(watch())
"""
# What is begun before the block is under way in it; what follows it is begun before anything is heard.
BLOCK = """
    docs = {docs}
    calls = [write_once(one, "{name}-before") for one in docs] + [read_once(one) for one in docs]
    calls = [asyncio.ensure_future(call) for call in calls]
    await asyncio.sleep(0)
    spin({seconds})
    calls += [write_once(one, "{name}-after") for one in docs] + [read_once(one) for one in docs]
    await asyncio.gather(*calls)
    None
"""


class Crowd:
    """Three tabs in one room, and what is known of what they wrote."""

    def __init__(self, browser: Chromium, url: str) -> None:
        self.browser = browser
        self.url = url
        self.tabs: list[PythonTab] = []
        self.written: list[str] = []
        self.unfinished = 0
        self._names = 0

    def gather(self) -> tuple[PythonTab, list[PythonTab]]:
        """Replace who is gone; return the tab that runs the server, and the others."""
        new = [self.browser.open(f"{self.url}tab.html") for _ in range(3 - len(self.tabs))]
        for tab in map(PythonTab, new):
            tab.python(JOIN)
            self.tabs.append(tab)
        runner = self.runner()
        return runner, [tab for tab in self.tabs if tab is not runner]

    def begin(self) -> None:
        """Have all write."""
        for tab in self.tabs:
            self._names += 1
            tab.python("is_over = True\nawait writing")  # of a case that failed
            tab.python(f"name, is_over, count = 'tab{self._names}', False, 0\nevents.clear()")
            tab.python("writing = asyncio.ensure_future(write(name)); None")

    def runner(self, among: list[PythonTab] | None = None) -> PythonTab:
        """Wait until one of some tabs runs the server, and all of them know it."""
        tabs = among or self.tabs

        def find() -> PythonTab | None:
            statuses = [tab.python("doc.status()") for tab in tabs]
            found = [tab for tab, one in zip(tabs, statuses, strict=True) if one["runner"] == one["tab"]]
            agree = len({one["runner"] for one in statuses}) == 1
            return found[0] if len(found) == 1 and agree else None

        runner: PythonTab = wait_until(find, "one tab that runs the server")
        return runner

    def lose(self, tab: PythonTab) -> None:
        """Expect nothing more of a tab; its last write may have been done by half."""
        self.tabs.remove(tab)
        self.unfinished += 1
        if not tab.page.is_gone:
            self.browser.send("Target.closeTarget", targetId=tab.page.name)

    def go_on(self, tabs: list[PythonTab], timeout_s: float = DEADLINE_S) -> None:
        """Wait until each of some tabs has written more than what it had under way."""
        for tab in tabs:
            tab.python("before = count; None")
        for tab in tabs:
            has_written = partial(tab.python, "count > before + 1")
            wait_until(has_written, "writes in a tab that lives", timeout_s)

    def finish(self) -> None:
        """Let all end what they do; nothing of it is lost or doubled, and all see the same."""
        for tab in self.tabs:
            tab.python("is_over = True")
        for tab in self.tabs:
            name, count = tab.python("await writing\n[name, count]")
            self.written += [f"{name}-{number}" for number in range(count)]
        documents = [tab.python("await doc.read()") for tab in self.tabs]
        assert all(document == documents[0] for document in documents)
        log, n = documents[0]["log"], documents[0]["n"]
        assert len(log) == len(set(log))
        assert set(self.written) <= set(log)
        assert len(log) - self.unfinished <= n <= len(log)
        assert all(tab.python("seen[-1] == len(doc.state['log'])") for tab in self.tabs)
        assert [problem for tab in self.tabs for problem in tab.page.problems] == []
        for tab in self.tabs:
            events = events_of(tab)
            for before, event in pairwise(["", *events]):
                # None but a runner that another tab took over from has a reason to complain.
                assert event in {"leader", "follower"} or (before == "follower" and FENCED in event), events

    def block(self, tab: PythonTab, seconds: float, docs: str = "[doc]") -> Running:
        """Block a tab by its own Python, with calls right before it and right after."""
        name = tab.python("name")
        self.written += [f"{name}-before", f"{name}-after"]
        return tab.start(BLOCK.format(docs=docs, name=name, seconds=seconds))


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Return a room in a browser that throttles soon; pages go into its back/forward cache."""
    flag = f"--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/{GRACE_S}"
    browser = Chromium(tmp_path_factory.mktemp("failover"), flag)
    try:
        with serve(tab_routes(), caching="no-cache") as url:
            yield Crowd(browser, url)
    finally:
        browser.kill()


def events_of(tab: PythonTab) -> list[str]:
    events: list[str] = tab.python("events")
    return events


def assert_fenced(tab: PythonTab) -> None:
    """The first thing that happened to it is that it was taken over, and it was told the reason."""
    follower, error, *_ = events_of(tab)
    assert follower == "follower"
    assert FENCED in error


def assert_let_go(tab: PythonTab) -> None:
    """The first thing that happened to it is that it made way, and nobody had to take over."""
    follower, *later = events_of(tab)
    assert follower == "follower"
    assert later[:1] in ([], ["leader"])


def test_a_page_blocked_by_its_own_code_loses_nothing(crowd: Crowd) -> None:
    """For five seconds, with calls before, during and after: alone, as an observer, and as the runner."""
    runner, (observer, other) = crowd.gather()
    crowd.begin()
    observer.python("own = await join('own'); None")
    blocked = [crowd.block(observer, BLOCK_S, "[doc, own]"), crowd.block(runner, BLOCK_S)]
    crowd.go_on([other])
    for one in blocked:
        one.result()
    crowd.finish()
    assert_fenced(runner)
    own = observer.python("[await own.read(), own.status()['role']]")
    name = observer.python("name")
    assert own == [{"log": [f"{name}-before", f"{name}-after"], "n": 2}, "leader"]
    observer.python("await own.close()")


@pytest.mark.parametrize("how", ["crash", "reload", "leave for good"])
def test_a_runner_that_dies_is_followed(crowd: Crowd, how: str) -> None:
    """The others write on, whatever it was doing; nobody is told of an error."""
    runner, others = crowd.gather()
    crowd.begin()
    page = runner.page
    if how == "crash":
        page.send("Page.crash")
    elif how == "reload":
        page.send("Page.reload")
    else:
        page.js("addEventListener('unload', () => {})")  # such a page is not put aside
        page.send("Page.navigate", url=f"{crowd.url}wheels/index.json")
    crowd.go_on(others)
    assert crowd.runner(others) in others
    crowd.lose(runner)
    crowd.finish()


def test_a_runner_that_is_put_aside_comes_back_with_all_it_had_open(crowd: Crowd) -> None:
    """From the back/forward cache: it observes, its calls go on, its iterator catches up."""
    runner, others = crowd.gather()
    crowd.begin()
    page = runner.page
    page.js("globalThis.mark = 'the same document'")
    page.go(f"{crowd.url}wheels/index.json")
    crowd.go_on(others)
    entries = page.call("Page.getNavigationHistory")["entries"]
    page.send("Page.navigateToHistoryEntry", entryId=entries[-2]["id"])
    wait_until(lambda: _mark(runner) == "the same document", "a page from the back/forward cache")
    crowd.go_on(crowd.tabs)
    crowd.finish()
    assert_let_go(runner)


def _mark(tab: PythonTab) -> Any:
    try:
        return tab.page.js("globalThis.mark")
    except PageError:
        return None  # neither here nor there


def test_a_runner_that_freezes_comes_back_with_all_it_had_open(crowd: Crowd) -> None:
    """It lets go in the event, with a batch under way, and is an observer when it thaws."""
    runner, others = crowd.gather()
    crowd.begin()
    runner.page.freeze()
    crowd.go_on(others)
    assert crowd.runner(others) in others
    runner.page.thaw()
    crowd.go_on(crowd.tabs)
    crowd.finish()
    assert_let_go(runner)


def test_a_runner_that_hangs_is_replaced_though_the_next_one_hangs_too(crowd: Crowd) -> None:
    """Without a word, as when the system stops its process: resumed, it gives nobody a wrong answer."""
    runner, (other, third) = crowd.gather()
    crowd.begin()
    blocked = crowd.block(other, 4)
    pid = _stop(crowd.browser, runner.page)
    try:
        crowd.go_on([third], ABANDONED_S)
        third.python("await write_once(doc, 'while it was stopped')")
        crowd.written.append("while it was stopped")
        reading = runner.start("(await doc.read())['log']")  # the first thing it hears of
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "while it was stopped" in reading.result()
    blocked.result()
    crowd.finish()
    assert_fenced(runner)


def _stop(browser: Chromium, page: Page) -> int:
    """Stop the process of a page, and return which that is: the one without which the page is silent."""
    for pid in browser.renderer_pids():
        os.kill(pid, signal.SIGSTOP)
        try:
            page.start("true").result(timeout_s=2)
        except TimeoutError:
            return pid
        os.kill(pid, signal.SIGCONT)
    raise AssertionError("the page has no process of its own")


def test_a_runner_in_an_endless_loop_is_replaced(crowd: Crowd) -> None:
    """It never comes back: the others do not need it to, not even for its unfinished transaction."""
    runner, others = crowd.gather()
    crowd.begin()
    pid = runner.page.pid()
    runner.start("while True:\n    pass")
    crowd.go_on(others)
    assert crowd.runner(others) in others
    runner.page.kill(pid)  # it could not be closed, and tabs to come would share its process
    crowd.lose(runner)
    crowd.finish()


def test_a_runner_that_is_hidden_for_long_makes_way(crowd: Crowd) -> None:
    """For a tab that was visible all along; nobody complains."""
    runner, others = crowd.gather()
    crowd.begin()
    runner.page.minimise()
    wait_until(lambda: any(map(_runs, others)), "the server to move")
    runner.page.restore()
    crowd.finish()
    assert_let_go(runner)


@pytest.mark.long
def test_a_hidden_runner_leads_on_until_a_tab_is_looked_at(crowd: Crowd) -> None:
    """Though its own timers stand still for a minute at a time."""
    runner, others = crowd.gather()
    crowd.begin()
    for tab in crowd.tabs:
        tab.page.minimise()
        tab.page.wait_for("document.visibilityState === 'hidden'")
    runner.page.js("globalThis.ticks = 0; setInterval(() => ticks++, 100); true")
    crowd.browser.attend(1.5 * GRACE_S)
    before = runner.page.js("ticks")
    for number in range(10):
        crowd.browser.attend(1)
        others[0].python(f"await write_once(doc, 'in the dark {number}')")
        crowd.written.append(f"in the dark {number}")
    assert runner.page.js("ticks") - before < 5, "its timers run"
    assert _runs(runner)
    others[1].page.restore()
    wait_until(lambda: _runs(others[1]), "the server to move to the only tab that is looked at")
    for tab in crowd.tabs:
        tab.page.restore()
    crowd.finish()
    assert_let_go(runner)


def _runs(tab: PythonTab) -> bool:
    runs: bool = tab.python("doc.status()['role']") == "leader"
    return runs
