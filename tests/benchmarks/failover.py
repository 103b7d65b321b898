"""How long nobody's write is acknowledged when the tab that runs the server dies, sleeps or hangs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from tests.benchmarks.browser import Tab, Visited, visiting
from tests.benchmarks.figures import Figure, Goal, Options, at_most, longest_gap
from tests.tabs.browser import wait_until

TITLE: Final = "the longest gap between the writes acknowledged in another tab, one outstanding"
_WRITES_BEFORE: Final = 200
_WRITES_AFTER: Final = 50
_LAST_WORDS_MS: Final = 20
_LISTEN_S: Final = 0.2
_PATIENCE_S: Final = 90
"""A page that is stopped in the instant of a write has the browser keep the store locked for a minute."""
_LOCK_GOAL: Final = at_most(60)
_SILENCE_GOAL: Final = at_most(1500)
_FREEZE_GOAL: Final = at_most(150)

# A lock held by the tab that will be gone, and waited for by the one that stays, tells when the
# browser notices. Who goes to sleep in an orderly way lets it go at once, as the room's is.
_HOLD_PROBE: Final = """
new Promise((isHeld) => navigator.locks.request("probe", () => new Promise((release) => {
  globalThis.releaseProbe = release;
  addEventListener("pagehide", release, { once: true });
  document.addEventListener("freeze", release, { once: true });
  isHeld(true);
})))
"""
_AWAIT_PROBE: Final = """
globalThis.arrival = 0;
navigator.locks.request("probe", () => { globalThis.arrival = performance.now(); });
true
"""


class Trial(NamedTuple):
    """What one death cost.

    Fields:
        gap_ms: The longest time between two acknowledgements.
        from_lock_ms: From the lock's arrival until a write is acknowledged.
    """

    gap_ms: float
    from_lock_ms: float


@dataclass
class Stage:
    """A tab that writes all the time, and one that runs the server until something befalls it."""

    visited: Visited
    survivor: Tab
    victim: Tab | None = None
    pid: int = 0

    def prepare(self) -> Tab:
        """Have the victim run the server, and the survivor write; returns the victim."""
        if self.victim is None:
            self.victim = self.visited.open()[0]
            self.pid = _pid(self.victim)
        victim = self.victim
        if not victim.python("'doc' in globals()"):
            victim.join()
        victim.page.js(_HOLD_PROBE)
        self.survivor.page.js(_AWAIT_PROBE)
        self.survivor.python("await doc.close()")
        wait_until(lambda: victim.status("role") == "leader", "the tab to run the server")
        self.survivor.join()
        self.survivor.python("writer = Writer(doc)\nNone")
        self._wait_for_writes(_WRITES_BEFORE)
        assert victim.status("role") == "leader", "nothing has happened to it yet"
        return victim

    def suffer(self, befall: Callable[[Stage, Tab], None]) -> None:
        """Let something befall the tab that runs the server, and wait until writes go on for good."""
        assert self.victim is not None, "it was prepared"
        befall(self, self.victim)

        def has_taken_over() -> bool:
            self.visited.browser.attend(_LISTEN_S)
            return bool(self.survivor.python("doc.status()['runner'] == doc.status()['tab']"))

        writes = self._writes()
        try:
            wait_until(has_taken_over, "the other tab to run the server", _PATIENCE_S)
        except TimeoutError as error:
            count, status = self._writes() - writes, self.survivor.python("doc.status()")
            raise TimeoutError(f"{error}; {count} writes were acknowledged meanwhile: {status}") from None
        self._wait_for_writes(self._writes() + _WRITES_AFTER)

    def account(self, *, has_lock: bool) -> Trial:
        """Return what it cost."""
        self.survivor.python("await writer.stop()")
        acknowledged = self.survivor.python("writer.acknowledged")
        begin, end = longest_gap(acknowledged)
        from_lock_ms = since_lock(acknowledged, self.survivor.page.js("arrival")) if has_lock else 0
        return Trial(end - begin, from_lock_ms)

    def replace_victim(self) -> None:
        """Take another tab next time; this one is gone, or is to go."""
        assert self.victim is not None, "it was prepared"
        if self.pid in self.visited.browser.renderer_pids():
            os.kill(self.pid, signal.SIGKILL)
        self.victim = None

    def _writes(self) -> int:
        return int(self.survivor.python("len(writer.acknowledged)"))

    def _wait_for_writes(self, count: int) -> None:
        def are_there() -> bool:
            self.visited.browser.attend(_LISTEN_S)
            return self._writes() >= count

        wait_until(are_there, f"{count} writes", _PATIENCE_S)


def since_lock(acknowledged: list[float], arrival: float) -> float:
    """Return how long after the lock's arrival writes were acknowledged again.

    What the former holder acknowledged last may be heard of a little after the
    lock came: the longest gap from then on is what counts. How long later ones
    are, once the next has taken over, is nothing to the lock.
    """
    around = [time for time in acknowledged if time <= arrival + _LAST_WORDS_MS]
    following = next(time for time in acknowledged if time > arrival + _LAST_WORDS_MS)
    before = [time for time in around if time <= arrival]
    return longest_gap([*before[-1:], *around[len(before) :], following])[1] - arrival


def _pid(tab: Tab) -> int:
    """Return the id of a tab's process, found twice: it goes by the time used, as another may have."""
    while (pid := tab.page.pid()) != tab.page.pid():
        pass
    return pid


