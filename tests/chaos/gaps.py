"""How long nobody's write was acknowledged, by what had been done to the tabs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

_DELAY_MS: Final = 50
"""A page hears of what is done to it a little later, and others may be answered meanwhile."""


class Mark(NamedTuple):
    """An action, as far as gaps are concerned.

    Fields:
        at_ms: When it began.
        cause: What it is counted as.
        stops_all: Whether nobody can go on after it who was there before.
    """

    at_ms: float
    cause: str
    stops_all: bool = False


def find_gaps(marks: list[Mark], acknowledged_ms: list[float]) -> dict[str, list[float]]:
    """Return for each cause the longest gaps, in milliseconds, one for each action that had any.

    A gap is put down to the first action within it or just before, unless a later one within it
    stops all; if there is none, to the last one before it.

    Args:
        marks: In the order of time.
        acknowledged_ms: When writes were acknowledged, in the order of time.
    """
    times = [mark.at_ms for mark in marks]
    longest: dict[int, float] = {}
    for begin, end in pairwise(acknowledged_ms):
        first_within = bisect_left(times, begin - _DELAY_MS)
        after = bisect_right(times, end)
        blamed = first_within if first_within < after else first_within - 1
        blamed = next((one for one in range(first_within, after) if marks[one].stops_all), blamed)
        if blamed >= 0:
            longest[blamed] = max(longest.get(blamed, 0), end - begin)
    gaps: dict[str, list[float]] = {}
    for blamed, length in sorted(longest.items()):
        gaps.setdefault(marks[blamed].cause, []).append(length)
    return gaps


def describe_gaps(gaps: dict[str, list[float]]) -> list[str]:
    """Return a table, the longest gap first."""
    rows = sorted(gaps.items(), key=lambda row: -max(row[1]))
    width = max((len(cause) for cause in gaps), default=0)
    return [
        f"  {cause:<{width}}  {len(lengths):4} times  median {median(lengths):6.0f} ms"
        f"  longest {max(lengths):6.0f} ms"
        for cause, lengths in rows
    ]
