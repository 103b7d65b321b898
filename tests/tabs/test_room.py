"""Rooms in real tabs of one browser: nothing acknowledged is lost or doubled, whoever dies."""

from __future__ import annotations

import pytest

from tests.tabs.browser import PageGoneError, wait_until

JOIN = """
    from webraft_web import join_room
    doc = await join_room("room", initial={"n": 0, "log": []})
"""
# Acknowledgements go to the console one by one: what a page said before it was killed counts.
WRITE = """
    import js
    for number in range({count}):
        await doc.patch([{{"op": "add", "path": "/log/-", "value": f"{name}-{{number}}"}}])
        js.console.log(f"{name}-{{number}}")
"""


def join(tabs, count: int):
    """Open tabs and join the room in each."""
    opened = tabs.open_many(count)
    for tab in opened:
        tab.python(JOIN)
    return opened


def runner_of(tabs):
    """Split tabs into the one that runs the browser's server and the others."""
    runner = wait_until(lambda: tabs[0].python("doc.status()['runner']"), "a running tab")
    running = [tab for tab in tabs if tab.python("doc.status()['tab']") == runner]
    assert len(running) == 1
    return running[0], [tab for tab in tabs if tab is not running[0]]


def check_that_it_gives_way(woken, other):
    """Have a tab that was replaced write again, after five writes of the other: all count."""
    woken.python(WRITE.format(name="woken", count=5))
    for tab in (woken, other):
        log = tab.python("(await doc.read())['log']")
        assert sorted(log) == sorted(f"{name}-{n}" for name in ("other", "woken") for n in range(5))
    wait_until(
        lambda: woken.python("doc.status()['role']") == "observer",
        "the woken tab to see that it was replaced",
    )


def test_increments_made_at_once_in_three_tabs_all_count(tabs) -> None:
    """Three tabs add 1 two hundred times each at the same time, and end at 600 everywhere."""
    opened = join(tabs, 3)
    adding = [
        tab.start("""
            def add(state):
                state["n"] += 1
            for _ in range(200):
                await doc.update(add)
        """)
        for tab in opened
    ]
    for one in adding:
        one.result()
    assert [tab.python("(await doc.read())['n']") for tab in opened] == [600, 600, 600]
    assert [tab.python("doc.state['n']") for tab in opened] == [600, 600, 600]
    assert [problem for tab in opened for problem in tab.page.problems] == []


def test_killing_the_running_tab_amid_writes_loses_and_doubles_nothing(tabs) -> None:
    """What any tab was told is committed is there once when the running tab's renderer is killed."""
    runner, others = runner_of(join(tabs, 3))
    pid = runner.page.pid()
    writing = [tab.start(WRITE.format(name=f"other{number}", count=300)) for number, tab in enumerate(others)]
    dying = runner.start(WRITE.format(name="runner", count=100_000))
    tabs.browser.listen(lambda: len(runner.page.log) >= 50, "the running tab's first writes")
    runner.page.kill(pid)
    with pytest.raises(PageGoneError):
        dying.result()
    for one in writing:
        one.result()

    log = others[0].python("(await doc.read())['log']")
    acknowledged = [*runner.page.log, *others[0].page.log, *others[1].page.log]
    assert set(acknowledged) <= set(log)
    assert len(log) == len(set(log))
    assert [entry for entry in log if entry.startswith("other0")] == [f"other0-{n}" for n in range(300)]
    assert others[1].python("(await doc.read())['log']") == log
    runner_of(others)


@pytest.mark.long
def test_closing_the_running_tab_hands_the_room_on(tabs) -> None:
    """The tabs that stay go on writing when the running one is closed as a user would."""
    runner, others = runner_of(join(tabs, 3))
    writing = [tab.start(WRITE.format(name=f"other{number}", count=100)) for number, tab in enumerate(others)]
    runner.page.close()
    for one in writing:
        one.result()
    assert [len(tab.python("(await doc.read())['log']")) for tab in others] == [200, 200]
    runner_of(others)


def test_a_document_outlives_all_its_tabs(tabs) -> None:
    """All tabs are closed; one that opens the room again finds everything, not the genesis."""
    opened = join(tabs, 2)
    for number, tab in enumerate(opened):
        tab.python(WRITE.format(name=f"tab{number}", count=20))
    for tab in opened:
        tab.page.close()
    again = join(tabs, 1)[0]
    assert sorted(again.python("doc.state['log']")) == sorted(
        f"tab{tab}-{n}" for tab in (0, 1) for n in range(20)
    )


def test_killing_the_browser_loses_no_acknowledged_write(tabs) -> None:
    """The whole browser is killed amid writes and started again with the same profile."""
    opened = join(tabs, 2)
    for number, tab in enumerate(opened):
        tab.start(WRITE.format(name=f"tab{number}", count=100_000))
    tabs.browser.listen(lambda: all(len(tab.page.log) >= 100 for tab in opened), "writes in both tabs")
    tabs.browser.kill()
    acknowledged = [entry for tab in opened for entry in tab.page.log]
    tabs.browser.start()
    log = join(tabs, 1)[0].python("(await doc.read())['log']")
    assert set(acknowledged) <= set(log)
    assert len(log) == len(set(log))


@pytest.mark.long
def test_a_frozen_running_tab_gives_way_and_comes_back_as_an_observer(tabs) -> None:
    """A tab that the browser freezes hands over; its own write waits, and is committed once it wakes."""
    both = [tabs.open(new_window=False) for _ in range(2)]
    tabs.browser.blank(
        new_window=False
    )  # hides both: a visible tab would be preferred, and only hidden ones freeze
    for tab in both:
        tab.python(JOIN)
    frozen, (awake,) = runner_of(both)
    frozen.page.freeze()
    awake.python(WRITE.format(name="awake", count=10))
    assert awake.python("doc.status()['runner'] == doc.status()['tab']")
    frozen.page.thaw()
    frozen.python(WRITE.format(name="thawed", count=1))
    assert frozen.python("doc.status()['role']") == "observer"
    assert len(awake.python("(await doc.read())['log']")) == 11


@pytest.mark.long
def test_a_hanging_running_tab_is_replaced_and_fenced_off(tabs) -> None:
    """A tab that spins in its own code loses the server; when it wakes, its writes go to the new runner."""
    runner, (other,) = runner_of(join(tabs, 2))
    spinning = runner.page.start("{ const end = performance.now() + 6000; while (performance.now() < end); }")
    other.python(WRITE.format(name="other", count=5))
    assert other.python("doc.status()['runner'] == doc.status()['tab']")
    spinning.result()
    check_that_it_gives_way(runner, other)
