"""What the application proposed and has not heard of yet, whatever becomes of the server meanwhile.

Its own file because proposals outlive drivers: before a cluster is found they
wait here, and when a server starts afresh it is here that each one's fate is
decided.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from webraft_web.core.entry import Committed, EntryKind
from webraft_web.core.errors import NotLeaderError, WebraftError
from webraft_web.driver import Driver

Settled = Callable[[Committed | WebraftError], None]


class _Proposal:
    __slots__ = ("command", "deadline_ms", "kind", "settled")

    def __init__(self, command: str, kind: EntryKind, settled: Settled, deadline_ms: int) -> None:
        self.command = command
        self.kind = kind
        self.settled = settled
        self.deadline_ms = deadline_ms


class PendingProposals:
    """All unsettled proposals of one server, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Proposal] = {}
        self._handed_over: dict[int, _Proposal] = {}
        self._number = 0

    def add(self, command: str, kind: EntryKind, settled: Settled, deadline_ms: int) -> None:
        """Keep a proposal until `hand_over`, at most until `deadline_ms`."""
        self._number += 1
        self._waiting[self._number] = _Proposal(command, kind, settled, deadline_ms)

    def hand_over(self, driver: Driver) -> None:
        """Give the driver all that wait."""
        waiting, self._waiting = self._waiting, {}
        # A number per hand-over: what is taken back gets a new one, and a former driver's word is void.
        for proposal in waiting.values():
            self._number += 1
            self._handed_over[self._number] = proposal
            driver.propose(proposal.command, proposal.kind, partial(self._settle, self._number))

    def take_back(self) -> None:
        """Let commands wait again: what was handed over certainly has no effect. Other kinds are dropped."""
        handed_over, self._handed_over = self._handed_over, {}
        commands = {
            number: proposal for number, proposal in handed_over.items() if proposal.kind is EntryKind.COMMAND
        }
        self._waiting = {**commands, **self._waiting}

    def end_life(self, error: WebraftError) -> None:
        """Settle with an error all but the commands that wait: those will do in any cluster."""
        over = [*self._handed_over.values()]
        over += [proposal for proposal in self._waiting.values() if proposal.kind is not EntryKind.COMMAND]
        self._handed_over = {}
        self._waiting = {
            number: proposal
            for number, proposal in self._waiting.items()
            if proposal.kind is EntryKind.COMMAND
        }
        for proposal in over:
            proposal.settled(error)

    def fail(self, error: WebraftError) -> None:
        """Settle everything with an error."""
        unsettled = [*self._handed_over.values(), *self._waiting.values()]
        self._handed_over, self._waiting = {}, {}
        for proposal in unsettled:
            proposal.settled(error)

    def expire(self, now_ms: int) -> None:
        """Give up on those that waited too long; they were certainly not appended."""
        late = [number for number, proposal in self._waiting.items() if proposal.deadline_ms <= now_ms]
        for number in late:
            message = "this server found no cluster in time; the command was not appended"
            self._waiting.pop(number).settled(NotLeaderError(message))

    @property
    def deadline_ms(self) -> int | None:
        """When `expire` is next wanted, None for never."""
        return min((proposal.deadline_ms for proposal in self._waiting.values()), default=None)

    def _settle(self, number: int, outcome: Committed | WebraftError) -> None:
        proposal = self._handed_over.pop(number, None)
        if proposal is not None:
            proposal.settled(outcome)
