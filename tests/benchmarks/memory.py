"""What tabs in steady use hold on to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.benchmarks.browser import Tab, visiting
from tests.benchmarks.figures import Figure, Goal, Options, never_over, shortened

TITLE: Final = "what two tabs hold after use, beyond what they held before: writes, reads, joins and closes"
_WARM_UP_S: Final = 20
_TOLD_EVERY_S: Final = 10
_COUNT: Final = (Path(__file__).parent / "pages" / "counting.js").read_text(encoding="utf-8")
_TRACE_PROXIES: Final = """
import gc
import pyodide_js
pyodide_js._module.enable_pyproxy_allocation_tracing()
"""
_COUNT_IN_PYTHON: Final = """
gc.collect()
module = pyodide_js._module
[module.HEAPU8.length / 1e6, len(gc.get_objects()), module._hiwire_num_refs(), module.pyproxy_alloc_map.size]
"""


class Amount(NamedTuple):
    """How much of something a tab holds, and how much more it may hold later."""

    value: float
    unit: str = ""
    goal: Goal | None = never_over(0)


def measure(options: Options, say: Callable[[str], None]) -> Iterator[Figure]:
    """Use a room from two tabs, and look what they hold before and after."""
    with visiting() as visited:
        tabs = visited.open(2, before_load=_COUNT)
        for tab in tabs:
            tab.python(_TRACE_PROXIES)
            tab.join()
        _use(tabs, _WARM_UP_S, say)
        before = [_held(tab) for tab in tabs]
        done = _use(tabs, 60 * options.minutes, say)
        after = [_held(tab) for tab in tabs]
    for what, (_, unit, goal) in before[0].items():
        changes = [(one[what].value, other[what].value) for one, other in zip(before, after, strict=True)]
        note = "; ".join(f"{shortened(old)} → {shortened(new)}" for old, new in changes)
        yield Figure(what, unit, [new - old for old, new in changes], goal, note)
    yield Figure("calls that each tab made meanwhile", "", done)


def _use(tabs: list[Tab], seconds: float, say: Callable[[str], None]) -> list[float]:
    done = [0.0 for _ in tabs]
    end = time.monotonic() + seconds
    while (left_s := end - time.monotonic()) > 0:
        say(f"{left_s:.0f} s left")
        lasting_ms = 1000 * min(_TOLD_EVERY_S, left_s)
        using = [
            tab.start(f"await use_all(doc, 'tab{place}', {lasting_ms})") for place, tab in enumerate(tabs)
        ]
        done = [sum(pair) for pair in zip(done, [one.result() for one in using], strict=True)]
    return done


def _held(tab: Tab) -> dict[str, Amount]:
    """Return what a tab holds, by names."""
    memory_mb, containers, references, proxies = tab.python(_COUNT_IN_PYTHON)
    tab.page.call("HeapProfiler.collectGarbage")
    tab.page.call("Performance.enable")
    metrics = {one["name"]: one["value"] for one in tab.page.call("Performance.getMetrics")["metrics"]}
    held = tab.page.js("held")
    held["locks"] = tab.page.js("navigator.locks.query().then((all) => all.held.length + all.pending.length)")
    return {
        "JavaScript's heap": Amount(metrics["JSHeapUsedSize"] / 1e6, "MB", None),
        "Python's memory": Amount(memory_mb, "MB", None),
        "Python's containers": Amount(containers, goal=None),
        "JavaScript objects that Python holds": Amount(references),
        "Python objects that JavaScript holds": Amount(proxies),
        "event listeners": Amount(metrics["JSEventListeners"]),
        **{kind: Amount(count) for kind, count in held.items()},
    }
