"""Linearizable reads (§6.4): rounds that tell how far this replica must have applied.

A read may join only a round that begins after it arrived, so those that come
while one is under way share the next one. If no answer comes a further round
begins for all; an answer to an earlier one, however late, still serves those
that had joined it by then.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from typing import Final, Protocol

from webraft_web.clock import Clock
from webraft_web.core.errors import WebraftError
from webraft_web.document.waiting import Deadlines, Waiter

ASK_AGAIN_MS: Final = 2_000
"""When to ask again if no answer comes at all."""

RETRY_MS: Final = 50
"""When to ask again after an error; doubles up to `MAX_RETRY_MS`."""

MAX_RETRY_MS: Final = 1_000


class Reader(Protocol):
    """The part of a `Replica` that reads need."""

    def read(self, done: Callable[[int | WebraftError], None]) -> None: ...


class _Timer(Enum):
    ASK_AGAIN = auto()


class Reads:
    """One client's reads.

    Invariant: each waiter is in one place: `_joining` the next round, `_asked`
    with the number of the first that it joined, or `_confirmed` until its index is applied.
    """

    def __init__(self, replica: Reader, clock: Clock) -> None:
        self._replica = replica
        self._clock = clock
        self._joining: list[Waiter[None]] = []
        self._asked: dict[Waiter[None], int] = {}
        self._confirmed: list[tuple[int, Waiter[None]]] = []
        self._round = 0
        self._errors = 0
        self._is_asking_soon = False
        self._applied_index = 0
        self._timers: Deadlines[_Timer] = Deadlines(clock, self._on_time)

    def begin(self) -> Waiter[None]:
        """Return what settles once this replica holds every write acknowledged before this call."""
        waiter: Waiter[None] = Waiter()
        self._joining.append(waiter)
        if not self._is_asking_soon:
            self._is_asking_soon = True
            self._clock.call_soon(self._ask)
        return waiter

    def drop(self, waiter: Waiter[None]) -> None:
        """Forget a read, settled or given up."""
        if waiter in self._joining:
            self._joining.remove(waiter)
        self._asked.pop(waiter, None)
        self._confirmed = [entry for entry in self._confirmed if entry[1] is not waiter]

    def applied(self, index: int) -> None:
        """Serve the reads that waited for this index."""
        self._applied_index = index
        if self._confirmed:
            served = [waiter for wanted, waiter in self._confirmed if wanted <= index]
            self._confirmed = [entry for entry in self._confirmed if entry[0] > index]
            for waiter in served:
                waiter.settle(None)

    def reset(self) -> None:
        """Begin anew at index 0: all that was asked and confirmed was another cluster's."""
        self._applied_index = 0
        self._joining = [*[waiter for _, waiter in self._confirmed], *self._asked, *self._joining]
        self._confirmed = []
        self._asked = {}
        self.ask_again()

    def ask_again(self) -> None:
        """Begin a round for all that wait: whoever was to answer the earlier ones may be gone."""
        self._round += 1
        self._asked.update((waiter, self._round) for waiter in self._joining)
        self._joining = []
        if self._asked:
            self._timers.set(_Timer.ASK_AGAIN, self._clock.now_ms() + ASK_AGAIN_MS)
            self._replica.read(partial(self._on_answer, self._round))

    def close(self) -> None:
        """Ask nothing more."""
        self._joining = []
        self._asked = {}
        self._confirmed = []
        self._timers.close()

    def _ask(self) -> None:
        """Begin a round for those that join it, unless one is under way."""
        self._is_asking_soon = False
        if self._joining and not self._asked:
            self.ask_again()

    def _on_answer(self, number: int, answer: int | WebraftError) -> None:
        if isinstance(answer, WebraftError):
            if number == self._round:  # else a newer one is still to be answered
                delay_ms = min(RETRY_MS << min(self._errors, 8), MAX_RETRY_MS)
                self._errors += 1
                self._timers.set(_Timer.ASK_AGAIN, self._clock.now_ms() + delay_ms)
            return
        self._errors = 0
        for waiter in [waiter for waiter, joined in self._asked.items() if joined <= number]:
            del self._asked[waiter]
            self._confirmed.append((answer, waiter))
        if not self._asked:
            self._timers.drop(_Timer.ASK_AGAIN)
        self.applied(self._applied_index)
        self._ask()

    def _on_time(self, _: _Timer) -> None:
        self.ask_again()
