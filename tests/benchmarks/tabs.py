"""What a crowd of tabs in a room costs the one that runs its server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from tests.benchmarks.browser import Tab, visiting
from tests.benchmarks.figures import Figure, Options, at_most

TITLE: Final = "the messages that the tab that runs the server posts, with few and with many tabs"
_FEW: Final = 2
_WRITES: Final = 100
_IDLE_S: Final = 2
_ONE_BROADCAST: Final = 1.1
"""A heartbeat more or less than there should be counts, too."""
_COUNT_POSTS: Final = """
globalThis.posted = 0;
const post = BroadcastChannel.prototype.postMessage;
BroadcastChannel.prototype.postMessage = function (message) {
  globalThis.posted += 1;
  post.call(this, message);
};
"""


def measure(options: Options, say: Callable[[str], None]) -> Iterator[Figure]:
    """Write in one tab while few look on, then many."""
    with visiting() as visited:
        runner, writer = visited.open_joined(_FEW, before_load=_COUNT_POSTS)
        yield from _figures(runner, writer, _FEW, options, say)
        say(f"opening {options.tabs - _FEW} more")
        visited.open_joined(options.tabs - _FEW)
        count = len(runner.status("tabs"))
        assert count == options.tabs, f"the room has {count} tabs"
        yield from _figures(runner, writer, count, options, say)


def _figures(
    runner: Tab, writer: Tab, count: int, options: Options, say: Callable[[str], None]
) -> Iterator[Figure]:
    idle, posts, latencies = [], [], []
    for number in range(options.trials):
        say(f"{count} tabs, {number + 1} of {options.trials}")
        idle.append(_posts_per_s(runner))
        before, begun = runner.page.js("posted"), time.monotonic()
        times = writer.python(f"await time_writes(doc, 'key', {_WRITES})")
        heartbeats = idle[-1] * (time.monotonic() - begun)
        posts.append((runner.page.js("posted") - before - heartbeats) / _WRITES)
        latencies += [acknowledged - begun for begun, acknowledged in times]
    yield Figure(
        f"{count} tabs, for each write of another, beside heartbeats", "", posts, at_most(_ONE_BROADCAST)
    )
    yield Figure(f"{count} tabs, in a second in which nobody writes", "", idle)
    yield Figure(f"{count} tabs, until another's write is acknowledged", "ms", latencies)


def _posts_per_s(runner: Tab) -> float:
    before, begun = runner.page.js("posted"), time.monotonic()
    time.sleep(_IDLE_S)
    posts: float = runner.page.js("posted") - before
    return posts / (time.monotonic() - begun)
