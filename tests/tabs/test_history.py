"""What real tabs see is linearizable: three of them use one document, and what they wrote down is checked.

How their clocks are compared is told in `clocks`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tests.histories.visitor
from demo.toolchain.places import CACHE
from tests.histories.operation import Operation
from tests.histories.recorder import History
from tests.tabs.clocks import bounds_of_difference, joined

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


def collect(opened, bounds) -> History:
    """Put what the tabs wrote down on one scale."""
    bounds = [
        joined([before, bounds_of_difference(tab.page)]) for tab, before in zip(opened, bounds, strict=True)
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


@pytest.mark.long
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
