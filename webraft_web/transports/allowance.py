"""How much of something is allowed: a limit that lets a burst pass, and holds in the long run."""

from __future__ import annotations


class Allowance:
    """A bucket that fills with time, and that whatever is limited takes from.

    Args:
        per_s: How much flows in each second.
        burst: How much it holds; it begins full.
        now_ms: The time now.
    """

    def __init__(self, per_s: float, burst: float, now_ms: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = burst
        self._at_ms = now_ms

    def take(self, now_ms: int) -> bool:
        """Take one; return whether there was one left."""
        self._left = min(self._burst, self._left + (now_ms - self._at_ms) * self._per_s / 1000)
        self._at_ms = now_ms
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def fine(self, count: float) -> None:
        """Take `count` more for something that was not worth what it took, if need be on credit."""
        self._left -= count
