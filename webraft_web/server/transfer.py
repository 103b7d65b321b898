"""Handing leadership over (§3.10), until another server is seen to lead, or nobody took it.

Its own file because it is the only wait that is for a role rather than an entry.
"""

from __future__ import annotations

import asyncio

from webraft_web.core.entry import ServerId, address_of
from webraft_web.core.errors import BadArgumentError, OutcomeUnknownError
from webraft_web.core.raft import Raft
from webraft_web.driver import Driver


class Transfer:
    """One hand-over, begun by its construction.

    Args:
        driver: The leader.
        address: Who is to lead, None for the best.
        future: Set once another leads.

    Raises:
        BadArgumentError: If `address` is no other voter's.
    """

    def __init__(self, driver: Driver, address: str | None, future: asyncio.Future[None]) -> None:
        self._driver = driver
        self._future = future
        self._term = driver.raft.current_term
        self._target = _target(driver.raft, address)
        driver.change(lambda raft: raft.transfer_leadership(self._target))

    def look(self) -> None:
        """Look whether another leads by now."""
        raft = self._driver.raft
        if raft.current_term > self._term and raft.leader_id is not None and not self._future.done():
            self._future.set_result(None)

    def give_up(self) -> None:
        """Wait no longer: this server is closed."""
        if not self._future.done():
            self._future.set_exception(OutcomeUnknownError("this server was closed while it handed over"))

    async def complete(self, timeout_ms: float) -> None:
        """Wait until another leads."""
        self.look()
        try:
            await asyncio.wait_for(self._future, timeout_ms / 1000)
        except TimeoutError:
            raise OutcomeUnknownError(
                f"{address_of(self._target)!r} did not take over within {timeout_ms:.0f} ms; is it reachable?"
            ) from None


def _target(raft: Raft, address: str | None) -> ServerId:
    """Return the voter at `address`, or the one that is nearest to having the whole log."""
    successor = best_successor(raft, address)
    if successor is None:
        others = [address_of(voter) for voter in raft.configuration.voters if voter != raft.server_id]
        wanted = "no other voter" if address is None else f"no voter at {address!r}"
        raise BadArgumentError(f"there is {wanted}; the others are {others}")
    return successor


def best_successor(raft: Raft, address: str | None = None) -> ServerId | None:
    """Return the other voter, at `address` or any, that is nearest to having the leader's whole log."""
    leadership = raft.leadership
    assert leadership is not None, "the caller leads"
    progress = leadership.progress
    named = [
        voter
        for voter in raft.configuration.voters
        if voter != raft.server_id and address in {None, address_of(voter)}
    ]
    return max(
        named,
        key=lambda voter: (progress[voter].is_recently_active, progress[voter].match_index),
        default=None,
    )
