"""How the clocks of tabs compare, without trust in any of them.

Each tab notes times by its own `performance.now()`, which runs evenly but
begins anywhere: `performance.timeOrigin` comes from a wall clock that each
process reads for itself, so that sums of the two agree between tabs only to a
millisecond or so, and nobody vouches for that. Were one tab's times a little
late, an operation would seem to come after another with which it overlapped,
and a correct run be accused.

So nothing here relies on it. The own clock is read before and after a tab is
asked for its time, which bounds by how much the two differ, and the narrowest
bounds of many such questions count; those from before and after the run are
joined, in case clocks drift. What is left, with what browsers round their
clocks by, is the history's uncertainty: two operations of different tabs count
as one after the other only if they are further apart. What one tab did itself
is in order without any of that. The verdict is then sound: if it says no, no
clock is to blame. It may miss a stale read that is stale by less than the
uncertainty.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from tests.tabs.browser import Page

QUESTIONS = 40
ROUNDING_MS = 0.2  # browsers round to 0.1 ms, and may shift where they round


def bounds_of_difference(page: Page) -> tuple[float, float]:
    """Return between which values the difference lies of the own clock and a page's, in milliseconds."""
    lowest, highest = float("-inf"), float("inf")
    for _ in range(QUESTIONS):
        before = now_ms()
        there = page.js("performance.now()")
        after = now_ms()
        lowest = max(lowest, before - there - ROUNDING_MS)
        highest = min(highest, after - there + ROUNDING_MS)
    return lowest, highest


def joined(bounds: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return bounds that hold at several times, from those that hold at each."""
    lowest, highest = zip(*bounds, strict=True)
    return min(lowest), max(highest)


def now_ms() -> float:
    """Return the time by the own clock."""
    return time.monotonic() * 1000
