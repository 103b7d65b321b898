"""How soon a write is acknowledged and seen elsewhere, and how many there are in a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from tests.benchmarks.browser import Tab, clock_difference, visiting
from tests.benchmarks.figures import Figure, Options, at_least, at_most, exactly

TITLE: Final = "acknowledged writes: how soon, how many, and how soon another tab has them"
_WARM_UP: Final = 200
_IN_A_ROW: Final = 100
_OUTSTANDING: Final = 64
_LASTING_MS: Final = 2000
_INCREMENTS: Final = 200
_TABS: Final = 3
_INCREMENT: Final = f"""
def increment(state):
    state["n"] += 1
for _ in range({_INCREMENTS}):
    await doc.update(increment)
"""


def measure(options: Options, say: Callable[[str], None]) -> Iterator[Figure]:
    """Write alone, then beside other tabs."""
    with visiting() as visited:
        runner = visited.open_joined(1)[0]
        say("alone")
        yield Figure("alone, one outstanding", "ms", _latencies(runner, options), at_most(2))
        yield Figure(
            f"alone, {_OUTSTANDING} outstanding", "/s", _rates([runner], options, say), at_least(8000)
        )
        tabs = [runner, *visited.open_joined(_TABS - 1)]
        _, writer, reader = tabs
        say(f"{_TABS} tabs")
        yield Figure("in the tab that runs the server", "ms", _latencies(runner, options), at_most(2))
        yield Figure("in another tab", "ms", _latencies(writer, options), at_most(3))
        yield _figure_until_seen("from another tab to a third", writer, reader, options)
        yield _figure_until_seen("from the tab that runs the server", runner, reader, options)
        yield Figure(
            f"{_TABS} tabs, {_OUTSTANDING} outstanding each",
            "/s",
            _rates(tabs, options, say),
            at_least(12_000),
        )
        yield from _figures_of_increments(tabs, options, say)


def _latencies(tab: Tab, options: Options) -> list[float]:
    tab.python(f"await time_writes(doc, 'key', {_WARM_UP})")
    times = tab.python(f"await time_writes(doc, 'key', {options.trials * _IN_A_ROW})")
    return [acknowledged - begun for begun, acknowledged in times]


def _rates(tabs: list[Tab], options: Options, say: Callable[[str], None]) -> list[float]:
    rates = []
    for number in range(options.trials):
        say(f"{_OUTSTANDING} outstanding, {len(tabs)} writing, {number + 1} of {options.trials}")
        writing = [
            tab.start(f"await write_at_rate(doc, '{place}.', {_OUTSTANDING}, {_LASTING_MS})")
            for place, tab in enumerate(tabs)
        ]
        rates.append(sum(one.result() for one in writing))
    return rates


def _figure_until_seen(what: str, writer: Tab, reader: Tab, options: Options) -> Figure:
    """Time from the call of `patch` until `updated` in another tab."""
    difference, uncertainty = clock_difference(writer.page, reader.page)
    reader.python("watcher = Watcher(doc, 'seen')\nNone")
    times = writer.python(f"await time_writes(doc, 'seen', {options.trials * _IN_A_ROW})")
    reader.python("await doc.read()")
    seen = dict(reader.python("watcher.seen"))
    reader.python("watcher.stop()")
    return Figure(
        f"{what}, until `updated`",
        "ms",
        [seen[number] - (begun + difference) for number, (begun, _) in enumerate(times)],
        at_most(3),
        f"the tabs' clocks compared to ±{uncertainty:.2f} ms",
    )


def _figures_of_increments(tabs: list[Tab], options: Options, say: Callable[[str], None]) -> Iterator[Figure]:
    totals, durations = [], []
    for number in range(options.trials):
        say(f"increments, {number + 1} of {options.trials}")
        tabs[0].python("await write(doc, 'n', 0)")
        begun = time.monotonic()
        adding = [tab.start(_INCREMENT) for tab in tabs]
        for one in adding:
            one.result()
        durations.append(time.monotonic() - begun)
        totals += [tab.python("(await doc.read())['n']") for tab in tabs]
    what = f"{len(tabs)} tabs x {_INCREMENTS} increments"
    yield Figure(f"{what}, what each tab reads", "", totals, exactly(len(tabs) * _INCREMENTS))
    yield Figure(f"{what}, until the last is done", "s", durations)
