"""Whether a tab that nobody looks at goes on serving, although its timers hardly run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tests.benchmarks.browser import visiting
from tests.benchmarks.figures import Figure, Options, exactly, never_over

TITLE: Final = "the server in a hidden tab under intensive throttling, another tab writing every second"
_THROTTLE: Final = "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/10"
_TOLD_EVERY_S: Final = 30
_WATCH_TIMERS: Final = """
globalThis.late = 0;
globalThis.due = 0;
const rest = () => {
  due = performance.now() + 1000;
  setTimeout(() => {
    late = Math.max(late, performance.now() - due);
    rest();
  }, 1000);
};
rest();
"""


def measure(options: Options, say: Callable[[str], None]) -> Iterator[Figure]:
    """Hide all tabs, for none that is seen would leave the server to one that is not."""
    latencies: list[float | None] = []
    seconds = round(60 * options.minutes)
    with visiting(_THROTTLE) as visited:
        runner, writer = tabs = visited.open_joined(2)
        for tab in tabs:
            tab.page.minimise()
            tab.page.wait_for("document.visibilityState === 'hidden'")
        runner.page.js(f"{{{_WATCH_TIMERS}}}")
        while len(latencies) < seconds:
            say(f"{len(latencies)} of {seconds} s")
            count = min(_TOLD_EVERY_S, seconds - len(latencies))
            latencies += writer.python(f"await write_every_second(doc, 'key', {count})")
        late_ms = runner.page.js("Math.max(late, performance.now() - due)")
        role = runner.status("role")
    acknowledged = [latency for latency in latencies if latency is not None]
    yield Figure(
        "writes acknowledged",
        "%",
        [100 * len(acknowledged) / len(latencies)],
        exactly(100),
        f"{len(latencies)} writes; in the end the tab that ran the server is {role}; "
        f"its timers were late by up to {late_ms / 1000:.0f} s",
    )
    if acknowledged:
        yield Figure("until a write is acknowledged", "ms", acknowledged, never_over(1000))
