"""What the application proposed and has not heard of yet, whatever becomes of the server meanwhile.

Its own file because proposals outlive drivers: before a cluster is found they
wait here, and when a server starts afresh it is here that each one's fate is
decided.
"""

from __future__ import annotations

from collections.abc import Callable

from webraft_web.core.entry import Committed, EntryKind
from webraft_web.core.errors import NotLeaderError, WebraftError
from webraft_web.driver import Driver

Settled = Callable[[Committed | WebraftError], None]


class _Proposal:
    __slots__ = ("command", "deadline_ms", "driver", "kind", "settled")

    def __init__(self, command: str, kind: EntryKind, settled: Settled, deadline_ms: int) -> None:
        self.command = command
        self.kind = kind
        self.settled = settled
        self.deadline_ms = deadline_ms
        self.driver: Driver | None = None
        """Who has it; None while it waits here."""


class PendingProposals:
    """All unsettled proposals of one server, in the order in which they came."""

    def __init__(self) -> None:
        self._proposals: dict[int, _Proposal] = {}
        self._number = 0

    def add(self, command: str, kind: EntryKind, settled: Settled, deadline_ms: int) -> None:
        """Keep a proposal until `hand_over`, at most until `deadline_ms`."""
        self._number += 1
        self._proposals[self._number] = _Proposal(command, kind, settled, deadline_ms)

    def hand_over(self, driver: Driver) -> None:
        """Give the driver all that wait."""
        for number, proposal in list(self._proposals.items()):
            if proposal.driver is None:
                proposal.driver = driver
                driver.propose(proposal.command, proposal.kind, self._settler(number, driver))

    def take_back(self) -> None:
        """Let commands wait again: what was handed over certainly has no effect. Other kinds are dropped."""
        for number, proposal in list(self._proposals.items()):
            proposal.driver = None
            if proposal.kind is not EntryKind.COMMAND:
                del self._proposals[number]

    def fail(self, error: WebraftError, *, handed_over_only: bool = False) -> None:
        """Settle everything, or everything handed over, with an error."""
        for number, proposal in list(self._proposals.items()):
            if proposal.driver is not None or not handed_over_only:
                self._settle(number, error)

    def expire(self, now_ms: int) -> None:
        """Give up on those that waited too long; they were certainly not appended."""
        for number, proposal in list(self._proposals.items()):
            if proposal.driver is None and proposal.deadline_ms <= now_ms:
                error = NotLeaderError("this server found no cluster in time; the command was not appended")
                self._settle(number, error)

    @property
    def deadline_ms(self) -> int | None:
        """When `expire` is next wanted, None for never."""
        return min(
            (proposal.deadline_ms for proposal in self._proposals.values() if proposal.driver is None),
            default=None,
        )

    def _settler(self, number: int, driver: Driver) -> Settled:
        def settled(outcome: Committed | WebraftError) -> None:
            proposal = self._proposals.get(number)
            if proposal is not None and proposal.driver is driver:
                self._settle(number, outcome)

        return settled

    def _settle(self, number: int, outcome: Committed | WebraftError) -> None:
        proposal = self._proposals.pop(number, None)
        if proposal is not None:
            proposal.settled(outcome)
