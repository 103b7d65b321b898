"""What was measured, beside what was to be reached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, Final, NamedTuple

_HEADINGS: Final = ("", "", "goal", "median", "worst", "trials")
_IS_RIGHT_ALIGNED: Final = (False, False, True, True, True, True)


class Options(NamedTuple):
    """How much to measure.

    Fields:
        trials: How often, where each time counts.
        minutes: How long, where lasting counts.
        tabs: How many, where a crowd counts.
    """

    trials: int = 10
    minutes: float = 1
    tabs: int = 20


class Goal(NamedTuple):
    """What is to be reached.

    Fields:
        relation: "≤", "≥" or "=".
        value: In the figure's unit.
        is_for_all: Whether every trial is held to it; otherwise their median.
    """

    relation: str
    value: float
    is_for_all: bool = False

    def is_reached_by(self, value: float) -> bool:
        """Whether one value is as it should be."""
        return {"≤": value <= self.value, "≥": value >= self.value, "=": value == self.value}[self.relation]


@dataclass(frozen=True)
class Figure:
    """One thing that was measured a number of times.

    Fields:
        what: In words that need no others.
        unit: Of all its numbers; "" for a count.
        values: One for each trial, at least one.
        note: What else there is to say.
    """

    what: str
    unit: str
    values: Sequence[float]
    goal: Goal | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """The middle one of the values, or the mean of the two in the middle."""
        return median(self.values)

    @property
    def worst(self) -> float:
        """The value farthest on the wrong side; without a goal, the largest, or the smallest of rates."""
        goal = self.goal
        if goal is not None and goal.relation == "=":
            return max(self.values, key=lambda value: abs(value - goal.value))
        is_more_better = self.unit == "/s" if goal is None else goal.relation == "≥"
        return min(self.values) if is_more_better else max(self.values)

    @property
    def is_reached(self) -> bool | None:
        """Whether the goal was reached; None if there is none."""
        if self.goal is None:
            return None
        return self.goal.is_reached_by(self.worst if self.goal.is_for_all else self.median)

    def as_json(self) -> dict[str, Any]:
        """Return all there is to know, as JSON can carry it."""
        goal = self.goal
        return {
            "what": self.what,
            "unit": self.unit,
            "goal": None if goal is None else goal._asdict(),
            "is_reached": self.is_reached,
            "median": round(self.median, 3),
            "worst": round(self.worst, 3),
            "values": [round(value, 3) for value in self.values],
            "note": self.note,
        }


def at_most(value: float) -> Goal:
    """Return the goal of a median."""
    return Goal("≤", value)


def at_least(value: float) -> Goal:
    """Return the goal of a median."""
    return Goal("≥", value)


def never_over(value: float) -> Goal:
    """Return a goal that each trial has to reach."""
    return Goal("≤", value, is_for_all=True)


def exactly(value: float) -> Goal:
    """Return a goal that each trial has to meet."""
    return Goal("=", value, is_for_all=True)


def longest_gap(times: Sequence[float]) -> tuple[float, float]:
    """Return the two neighbours that are farthest apart.

    Args:
        times: At least two, in order.
    """
    return max(pairwise(times), key=lambda gap: gap[1] - gap[0])


def table(measured: Iterable[tuple[str, Sequence[Figure]]]) -> list[str]:
    """Return a table in lines, with notes below it; each group of figures has a name."""
    rows: list[tuple[str, ...]] = [_HEADINGS]
    notes = []
    for name, figures in measured:
        rows.append((f"{name}", *[""] * (len(_HEADINGS) - 1)))
        for figure in figures:
            rows.append(_row(figure))
            if figure.note:
                notes.append(f"{name}, {figure.what}: {figure.note}")
    widths = [max(len(row[column]) for row in rows if row[1:]) for column in range(len(_HEADINGS))]
    widths[0] = max((len(row[0]) for row in rows if any(row[1:])), default=0)
    return [_line(row, widths) for row in rows] + notes


def _row(figure: Figure) -> tuple[str, ...]:
    mark = {None: "", True: "✓", False: "✗"}[figure.is_reached]
    goal = figure.goal
    return (
        f"  {figure.what}",
        mark,
        "" if goal is None else f"{goal.relation} {_with_unit(goal.value, figure.unit)}",
        _with_unit(figure.median, figure.unit),
        _with_unit(figure.worst, figure.unit),
        str(len(figure.values)),
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if is_right else cell.ljust(width)
        for cell, width, is_right in zip(row, widths, _IS_RIGHT_ALIGNED, strict=True)
    ]
    return "  ".join(cells).rstrip()


def _with_unit(value: float, unit: str) -> str:
    return f"{shortened(value)} {unit}".rstrip()


def shortened(value: float) -> str:
    """Return a number to three digits, or to all those before the point."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
