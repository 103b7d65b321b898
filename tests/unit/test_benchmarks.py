"""What benchmarks make of what they measured, tried without measuring anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.benchmarks import command
from tests.benchmarks.failover import since_lock
from tests.benchmarks.figures import (
    Figure,
    Options,
    at_least,
    at_most,
    exactly,
    longest_gap,
    never_over,
    table,
)


@pytest.mark.parametrize(
    ("values", "goal", "median", "worst", "is_reached"),
    [
        ([3, 1, 2], None, 2, 3, None),
        ([1, 9, 2, 3], at_most(2.5), 2.5, 9, True),
        ([1, 9, 2, 3], at_most(2.4), 2.5, 9, False),
        ([9, 1, 8], at_least(8), 8, 1, True),
        ([9, 1, 8], at_least(8.1), 8, 1, False),
        ([1, 9, 2], never_over(9), 2, 9, True),
        ([1, 9, 2], never_over(8.9), 2, 9, False),
        ([600, 600], exactly(600), 600, 600, True),
        ([600, 599, 600, 600, 601], exactly(600), 600, 599, False),
    ],
)
def test_a_median_is_held_to_its_goal_and_what_counts_each_time_is_each_time(
    values, goal, median, worst, is_reached
) -> None:
    """The worst is on the side that hurts, and decides only where each trial has to reach the goal."""
    figure = Figure("it", "ms", values, goal)
    assert (figure.median, figure.worst, figure.is_reached) == (median, worst, is_reached)


def test_the_longest_gap_lies_between_neighbours() -> None:
    """It is named by where it begins and ends, so that it can be compared with when something happened."""
    assert longest_gap([10, 12, 40, 41, 60]) == (12, 40)
    assert longest_gap([1, 2]) == (1, 2)


@pytest.mark.parametrize(
    ("acknowledged", "expected"),
    [
        ([90, 140, 141, 142, 900], 40),
        ([90, 102, 140, 141, 142], 40),
        ([90, 105, 110, 115, 900, 901], 800),
        ([60, 101, 104, 118, 121], 1),
    ],
)
def test_a_write_after_the_lock_came_is_not_the_former_holders_last(acknowledged, expected) -> None:
    """The lock comes at 100: an answer just afterwards may be old news, a later stall is not its doing."""
    assert since_lock(acknowledged, 100) == expected


def test_the_table_has_the_goal_beside_each_figure_and_notes_below() -> None:
    """Columns are aligned, numbers are short, and a figure without a goal has no verdict."""
    measured = [
        (
            "writes",
            [Figure("alone", "ms", [1.234, 2.345, 12.34], at_most(2)), Figure("rate", "/s", [12345.6])],
        ),
        ("join", [Figure("as observer", "ms", [120.4], at_most(100), "1 MB")]),
        ("broken", []),
    ]
    assert table(measured) == [
        "                      goal     median      worst  trials",
        "writes",
        "  alone        ✗    ≤ 2 ms    2.35 ms    12.3 ms       3",
        "  rate                      12,346 /s  12,346 /s       1",
        "join",
        "  as observer  ✗  ≤ 100 ms     120 ms     120 ms       1",
        "broken",
        "join, as observer: 1 MB",
    ]


def _measure_one(options: Options, say: Callable[[str], None]) -> Iterator[Figure]:
    say("half way")
    yield Figure("one", "ms", [float(number) for number in range(options.trials)], at_most(1))


def _measure_until_it_breaks(options: Options, say: Callable[[str], None]) -> Iterator[Figure]:
    yield Figure("before", "", [1])
    raise TimeoutError("nobody answered")


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have benchmarks that need no browser."""
    measures = {"one": _measure_one, "two": _measure_until_it_breaks}
    modules = {name: SimpleNamespace(TITLE=name, measure=measure) for name, measure in measures.items()}
    monkeypatch.setattr(command, "BENCHMARKS", modules)
    monkeypatch.setattr(command.setup, "ensure_chromium", lambda: None)


def test_a_benchmark_that_breaks_off_costs_no_other_figure(
    benchmarks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was measured is shown and written, what broke is told, and the exit code says so."""
    file = tmp_path / "figures.json"
    assert command.main(["two", "one", "--trials", "3", "--json", str(file)]) == 1
    written = json.loads(file.read_text(encoding="utf-8"))
    assert written["problems"] == ["two broke off: TimeoutError: nobody answered"]
    assert [figure["what"] for figure in written["figures"]["two"]] == ["before"]
    assert written["figures"]["one"] == [
        {
            "what": "one",
            "unit": "ms",
            "goal": {"relation": "≤", "value": 1, "is_for_all": False},
            "is_reached": True,
            "median": 1.0,
            "worst": 2.0,
            "values": [0.0, 1.0, 2.0],
            "note": "",
        }
    ]
    shown = capsys.readouterr().out
    assert "  … half way" in shown
    assert "✗ two broke off: TimeoutError: nobody answered" in shown


def test_only_what_was_asked_for_is_measured(benchmarks, capsys: pytest.CaptureFixture[str]) -> None:
    """A name chooses; one that there is not is refused, with those that there are."""
    assert command.main(["one"]) == 0
    assert "two" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command.main(["three"])
    assert "two" in capsys.readouterr().err


def test_a_slow_figure_is_no_failure(benchmarks) -> None:
    """Figures are measured, not asserted: how fast a machine is does not decide about success."""
    assert command.main(["one", "--trials", "100"]) == 0


@pytest.mark.parametrize(
    "arguments", [["--trials", "0"], ["--tabs", "2"], ["--minutes", "-1"], ["--trials", "x"]]
)
def test_too_little_to_measure_is_refused(benchmarks, arguments, capsys: pytest.CaptureFixture[str]) -> None:
    """The option is named, and nothing is measured."""
    with pytest.raises(SystemExit):
        command.main(["one", *arguments])
    captured = capsys.readouterr()
    assert f"argument {arguments[0]}: " in captured.err
    assert captured.out == ""
