"""Web Locks, simulated: exclusive, first come first served, and stolen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Owner(Protocol):
    """A page that asks for locks."""

    def happen(self, callback: Callable[..., None], *args: object, source: object = None) -> None:
        """Have `callback` run in the page after a while."""


class SimulatedLock:
    """One request, waiting or held; a `site.platform.LockRequest`."""

    def __init__(
        self,
        locks: Locks,
        owner: Owner,
        name: str,
        on_held: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self.owner = owner
        self.name = name
        self.is_over = False
        self._locks = locks
        self._on_held = on_held
        self._on_lost = on_lost

    def release(self) -> None:
        self.is_over = True
        self._locks.drop(self)

    def tell_held(self) -> None:
        """Tell the page that it holds the lock."""
        self.owner.happen(self._unless_over, self._on_held, source="locks")

    def tell_lost(self, refusal: str = "") -> None:
        """Tell the page that its lock was stolen, or that the browser refused it."""
        self.owner.happen(self._unless_over, self._on_lost, refusal, source="locks")

    def _unless_over(self, callback: Callable[..., None], *args: str) -> None:
        if not self.is_over:
            callback(*args)


class Locks:
    """All locks of one origin.

    Attributes:
        refusal: What the browser answers to every request, "" if it does not refuse them.
        requests: How many there have been.
    """

    def __init__(self) -> None:
        self.refusal = ""
        self.requests = 0
        self._held: list[SimulatedLock] = []
        self._queue: list[SimulatedLock] = []

    def request(self, lock: SimulatedLock, *, steal: bool) -> None:
        """Grant the lock now or later; with `steal`, now, at the cost of whoever holds it."""
        self.requests += 1
        if self.refusal:
            lock.tell_lost(self.refusal)
            return
        if steal:
            for other in [held for held in self._held if held.name == lock.name]:
                self._held.remove(other)
                other.tell_lost()
            self._queue.insert(0, lock)
        else:
            self._queue.append(lock)
        self._grant()

    def drop(self, lock: SimulatedLock) -> None:
        """Forget a request, and grant what it stood in the way of."""
        for requests in (self._held, self._queue):
            if lock in requests:
                requests.remove(lock)
        self._grant()

    def release_all(self, owner: Owner) -> None:
        """Forget all requests of a page that is no more."""
        for lock in [lock for lock in self._held + self._queue if lock.owner is owner]:
            self.drop(lock)

    def held_names(self, prefix: str) -> list[str]:
        """Return the names of all held locks that begin with `prefix`."""
        return sorted({lock.name for lock in self._held if lock.name.startswith(prefix)})

    def _grant(self) -> None:
        for lock in list(self._queue):
            if all(held.name != lock.name for held in self._held):
                self._queue.remove(lock)
                self._held.append(lock)
                lock.tell_held()
