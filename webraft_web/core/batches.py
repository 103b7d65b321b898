"""What has come together for the next batch of work, and what the last one promised.

The etcd library calls this part RawNode: it decides nothing, it only sees to it
that everything is handed out once, and that what rests on durability counts
after `advance` and not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webraft_web.core.campaign import Campaign
from webraft_web.core.entry import ServerId
from webraft_web.core.errors import LocalProtocolError
from webraft_web.core.message import (
    AppendEntriesResponse,
    InstallSnapshot,
    Message,
    PreVoteResponse,
    RequestVoteResponse,
)
from webraft_web.core.ready import ProposalResult, ReadState, Ready
from webraft_web.core.validation import check_argument

if TYPE_CHECKING:
    from webraft_web.core.raft import Raft


MAX_QUEUED: Final = 32_768
"""Answers that may wait for the next batch: more than honest peers cause while one is being persisted."""


class Batches:
    """The queues behind `Raft.ready`, of which one batch at a time is out."""

    def __init__(self, raft: Raft) -> None:
        self._raft = raft
        self.read_states: list[ReadState] = []
        self.proposal_results: list[ProposalResult] = []
        self.own_vote: Campaign | None = None
        """A campaign whose own vote is to become durable with the next batch."""
        self._own_vote_under_way: Campaign | None = None
        self._messages: list[Message] = []
        self._chunk_positions: dict[ServerId, int] = {}
        """Where in `_messages` the part of a snapshot for a server is."""
        self._promises: list[Message] = []
        """Answers that claim something of the log or the vote: they come last in a batch."""
        self._is_out = False
        self._last_out = (0, 0)
        self._handed_hard_state = raft.hard_state
        self._applying_size = 0

    def read_served(self, context: int, index: int) -> None:
        """Queue the answer to a read that this server asked for."""
        self.read_states.append(ReadState(context, index))

    def send_chunk(self, message: InstallSnapshot) -> None:
        """Queue a part of a snapshot, in place of one for the same server that has not left yet."""
        position = self._chunk_positions.get(message.receiver)
        if position is None:
            self._chunk_positions[message.receiver] = len(self._messages)
            self._messages.append(message)
        else:
            self._messages[position] = message

    def send(self, message: Message) -> None:
        """Queue a message."""
        if isinstance(message, AppendEntriesResponse | RequestVoteResponse | PreVoteResponse):
            self._promises.append(message)
        else:
            self._messages.append(message)

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be handed out that what others send now has to be lost."""
        waiting = len(self._messages) + len(self._promises)
        return waiting + len(self.read_states) + len(self.proposal_results) >= MAX_QUEUED

    def has_ready(self) -> bool:
        """Whether `ready` would hand out anything."""
        return bool(
            self._messages
            or self._promises
            or self.read_states
            or self.proposal_results
            or self._raft.following.installed is not None
            or self._raft.following.refresh_request is not None
            or self.own_vote is not None
            or self._raft.log.has_unwritten
            or self._raft.hard_state != self._handed_hard_state
            or self._can_hand_out_committed
            or self._has_reads_to_begin
        )

    @property
    def _has_reads_to_begin(self) -> bool:
        leadership = self._raft.leadership
        return leadership is not None and bool(leadership.reads.waiting) and leadership.has_committed_in_term

    @property
    def _can_hand_out_committed(self) -> bool:
        return (
            self._raft.log.handed_out_index < self._raft.log.commit_index
            and self._applying_size < self._raft.config.max_apply_size
        )

    def ready(self) -> Ready:
        """Hand out one batch: persist, then send, then apply. `advance` must follow before the next.

        Raises:
            LocalProtocolError: If the last batch was not advanced.
        """
        if self._is_out:
            raise LocalProtocolError("the last batch is still out; call advance() first")
        self._is_out = True
        if self._raft.leadership is not None:
            self._raft.leadership.begin_read_round()
        ready = Ready()
        ready.messages = self._messages + self._promises
        self._messages = []
        self._chunk_positions = {}
        self._promises = []
        ready.read_states = self.read_states
        self.read_states = []
        ready.proposal_results = self.proposal_results
        self.proposal_results = []
        ready.snapshot = self._raft.following.installed
        self._raft.following.installed = None
        if ready.snapshot is not None:
            self._applying_size = 0  # What it replaces will never be reported as applied.
        ready.refresh = self._raft.following.refresh_request
        self._raft.following.refresh_request = None
        ready.entries = self._raft.log.take_unwritten()
        hard_state = self._raft.hard_state
        old = self._handed_hard_state
        is_vote_new = (hard_state.term, hard_state.voted_for) != (old.term, old.voted_for)
        if ready.entries or ready.snapshot is not None or hard_state != old:
            ready.hard_state = hard_state
        ready.must_persist = bool(ready.entries) or ready.snapshot is not None or is_vote_new
        self._handed_hard_state = hard_state
        self._last_out = (self._raft.log.last_index, self._raft.log.last_term)
        self._own_vote_under_way = self.own_vote
        self.own_vote = None
        if self._raft.leadership is not None:
            self._raft.leadership.batch_handed_out()
        self._hand_out_committed(ready)
        return ready

    def _hand_out_committed(self, ready: Ready) -> None:
        if not self._can_hand_out_committed:
            return
        log = self._raft.log
        room = self._raft.config.max_apply_size - self._applying_size
        ready.committed_entries = log.entries_from(log.handed_out_index + 1, room, log.commit_index)
        for entry in ready.committed_entries:
            self._applying_size += entry.size
        log.handed_out_index += len(ready.committed_entries)

    def advance(self) -> Campaign | None:
        """Count the batch as durable; return the campaign whose own vote is so now."""
        if not self._is_out:
            raise LocalProtocolError("no batch is out; call ready() first")
        self._is_out = False
        self._raft.log.written(self._last_out[0], self._last_out[1])
        own_vote = self._own_vote_under_way
        self._own_vote_under_way = None
        if own_vote is not None:
            own_vote.is_durable = True
        return own_vote

    def applied_to(self, index: int) -> int:
        """Move the applied index forward; return the size of what was applied."""
        check_argument("index", index)
        log = self._raft.log
        if not log.applied_index <= index <= log.handed_out_index:
            raise LocalProtocolError(
                f"cannot have applied up to {index}: {log.applied_index} was applied before, "
                f"{log.handed_out_index} was handed out"
            )
        size = log.size_between(log.applied_index + 1, index)
        log.applied_index = index
        self._applying_size = max(0, self._applying_size - size)
        return size
