"""Proposals on their way: waiting for a leader, handed in, appended, and judged by the own log.

Its own file because what becomes of a proposal is a story of its own, and the
one on which "nothing acknowledged is lost, nothing takes effect twice" rests:
where the leader appended it is a promise of that leader; only the own log tells
whether that term was committed at that index.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from webraft_web.core.entry import Committed, EntryKind, ServerId, address_of
from webraft_web.core.errors import NotLeaderError, OutcomeUnknownError, OverloadedError, WebraftError
from webraft_web.core.raft import Raft
from webraft_web.core.ready import ProposalResult

Settled = Callable[[Committed | WebraftError], None]

MAX_CHUNK_SIZE: Final = 64 * 1024
"""Characters of commands handed in together; a larger command goes alone."""
MAX_CHUNK_COUNT: Final = 1024
MAX_WAITING_SIZE: Final = 64 * 1024 * 1024
"""Characters of commands waiting for a leader; beyond it OverloadedError."""
LOSS_GRACE_MS: Final = 1000
"""How long the own log may still tell what became of an entry whose leader is lost."""
RETRY_MS: Final = 50
"""How long a leader that refused is left alone (it is handing over its office)."""


def random_request_id() -> int:
    """Return where to begin numbering, so that answers to a former life of this server fit nothing."""
    return int.from_bytes(os.urandom(6), "big")


class _Proposal:
    __slots__ = ("command", "deadline_ms", "kind", "settled")

    def __init__(self, command: str, kind: EntryKind, settled: Settled) -> None:
        self.command = command
        self.kind = kind
        self.settled = settled
        self.deadline_ms = 0  # until it turns out that it has to wait


class _Flight:
    """Proposals handed in together to one leader; `first_index` 0 until it said where it appended them."""

    __slots__ = ("entry_term", "first_index", "leader_id", "lost_ms", "proposals", "sent_ms", "term")

    def __init__(self, proposals: list[_Proposal], leader_id: ServerId, term: int, sent_ms: int) -> None:
        self.proposals = proposals
        self.leader_id = leader_id
        self.term = term
        self.sent_ms = sent_ms
        self.lost_ms: int | None = None
        self.entry_term = 0
        self.first_index = 0


class Proposals:
    """All proposals of one server that are not settled yet.

    Callbacks run last, when everything here is consistent: they may propose again.

    Args:
        raft: The core to hand them in to.
        holds: Whether the committed entry at an index is of a term, see `Applier.holds`.
    """

    def __init__(self, raft: Raft, holds: Callable[[int, int], bool | None]) -> None:
        self.message_timeout_ms = 3000
        self._raft = raft
        self._holds = holds
        self._waiting: list[_Proposal] = []
        self._waiting_size = 0
        self._asked: dict[int, _Flight] = {}
        self._appended: list[_Flight] = []
        self._request_id = random_request_id()
        self._refused_by: tuple[ServerId, int] | None = None
        self._retry_ms = 0

    def add(self, command: str, kind: EntryKind, settled: Settled) -> None:
        """Let a command wait for the next `submit`."""
        if self._waiting_size + len(command) > MAX_WAITING_SIZE and self._waiting:
            settled(
                OverloadedError(
                    f"{len(self._waiting)} commands already wait for a leader; wait for some to settle"
                )
            )
            return
        self._waiting_size += len(command)
        self._waiting.append(_Proposal(command, kind, settled))

    def submit(self, now_ms: int) -> None:
        """Hand in all that waits, if there is a leader: append here, or forward to it (§6.2)."""
        leader_id = self._raft.leader_id
        if not self._waiting or leader_id is None:
            return
        if now_ms < self._retry_ms and self._refused_by == (leader_id, self._raft.current_term):
            return
        waiting, self._waiting, self._waiting_size = self._waiting, [], 0
        outcomes: list[tuple[Settled, WebraftError]] = []
        position = 0
        while position < len(waiting):
            end = _chunk_end(waiting, position)
            chunk = waiting[position:end]
            try:
                self._hand_in(chunk, leader_id, now_ms)
            except NotLeaderError:
                self._wait_again(waiting[position:], now_ms)
                break
            except OverloadedError as error:
                outcomes.extend((proposal.settled, OverloadedError(str(error))) for proposal in chunk)
            position = end
        for settled, outcome in outcomes:
            settled(outcome)

    def _hand_in(self, chunk: list[_Proposal], leader_id: ServerId, now_ms: int) -> None:
        raft = self._raft
        commands = [proposal.command for proposal in chunk]
        flight = _Flight(chunk, leader_id, raft.current_term, now_ms)
        if leader_id == raft.server_id:
            flight.first_index = raft.propose(commands, chunk[0].kind)
            flight.entry_term = raft.current_term
            self._appended.append(flight)
        else:
            self._request_id += 1
            raft.forward(self._request_id, commands, chunk[0].kind)
            self._asked[self._request_id] = flight

    def _wait_again(self, proposals: list[_Proposal], now_ms: int) -> None:
        """Put back what was certainly not appended, before all that came later."""
        self._waiting = proposals + self._waiting
        self._waiting_size = sum(len(proposal.command) for proposal in self._waiting)
        if self._raft.leader_id is not None:
            self._refused_by = (self._raft.leader_id, self._raft.current_term)
            self._retry_ms = now_ms + RETRY_MS

    def answered(self, result: ProposalResult, applied_index: int, now_ms: int) -> None:
        """Take the leader's word on where it appended what was forwarded."""
        flight = self._asked.pop(result.request_id, None)
        if flight is None:
            return
        if result.first_index:
            flight.entry_term = result.term
            flight.first_index = result.first_index
            self._appended.append(flight)
            self.applied(applied_index)
        elif result.reason == "overloaded":
            for proposal in flight.proposals:
                proposal.settled(
                    OverloadedError("the leader has too many uncommitted bytes; wait for some to settle")
                )
        else:
            self._wait_again(flight.proposals, now_ms)

    def applied(self, applied_index: int) -> None:
        """Settle what the own log can judge by now."""
        ripe = [flight for flight in self._appended if flight.first_index <= applied_index]
        if not ripe:
            return
        self._appended = [flight for flight in self._appended if flight.first_index > applied_index]
        outcomes: list[tuple[Settled, Committed | WebraftError]] = []
        for flight in ripe:
            count = applied_index + 1 - flight.first_index
            outcomes.extend(
                (proposal.settled, self._judge(flight.entry_term, index))
                for index, proposal in enumerate(flight.proposals[:count], flight.first_index)
            )
            if count < len(flight.proposals):
                flight.proposals = flight.proposals[count:]
                flight.first_index += count
                self._appended.append(flight)
        for settled, outcome in outcomes:
            settled(outcome)

    def _judge(self, term: int, index: int) -> Committed | WebraftError:
        verdict = self._holds(index, term)
        if verdict:
            return Committed(term, index)
        if verdict is None:
            return OutcomeUnknownError(
                f"appended at index {index} in term {term}, but a snapshot came in its place; read the state"
            )
        return OutcomeUnknownError(
            f"appended at index {index} in term {term}, but another leader committed another entry there"
        )

    def watch(self, now_ms: int) -> None:
        """Give up on what waited too long, and on what a lost leader took with it."""
        if not (self._waiting or self._asked or self._appended):
            return
        outcomes: list[tuple[Settled, WebraftError]] = []
        for proposal in self._waiting:
            proposal.deadline_ms = proposal.deadline_ms or now_ms + self.message_timeout_ms
        if self._waiting and self._waiting[0].deadline_ms <= now_ms:
            self._expire_waiting(now_ms, outcomes)
        for request_id, flight in list(self._asked.items()):
            if self._is_lost(flight, now_ms) or now_ms - flight.sent_ms >= self.message_timeout_ms:
                del self._asked[request_id]
                outcomes.extend((proposal.settled, self._unknown(flight)) for proposal in flight.proposals)
        for flight in list(self._appended):
            if self._is_lost(flight, now_ms):
                self._give_up_uncommitted(flight, outcomes)
        for settled, outcome in outcomes:
            settled(outcome)

    def _expire_waiting(self, now_ms: int, outcomes: list[tuple[Settled, WebraftError]]) -> None:
        hint = None if self._raft.leader_id is None else address_of(self._raft.leader_id)
        for proposal in self._waiting:
            if proposal.deadline_ms <= now_ms:
                message = (
                    f"no leader took the command within {self.message_timeout_ms} ms; it was not appended"
                )
                outcomes.append((proposal.settled, NotLeaderError(message, hint)))
        self._waiting = [proposal for proposal in self._waiting if proposal.deadline_ms > now_ms]
        self._waiting_size = sum(len(proposal.command) for proposal in self._waiting)

    def _is_lost(self, flight: _Flight, now_ms: int) -> bool:
        """Tell whether the flight's leader has been lost for so long that nothing more is to be hoped for.

        For a moment it is: the next leader may commit the entry, or the lost one
        was only late because this page was busy.
        """
        if flight.leader_id == self._raft.leader_id and flight.term == self._raft.current_term:
            flight.lost_ms = None
            return False
        if flight.lost_ms is None:
            flight.lost_ms = now_ms
        return now_ms - flight.lost_ms >= self._grace_ms

    @property
    def _grace_ms(self) -> int:
        return min(LOSS_GRACE_MS, self.message_timeout_ms)

    def _give_up_uncommitted(self, flight: _Flight, outcomes: list[tuple[Settled, WebraftError]]) -> None:
        """Fail what is not known to be committed; the rest only waits to be applied here."""
        committed = max(0, self._raft.commit_index + 1 - flight.first_index)
        outcomes.extend(
            (proposal.settled, self._unknown(flight)) for proposal in flight.proposals[committed:]
        )
        flight.proposals = flight.proposals[:committed]
        if not flight.proposals:
            self._appended.remove(flight)

    def _unknown(self, flight: _Flight) -> OutcomeUnknownError:
        return OutcomeUnknownError(
            f"the leader {address_of(flight.leader_id)} was lost before it was known to have committed "
            "the command; read the state to find out"
        )

    @property
    def deadline_ms(self) -> int | None:
        """When `submit` or `watch` will next have something to do, None for not by time alone."""
        deadlines = [flight.sent_ms + self.message_timeout_ms for flight in self._asked.values()]
        for flight in (*self._asked.values(), *self._appended):
            last_index = flight.first_index + len(flight.proposals) - 1
            if flight.lost_ms is not None and (
                not flight.first_index or last_index > self._raft.commit_index
            ):
                deadlines.append(flight.lost_ms + self._grace_ms)
        if self._waiting:
            deadlines.append(self._waiting[0].deadline_ms)
            if self._raft.leader_id is not None:
                deadlines.append(self._retry_ms)
        return min(deadlines, default=None)

    def fail(self, error: WebraftError) -> None:
        """Settle everything: this server is over."""
        waiting, self._waiting = self._waiting, []
        flights = [*self._asked.values(), *self._appended]
        self._asked, self._appended = {}, []
        for proposal in waiting:
            proposal.settled(error)
        for flight in flights:
            for proposal in flight.proposals:
                proposal.settled(OutcomeUnknownError(f"this server stopped before it knew: {error}"))


def _chunk_end(proposals: list[_Proposal], start: int) -> int:
    """Return where the chunk that begins at `start` ends: one kind, bounded, never empty."""
    kind = proposals[start].kind
    size = 0
    last = min(len(proposals), start + MAX_CHUNK_COUNT)
    for position in range(start, last):
        size += len(proposals[position].command)
        if proposals[position].kind is not kind or (size > MAX_CHUNK_SIZE and position > start):
            return position
    return last
