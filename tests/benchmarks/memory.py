"""What tabs in steady use hold on to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.benchmarks.browser import Tab, visiting
from tests.benchmarks.figures import Figure, Goal, Options, never_over

TITLE: Final = "what two tabs hold after use, beyond what they held before: writes, reads, joins and closes"
_WARM_UP_S: Final = 20
_TOLD_EVERY_S: Final = 10
_KINDS: Final = ("BroadcastChannel", "Worker", "IDBDatabase", "MessagePort", "Promise")
_COUNTED: Final = """
import gc
import pyodide_js
gc.collect()
[pyodide_js._module.HEAPU8.length / 1e6, len(gc.get_objects())]
"""


def measure(options: Options, say: Callable[[str], None]) -> Iterator[Figure]:
    """Use a room from two tabs, and look what they hold before and after."""
    with visiting() as visited:
        tabs = visited.open_joined(2)
        _use(tabs, _WARM_UP_S, say)
        before = [_held(tab) for tab in tabs]
        done = _use(tabs, 60 * options.minutes, say)
        after = [_held(tab) for tab in tabs]
    for what, (_, unit, goal) in before[0].items():
        changes = [(one[what][0], other[what][0]) for one, other in zip(before, after, strict=True)]
        yield Figure(
            what,
            unit,
            [new - old for old, new in changes],
            goal,
            "; ".join(f"{old:,.1f} → {new:,.1f}" for old, new in changes),
        )
    yield Figure("what each tab did meanwhile", "", done, None, "writes, updates, reads and joins")


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


def _held(tab: Tab) -> dict[str, tuple[float, str, Goal | None]]:
    """Return what a tab holds, by names, each with its unit and a goal for its growth."""
    page = tab.page
    wasm_mb, objects = tab.python(_COUNTED)
    for domain in ("HeapProfiler", "Performance"):
        page.call(f"{domain}.enable")
    page.call("HeapProfiler.collectGarbage")
    metrics = {one["name"]: one["value"] for one in page.call("Performance.getMetrics")["metrics"]}
    held: dict[str, tuple[float, str, Goal | None]] = {
        "JavaScript heap": (metrics["JSHeapUsedSize"] / 1e6, "MB", None),
        "Python's memory": (wasm_mb, "MB", None),
        "Python's containers": (objects, "", None),
        "event listeners": (metrics["JSEventListeners"], "", never_over(0)),
        "nodes": (metrics["Nodes"], "", never_over(0)),
    }
    for kind in _KINDS:
        held[f"{kind}s"] = (_instances(page, f"{kind}.prototype"), "", never_over(0))
    held["Python's proxies"] = (_instances(page, "proxyClass.prototype"), "", never_over(0))
    return held


def _instances(page: Any, prototype: str) -> int:
    """Return how many objects have this prototype."""
    group = {"objectGroup": "benchmarks"}
    prototype_id = page.call("Runtime.evaluate", expression=prototype, **group)["result"]["objectId"]
    found = page.call("Runtime.queryObjects", prototypeObjectId=prototype_id, **group)["objects"]["objectId"]
    count = page.call(
        "Runtime.callFunctionOn",
        objectId=found,
        functionDeclaration="function () { return this.length; }",
        returnByValue=True,
    )
    page.call("Runtime.releaseObjectGroup", **group)
    return int(count["result"]["value"])
