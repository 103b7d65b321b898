"""Virtual time: what happens when and to whom, and a trace of it.

Everything that happens is an event in one queue, ordered by time and by the
order in which it was asked for; chance comes from one seed. So a run is a
function of its seed.
"""

from __future__ import annotations

import heapq
import random
import zlib
from collections import Counter, deque
from collections.abc import Callable

Action = Callable[[], object]

KEPT_EVENTS = 400
MOST_AT_ONCE = 100_000
"""So many events at one moment are not work any more."""


class SafetyError(Exception):
    """Something happened that must never happen."""


class LivenessError(Exception):
    """Nothing fails any more, and still something does not happen that should."""


class Struck(BaseException):
    """A process dies here, in the midst of what it does. No handler of ordinary errors stops it."""


class World:
    """Time, chance, and what is remembered.

    Attributes:
        counts: How often what happened.
        digest: Of the whole trace: equal for equal runs.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.now_ms = 0
        self.counts: Counter[str] = Counter()
        self.digest = 0
        self.last_events: deque[tuple[int, str, str]] = deque(maxlen=KEPT_EVENTS)
        self.after_event: Callable[[Process], None] = lambda _: None
        self._events: list[tuple[int, int, Process | None, Action]] = []
        self._number = 0

    def at(self, delay_ms: int, action: Action, process: Process | None = None) -> None:
        """Have `action` happen in `delay_ms`, in a process or outside of all."""
        self._number += 1
        heapq.heappush(self._events, (self.now_ms + delay_ms, self._number, process, action))

    def note(self, what: str, detail: str = "") -> None:
        """Put a line into the trace: the detail is shown in full, or decoded, only if it comes to that."""
        self.digest = zlib.crc32(f"{self.now_ms} {what} {detail}".encode(), self.digest)
        self.last_events.append((self.now_ms, what, detail))

    def run(self, until_ms: int) -> None:
        """Let time pass."""
        events = self._events
        standing = 0
        while events and events[0][0] <= until_ms:
            standing = standing + 1 if events[0][0] == self.now_ms else 0
            if standing > MOST_AT_ONCE:
                raise LivenessError(f"{MOST_AT_ONCE} events at {self.now_ms} ms: something goes in circles")
            self.now_ms, _, process, action = heapq.heappop(events)
            if process is None:
                action()
            else:
                process.execute(action)
        self.now_ms = until_ms

    def is_likely(self, probability: float) -> bool:
        """Toss a coin."""
        return probability > 0 and self.chance.random() < probability


class Process:
    """A running program: a tab, or a page of its own.

    Once it is dead nothing happens in it any more; while it is frozen, what is
    meant for it waits. `fuse` counts down the points at which it may die.
    """

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.is_alive = True
        self.is_frozen = False
        self.ahead_ms = 0
        """How far its clock has jumped forward."""
        self.throttled_to_ms = 0
        """Timers fire at multiples of this only, as in a hidden tab; 0 for exactly."""
        self.fuse = -1
        self._backlog: list[Action] = []

    def at(self, delay_ms: int, action: Action) -> None:
        """Have `action` happen here, later."""
        self.world.at(delay_ms, action, self)

    def execute(self, action: Action) -> None:
        """Do `action` now, if this process is alive and awake."""
        if not self.is_alive:
            return
        if self.is_frozen:
            self._backlog.append(action)
            return
        try:
            action()
        except Struck:
            self.die("struck down")
        self.world.after_event(self)

    def crash_point(self) -> None:
        """Die here, if the fuse has burnt down."""
        if self.fuse >= 0:
            self.fuse -= 1
            if self.fuse < 0:
                raise Struck

    def die(self, why: str) -> None:
        """End at once."""
        if self.is_alive:
            self.world.note(f"{self.name} dies: {why}")
            self.world.counts["crashes"] += 1
            self.is_alive = False
            self._backlog = []

    def freeze(self) -> None:
        """Stand still, noticing nothing."""
        if not self.is_frozen:
            self.world.note(f"{self.name} freezes")
            self.world.counts["freezes"] += 1
            self.is_frozen = True

    def thaw(self) -> None:
        """Go on, as if no time had passed."""
        if self.is_frozen:
            self.world.note(f"{self.name} goes on")
            self.is_frozen = False
            backlog, self._backlog = self._backlog, []
            for action in backlog:
                self.at(0, action)


class ProcessClock:
    """A process's `Clock`."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now_ms(self) -> int:
        return self._process.world.now_ms + self._process.ahead_ms

    def timer(self, callback: Callable[[], None]) -> ProcessTimer:
        return ProcessTimer(self._process, self, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._process.at(0, callback)


class ProcessTimer:
    """A timer with at most one event under way, as browsers' timers are costly."""

    def __init__(self, process: Process, clock: ProcessClock, callback: Callable[[], None]) -> None:
        self._process = process
        self._clock = clock
        self._callback = callback
        self._deadline_ms: int | None = None
        self._armed_ms: int | None = None
        self._number = 0

    def set(self, deadline_ms: int | None) -> None:
        self._deadline_ms = deadline_ms
        if deadline_ms is not None and (self._armed_ms is None or self._armed_ms > deadline_ms):
            self._arm(deadline_ms)

    def close(self) -> None:
        self._deadline_ms = None
        self._number += 1
        self._armed_ms = None

    def _arm(self, deadline_ms: int) -> None:
        self._number += 1
        self._armed_ms = deadline_ms
        number = self._number
        delay_ms = max(0, deadline_ms - self._clock.now_ms())
        slot_ms = self._process.throttled_to_ms
        if slot_ms:
            delay_ms += -(self._process.world.now_ms + delay_ms) % slot_ms
        self._process.at(delay_ms, lambda: self._fire(number))

    def _fire(self, number: int) -> None:
        if number != self._number:
            return
        self._armed_ms = None
        deadline_ms = self._deadline_ms
        if deadline_ms is None:
            return
        if self._clock.now_ms() < deadline_ms:
            self._arm(deadline_ms)
            return
        self._deadline_ms = None
        self._callback()
