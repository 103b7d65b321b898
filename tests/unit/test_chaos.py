"""What decides about chaos in real tabs, tried on made-up accounts of it."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.chaos.gaps import Mark, find_gaps
from tests.chaos.records import GENESIS, Records, Visit
from tests.chaos.schedule import TAKING_AWAY, draw_actions


def append(number: int, tab: str = "a") -> str:
    return f"{tab}.0.{number};"


def visit(appends: int, *, tab: str = "a", ends: dict[int, str] | None = None) -> Visit:
    """Return a tab's account of so many appends in a row, which were answered or ended otherwise."""
    account = Visit(tab, [(-1.0, 1.0)])
    for number in range(appends):
        name = append(number, tab)[:-1]
        plan = {"kind": "planned", "name": name, "now": 100 * number, "input": ["append", "l0", f"{name};"]}
        account.hear(plan)
        end = (ends or {}).get(number, "done")
        times = {"call": 100 * number + 10, "returned": 100 * number + 20}
        if end != "planned":
            account.hear({"kind": end, "name": name, "output": None, **times})
    return account


def check(account: Visit, *entries: str) -> tuple[list[str], bool]:
    """Return what is wrong if the list ends with these entries, and whether the history is linearizable."""
    records = Records([account], [(5000.0, 5001.0, dict.fromkeys(GENESIS, 0) | {"l0": list(entries)})])
    return records.find_lost_and_doubled(), records.history().check().is_linearizable


def test_what_was_acknowledged_has_to_be_there_once_and_in_order() -> None:
    """A run is accused of each way to treat an acknowledged write badly, and of nothing else."""
    assert check(visit(2), append(0), append(1)) == ([], True)
    assert check(visit(2), append(0)) == ([f"lost although acknowledged: {append(1)}"], False)
    doubled = append(0), append(1), append(0)
    assert check(visit(2), *doubled) == ([f"there more than once: {append(0)}"], False)
    assert check(visit(2), append(1), append(0)) == ([], False)


@pytest.mark.parametrize("end", ["planned", "unknown"])
def test_what_nobody_knows_the_end_of_may_be_there_once_or_not(end: str) -> None:
    """A tab that died amid a write, or was told that its outcome is unknown, proves nothing either way."""
    account = visit(2, ends={1: end})
    assert check(account, append(0)) == ([], True)
    assert check(account, append(0), append(1)) == ([], True)
    assert check(account, append(0), append(1), append(1))[0] == [f"there more than once: {append(1)}"]


def test_what_certainly_failed_must_not_be_there() -> None:
    """An error that promises to have no effect is held to it."""
    account = visit(2, ends={0: "failed"})
    assert check(account, append(1)) == ([], True)
    assert check(account, append(0), append(1)) == ([f"there although it was not to be: {append(0)}"], False)


def test_documents_that_differ_in_the_end_are_a_problem() -> None:
    """All tabs, and one after the browser was restarted, see the same when nothing is under way."""
    one, other = {"l0": [append(0)]}, {"l0": []}
    records = Records([visit(1)], [(5000.0, 5001.0, one), (5002.0, 5003.0, other)])
    assert len(records.find_lost_and_doubled()) == 1


def test_a_seed_fixes_the_actions() -> None:
    """A failing run's actions can be repeated."""
    assert [*islice(draw_actions(7), 300)] == [*islice(draw_actions(7), 300)]
    assert [*islice(draw_actions(7), 300)] != [*islice(draw_actions(8), 300)]


@pytest.mark.parametrize("tabs", [3, 5, 9])
@pytest.mark.parametrize("seed", range(5))
def test_some_tab_can_work_whatever_was_done(seed: int, tabs: int) -> None:
    """Tabs are opened before anything is done to them, and one is spared each time."""
    able: set[int] = set()
    most = 0
    for action in islice(draw_actions(seed, tabs), 2000):
        if action.kind in {"open", "resume", "return"}:
            able.add(action.tab)
        elif action.kind == "restart":
            able.clear()
        elif action.kind in TAKING_AWAY:
            assert able - {action.tab}
            if action.kind not in {"reload", "spin"}:
                able.discard(action.tab)
        else:
            assert action.tab in able
        most = max(most, len(able))
    assert most == tabs


def test_a_gap_is_put_down_to_what_was_done_within_it_or_before() -> None:
    """A kill that interrupts writes is blamed, also where something else is done before they go on."""
    marks = [Mark(10, "opened"), Mark(995, "spinning"), Mark(1500, "hidden")]
    acknowledged = [20.0, 50.0, 1000.0, 3000.0, 3010.0]
    assert find_gaps(marks, acknowledged[:2]) == {"opened": [30.0]}
    assert find_gaps(marks, acknowledged[2:]) == {"spinning": [2000.0], "hidden": [10.0]}
    assert find_gaps(marks, [1600.0, 1700.0]) == {"hidden": [100.0]}
    assert find_gaps([*marks, Mark(2000, "restarted", True)], [1000.0, 9000.0]) == {"restarted": [8000.0]}
