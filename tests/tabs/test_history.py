"""What real tabs see is linearizable: three of them use one document, and what they wrote down is checked.

Each tab notes times by its own `performance.now()`, which runs evenly but begins
anywhere: `performance.timeOrigin` comes from a wall clock that each process reads
for itself, so that sums of the two agree between tabs only to a millisecond or so,
and nobody vouches for that. Were one tab's times a little late, an operation would
seem to come after another with which it overlapped, and a correct run be accused.

So nothing here relies on it. This test's own clock is read before and after a tab
is asked for its time, which bounds by how much the two differ, and the narrowest
bounds of many such questions count; those from before and after the run are
joined, in case clocks drift. What is left, with what browsers round their clocks
by, is the history's uncertainty: two operations of different tabs count as one
after the other only if they are further apart. What one tab did itself is in order
without any of that. The verdict is then sound: if it says no, no clock is to blame.
It may miss a stale read that is stale by less than the uncertainty.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import tests.histories.visitor
from demo.toolchain.places import CACHE
from tests.histories.operation import Operation
from tests.histories.recorder import History

QUESTIONS = 40
ROUNDING_MS = 0.2  # browsers round to 0.1 ms, and may shift where they round
OPERATIONS = 400
HANG_MS = 4000  # others take over after a second
KEPT = CACHE / "histories" / "tabs.jsonl"
JOIN = """
    from webraft_web import join_room
    doc = await join_room("history")
"""
VISIT = """
    import js
    records = []
    await visit(doc, {name!r}, {count}, js.performance.now, records)
"""


def start_visit(tab, name: str, count: int):
    """Have a tab do operations and write them down."""
    tab.python(Path(tests.histories.visitor.__file__).read_text(encoding="utf-8"))
    return tab.start(VISIT.format(name=name, count=count))


def bounds_of_difference(page) -> tuple[float, float]:
    """Return between which values the difference lies of this test's clock and a page's, in milliseconds."""
    lowest, highest = float("-inf"), float("inf")
    for _ in range(QUESTIONS):
        before = time.monotonic() * 1000
        there = page.js("performance.now()")
        after = time.monotonic() * 1000
        lowest = max(lowest, before - there - ROUNDING_MS)
        highest = min(highest, after - there + ROUNDING_MS)
    return lowest, highest


def collect(opened, bounds) -> History:
    """Put what the tabs wrote down on one scale."""
    bounds = [
        (min(lowest, before[0]), max(highest, before[1]))
        for before, (lowest, highest) in zip(
            bounds, (bounds_of_difference(tab.page) for tab in opened), strict=True
        )
    ]
    uncertainty = max((highest - lowest) / 2 for lowest, highest in bounds)
    history = History("document", uncertainty=uncertainty)
    for tab, (lowest, highest) in zip(opened, bounds, strict=True):
        shift = (lowest + highest) / 2
        for fields in json.loads(tab.python("import json; json.dumps(records)")):
            fields["call"] += shift
            if fields["returned"] is not None:
                fields["returned"] += shift
            history.add(Operation(**fields))
    return history


def test_what_three_tabs_see_is_linearizable_also_while_the_running_one_hangs(tabs, report) -> None:
    """Updates, patches, some of which conflict, and reads; the tab that wakes confirms nothing on its own."""
    opened = tabs.open_many(3)
    for tab in opened:
        tab.python(JOIN)
    bounds = [bounds_of_difference(tab.page) for tab in opened]
    runner = opened[0].python("doc.status()['runner']")
    running = next(tab for tab in opened if tab.python("doc.status()['tab']") == runner)
    visits = [start_visit(tab, f"tab{number}", OPERATIONS) for number, tab in enumerate(opened)]
    hang = running.page.start(
        f"{{ const end = performance.now() + {HANG_MS}; while (performance.now() < end); }}"
    )
    for one in [hang, *visits]:
        one.result()
    history = collect(opened, bounds)
    report(f"history of three tabs: {len(history.operations)} operations, ±{history.uncertainty:.2f} ms")
    assert opened[0].python("doc.status()['runner']") != runner
    assert len(history.operations) == 3 * OPERATIONS
    assert all(one.returned is not None for one in history.operations)
    result = history.check()
    if not result.is_linearizable:
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        history.dump(KEPT)
    assert result.is_linearizable, f"{result}\n\nTo see it again: python3 tests histories {KEPT}"
