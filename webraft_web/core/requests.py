"""How a server answers others whatever its role: their clients' requests, and news of an old term.

Forwarded proposals (§6.2), forwarded reads (§6.4) and refreshes to confirm do
not depend on the asker's term; what does, and comes from an older one, is
answered here too if the answer helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from webraft_web.core.entry import Configuration, EntryKind, ServerId
from webraft_web.core.errors import NotLeaderError, OverloadedError
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    ConfirmRefresh,
    ConfirmRefreshResponse,
    Heartbeat,
    Message,
    PreVote,
    PreVoteResponse,
    Propose,
    ProposeResponse,
    ReadIndex,
    ReadIndexResponse,
)
from webraft_web.core.ready import ProposalResult
from webraft_web.core.validation import check_argument, check_commands

if TYPE_CHECKING:
    from webraft_web.core.leadership import Leadership
    from webraft_web.core.raft import Raft

_REMEMBERED: Final = 8192
"""Forwarded requests that a leader knows again, and that their sender takes answers to."""


def step_request(raft: Raft, message: Message) -> bool:
    """Handle a request or the answer to one; return False for every other message."""
    if isinstance(message, ProposeResponse):
        if raft.questions.is_answer(message):
            raft.batches.proposal_results.append(
                ProposalResult(message.request_id, message.entry_term, message.first_index, message.reason)
            )
    elif isinstance(message, ReadIndexResponse):
        if raft.questions.is_answer(message):
            raft.batches.read_served(message.request_id, message.index)
    elif isinstance(message, ConfirmRefreshResponse):
        raft.following.handle_confirm_refresh_response(message)
    elif isinstance(message, Propose):
        raft.send(_answer_propose(raft, message))
    elif isinstance(message, ReadIndex):
        if raft.leadership is not None:
            raft.leadership.read(message.request_id, message.sender)
        else:
            raft.send(
                ReadIndexResponse(raft.server_id, message.sender, raft.current_term, message.request_id, 0)
            )
    elif isinstance(message, ConfirmRefresh):
        if raft.leadership is not None:
            raft.send(_answer_confirm_refresh(raft, message))
    else:
        return False
    return True


def answer_stale(raft: Raft, message: Message) -> None:
    """Let a stale leader or pre-candidate learn of the newer term, so that it gets unstuck.

    Only with Pre-Vote or the quorum check: without them a server that a stale
    leader cannot reach asks for votes in its newer term, which tells it all.
    """
    if isinstance(message, Heartbeat | AppendEntries):
        if raft.config.check_quorum or raft.config.pre_vote:
            raft.send(AppendEntriesResponse(raft.server_id, message.sender, raft.current_term, True, 0))
    elif isinstance(message, PreVote):
        raft.send(PreVoteResponse(raft.server_id, message.sender, raft.current_term, False))


class Questions:
    """What this server asks its leader: nobody else answers that, and nobody answers twice or unasked."""

    def __init__(self, raft: Raft) -> None:
        self._raft = raft
        self._proposals: dict[int, ServerId] = {}
        self._reads: dict[int, ServerId] = {}

    def forward(self, request_id: int, commands: Sequence[str], kind: EntryKind) -> None:
        """Hand commands to the leader; NotLeaderError if none is known."""
        check_argument("request_id", request_id)
        check_commands(commands, kind)
        leader_id = self._note(self._proposals, request_id)
        raft = self._raft
        raft.send(Propose(raft.server_id, leader_id, raft.current_term, request_id, list(commands), kind))

    def read_index(self, context: int) -> None:
        """Ask the leader for a read index; NotLeaderError if none is known."""
        leader_id = self._note(self._reads, context)
        raft = self._raft
        raft.send(ReadIndex(raft.server_id, leader_id, raft.current_term, context))

    def _note(self, asked: dict[int, ServerId], request_id: int) -> ServerId:
        """Remember who is asked; the oldest questions are forgotten."""
        raft = self._raft
        leader_id = raft.leader_id
        if leader_id is None or raft.leadership is not None:
            raise NotLeaderError(f"{raft.server_id} knows of no other server that leads")
        asked[request_id] = leader_id
        if len(asked) > _REMEMBERED:
            del asked[next(iter(asked))]
        return leader_id

    def is_answer(self, message: ProposeResponse | ReadIndexResponse) -> bool:
        """Tell whether this answers a question, which is settled then."""
        asked = self._proposals if isinstance(message, ProposeResponse) else self._reads
        if asked.get(message.request_id) != message.sender:
            return False
        del asked[message.request_id]
        return True


class ForwardedRequests:
    """What became of the requests forwarded to this leadership: each is decided once.

    A network may deliver a message twice. The second time it gets the answer of
    the first: what was appended is not appended again, and what was refused is
    not appended after all, since whoever asked may have handed it in anew. A
    delayed one cannot reach a later leadership: it carries its term.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[ServerId, int], tuple[int, str]] = {}

    def find(self, message: Propose) -> tuple[int, str] | None:
        """Return where this very request was appended, or 0 and why not; None if it is new."""
        return self._answers.get((message.sender, message.request_id))

    def remember(self, message: Propose, answer: tuple[int, str]) -> None:
        """Note what became of a request; the oldest are forgotten."""
        self._answers[message.sender, message.request_id] = answer
        if len(self._answers) > _REMEMBERED:
            del self._answers[next(iter(self._answers))]


def _answer_propose(raft: Raft, message: Propose) -> ProposeResponse:
    """Append what was forwarded, or say why not; the asker judges by its own log what became of it."""
    leadership = raft.leadership
    term = raft.current_term
    first_index, reason = 0, "not leader"
    if leadership is not None and message.term == term:
        answer = leadership.forwarded.find(message)
        if answer is None:
            answer = _append_forwarded(leadership, message)
            leadership.forwarded.remember(message, answer)
        first_index, reason = answer
    entry_term = term if first_index else 0
    return ProposeResponse(
        raft.server_id, message.sender, term, message.request_id, entry_term, first_index, reason
    )


def _append_forwarded(leadership: Leadership, message: Propose) -> tuple[int, str]:
    try:
        return leadership.append(message.commands, message.kind), ""
    except OverloadedError:
        return 0, "overloaded"
    except NotLeaderError:
        return 0, "not leader"


def _answer_confirm_refresh(raft: Raft, message: ConfirmRefresh) -> ConfirmRefreshResponse:
    """Say whether the log holds that term at that index, and up to where that is committed.

    An application that stands beyond the commit index known here was told of
    commits by an earlier leader. It may be needed to commit anything, so it has
    to get into the log again before this one can know.
    """
    log = raft.log
    configuration: Configuration | None = None
    first_command_index = 0
    index = min(message.index, log.commit_index)
    term = log.term_at(index)
    if term and log.matches(message.index, message.entry_term):
        configuration = log.configuration_at(index)
        if log.first_command_index <= index:
            first_command_index = log.first_command_index
    else:
        term, index = message.entry_term, message.index
    return ConfirmRefreshResponse(
        raft.server_id,
        message.sender,
        raft.current_term,
        message.entry_term,
        message.index,
        configuration,
        first_command_index,
        term,
        index,
    )
