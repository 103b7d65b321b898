"""How long the server of a room waits: its peers are pages, which are busy, hidden or far away.

How far away they may be is decided here alone, and for elections alone: a candidate has to hear
its voters within one wait, a new leader within one lease. So nobody is elected any more where a
round trip takes a second or more. While somebody leads all else works there, as slowly.
"""

from __future__ import annotations

import random

HEARTBEAT_MS = 200
LEASE_MS = 1000


class RoomTimeouts:
    """Randomised waits (see `core.config.Timeouts`), so that rarely two servers campaign at once.

    Args:
        seed: Differs from server to server.
    """

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing is to be kept secret

    def heartbeat_timeout_ms(self) -> int:
        return self._random.randint(LEASE_MS, LEASE_MS + LEASE_MS // 2)

    def election_timeout_ms(self) -> int:
        return self._random.randint(LEASE_MS // 2, LEASE_MS)

    def heartbeat_interval_ms(self) -> int:
        return HEARTBEAT_MS

    def lease_ms(self) -> int:
        return LEASE_MS