def _close(stage: Stage, victim: Tab) -> None:
    stage.visited.browser.call("Target.closeTarget", targetId=victim.page.target)


def _kill(stage: Stage, victim: Tab) -> None:
    os.kill(stage.pid, signal.SIGKILL)


def _crash(stage: Stage, victim: Tab) -> None:
    victim.page.send("Page.crash")


def _leave(stage: Stage, victim: Tab) -> None:
    victim.page.send("Page.navigate", url=f"{stage.visited.url}wheels/index.json")


def _reload(stage: Stage, victim: Tab) -> None:
    victim.page.send("Page.reload")


def _freeze(stage: Stage, victim: Tab) -> None:
    victim.page.send("Page.setWebLifecycleState", state="frozen")


def _stop(stage: Stage, victim: Tab) -> None:
    os.kill(stage.pid, signal.SIGSTOP)


def _spin(stage: Stage, victim: Tab) -> None:
    victim.start("while True: pass")


def _end(stage: Stage, victim: Tab) -> None:
    stage.replace_victim()


def _return(stage: Stage, victim: Tab) -> None:
    entries = victim.page.call("Page.getNavigationHistory")["entries"]
    ids = [entry["id"] for entry in entries if entry["url"].endswith("/tab.html")]
    victim.page.send("Page.navigateToHistoryEntry", entryId=ids[-1])
    stage.visited.browser.attend(_LISTEN_S)
    victim.page.wait_for("location.pathname === '/tab.html'")
    # Python lives on if the page was kept; then it is not loaded again, and has not left its room.
    if not victim.page.js("Boolean(globalThis.releaseProbe)"):
        victim.wait_until_ready()


def _boot_again(stage: Stage, victim: Tab) -> None:
    victim.page.wait_for("globalThis.isReady && !globalThis.releaseProbe")
    victim.wait_until_ready()
    stage.pid = _pid(victim)


def _thaw(stage: Stage, victim: Tab) -> None:
    victim.page.thaw()
    _restore(stage, victim)


def _restore(stage: Stage, victim: Tab) -> None:
    victim.page.restore()
    stage.survivor.page.restore()


def _hide(stage: Stage, victim: Tab) -> None:
    # Only what nobody looks at is frozen; a tab that is looked at would be preferred to it beforehand.
    stage.survivor.page.minimise()
    victim.page.minimise()


def _continue(stage: Stage, victim: Tab) -> None:
    os.kill(stage.pid, signal.SIGCONT)
    victim.page.js("releaseProbe()")


def _nothing(stage: Stage, victim: Tab) -> None:
    """Leave all as it is."""


class Fate(NamedTuple):
    """What may befall the tab that runs the server.

    Fields:
        befall: Does it, and does not wait for it.
        afterwards: Makes the tab one that can be used again, or has it replaced.
        goal: For the gap, or if the lock comes by itself for the time from then on.
        beforehand: What has to be so before.
    """

    befall: Callable[[Stage, Tab], None]
    afterwards: Callable[[Stage, Tab], None]
    goal: Goal
    beforehand: Callable[[Stage, Tab], None] = _nothing

    @property
    def has_lock(self) -> bool:
        """Whether the lock comes by itself."""
        return self.goal is _LOCK_GOAL


FATES: Final = {
    "closed": Fate(_close, _end, _LOCK_GOAL),
    "killed": Fate(_kill, _end, _LOCK_GOAL),
    "crashed": Fate(_crash, _end, _LOCK_GOAL),
    "navigated away": Fate(_leave, _return, _LOCK_GOAL),
    "reloaded": Fate(_reload, _boot_again, _LOCK_GOAL),
    "frozen, with its event": Fate(_freeze, _thaw, _FREEZE_GOAL, _hide),
    "stopped, without any": Fate(_stop, _continue, _SILENCE_GOAL),
    "spinning in Python": Fate(_spin, _end, _SILENCE_GOAL),
}


def measure(options: Options, say: Callable[[str], None]) -> Iterator[Figure]:
    """Have every fate befall a tab a number of times."""
    with visiting() as visited:
        stage = Stage(visited, visited.open_joined(1)[0])
        for name, fate in FATES.items():
            trials = []
            for number in range(options.trials):
                say(f"{name}, {number + 1} of {options.trials}")
                victim = stage.prepare()
                fate.beforehand(stage, victim)
                stage.suffer(fate.befall)
                trials.append(stage.account(has_lock=fate.has_lock))
                fate.afterwards(stage, victim)
            gaps = [trial.gap_ms for trial in trials]
            yield Figure(f"{name}, from end to end", "ms", gaps, None if fate.has_lock else fate.goal)
            if fate.has_lock:
                yield Figure(
                    f"{name}, from the lock's arrival",
                    "ms",
                    [trial.from_lock_ms for trial in trials],
                    fate.goal,
                )
