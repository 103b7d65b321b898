"""One server of a cluster. Everything in the core revolves around this.

A server has a term, a vote, a log and a role (Fig. 3.1, Fig. 3.3). Its inputs
are `step` (a message arrived), `tick` (time passed) and the calls of the
application; its output is `ready`: what to persist, send and apply. This file
holds what concerns roles and terms; what only a leader does is in `leadership`,
what a follower does with its leader's messages in `following`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from webraft_web.core import membership, validation
from webraft_web.core.batches import Batches
from webraft_web.core.campaign import Campaign, answer_vote_request
from webraft_web.core.config import Config
from webraft_web.core.entry import Configuration, EntryKind, HardState, ServerId, Snapshot, address_of
from webraft_web.core.errors import LocalProtocolError, NotLeaderError
from webraft_web.core.following import Following
from webraft_web.core.leadership import Leadership
from webraft_web.core.log import RaftLog
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
    Message,
    PreVote,
    PreVoteResponse,
    RequestVote,
    RequestVoteResponse,
    TimeoutNow,
)
from webraft_web.core.quorum import VoteResult
from webraft_web.core.ready import Feed, Ready, RestoredState
from webraft_web.core.requests import Questions, answer_stale, step_request
from webraft_web.core.role import Role
from webraft_web.core.validation import check_argument, check_message

_IDLE_MS: Final = 3_600_000
"""How far ahead the deadline lies when nothing is due."""


class Raft:
    """One server, without I/O. The same inputs give the same outputs.

    Use it as a loop: `tick` and `step` whatever has come in, then `ready()`,
    carry the batch out, `advance()`, and again while `has_ready()`. Inputs may
    come in between `ready` and `advance`; a second `ready` may not.

    Args:
        config: The server's options.
        restored: What its storage held.
        now_ms: Monotonic time in whole milliseconds, from any origin.
    """

    def __init__(self, config: Config, restored: RestoredState, now_ms: int) -> None:
        self.config = config
        self.server_id: ServerId = config.server_id
        self.log = RaftLog(restored.snapshot, restored.entries)
        self.now_ms = now_ms
        self.role = Role.FOLLOWER
        self.current_term = restored.hard_state.term
        self.voted_for: ServerId | None = restored.hard_state.voted_for
        self.leader_id: ServerId | None = None
        self.leadership: Leadership | None = None
        """Only while leading."""
        self._campaign: Campaign | None = None
        self.questions = Questions(self)
        self.following = Following(self)
        # A torn store may know of a commit index beyond its entries: those were not ours to commit.
        self.log.commit_to(min(restored.hard_state.commit_index, self.log.last_index))
        self.batches = Batches(self)
        self._last_contact_ms = now_ms
        self._wait_ms = 0
        self._wait_begun_ms = now_ms
        self._restart_wait(config.timeouts.heartbeat_timeout_ms())

    # What a server knows

    @property
    def hard_state(self) -> HardState:
        return HardState(self.current_term, self.voted_for, self.log.commit_index)

    @property
    def commit_index(self) -> int:
        return self.log.commit_index

    @property
    def last_applied(self) -> int:
        return self.log.applied_index

    @property
    def configuration(self) -> Configuration:
        """The latest configuration in the log, committed or not: the one in force (§4.1)."""
        return self.log.configuration

    @property
    def first_command_index(self) -> int:
        """Index of the first COMMAND ever committed, 0 for none: whether there is user data."""
        return self.log.first_command_index

    @property
    def is_leader(self) -> bool:
        return self.role is Role.LEADER

    @property
    def _may_campaign(self) -> bool:
        is_voter = any(self.server_id in one.voters for one in self.log.standing_configurations)
        return is_voter and self.following.installed is None

    # Time

    @property
    def deadline_ms(self) -> int:
        """When `tick` wants to be called next, on the scale of its argument; an hour ahead at most."""
        if self.leadership is not None:
            if self.leadership.progress.keys() <= {self.server_id}:
                return self.now_ms + _IDLE_MS
            return self.leadership.deadline_ms
        if self._may_campaign:
            return self._wait_begun_ms + self._wait_ms
        return self.now_ms + _IDLE_MS

    def tick(self, now_ms: int) -> None:
        """Let time pass: start an election or send the heartbeats that are due.

        A follower whose election timeout has elapsed starts a Pre-Vote round first
        (§9.6), so that a tab back from the background doesn't unseat a live leader.
        A leader sends heartbeats (§3.4), and steps down if the silent servers alone
        are a majority (§6.2). Nothing is sent here: see `ready`.

        Args:
            now_ms: Monotonic time in whole milliseconds, from any origin. It may
                leap forwards (a throttled tab) but never run backwards.

        Raises:
            LocalProtocolError: If `now_ms` is before that of an earlier call.
        """
        check_argument("now_ms", now_ms)
        if now_ms < self.now_ms:
            raise LocalProtocolError(
                f"time ran backwards, from {self.now_ms} to {now_ms} ms; pass a monotonic clock"
            )
        self.now_ms = now_ms
        if self.leadership is not None:
            self.leadership.tick()
        elif self._may_campaign and now_ms - self._wait_begun_ms >= self._wait_ms:
            self._start_election(False)

    def _restart_wait(self, wait_ms: int) -> None:
        self._wait_begun_ms = self.now_ms
        self._wait_ms = wait_ms

    def _heard_leader(self, leader_id: ServerId) -> None:
        self.leader_id = leader_id
        self._last_contact_ms = self.now_ms
        self._wait_begun_ms = self.now_ms

    @property
    def _is_leader_alive(self) -> bool:
        """Whether a leader was heard so lately that nobody else should get a vote (§4.2.3)."""
        if not self.config.check_quorum or self.leader_id is None:
            return False
        return (
            self.leadership is not None
            or self.now_ms - self._last_contact_ms < self.config.timeouts.lease_ms()
        )

    # Roles (Fig. 3.3)

    def become_follower(self, term: int, leader_id: ServerId | None) -> None:
        """Follow, in this or a newer term."""
        self._enter_term(term)
        self.role = Role.FOLLOWER
        self.leader_id = leader_id
        self._last_contact_ms = self.now_ms
        self._restart_wait(self.config.timeouts.heartbeat_timeout_ms())

    def _enter_term(self, term: int) -> None:
        """Leave everything behind that belongs to a role; forget the vote in a new term only."""
        assert term >= self.current_term, "terms never fall (§3.3)"
        if term > self.current_term:
            self.current_term = term
            self.voted_for = None
        leadership = self.leadership
        self.leadership = None
        self._campaign = None
        self.batches.own_vote = None
        self.leader_id = None
        if leadership is not None:
            leadership.end()

    def campaign(self) -> None:
        """Start an election at once, with a Pre-Vote first; does nothing on a leader or a non-voter."""
        if self.leadership is None and self._may_campaign:
            self._start_election(False)

    def forget_leader(self) -> None:
        """Forget who leads, so that others' Pre-Votes are granted at once."""
        if self.role is Role.FOLLOWER:
            self.leader_id = None

    def _start_election(self, is_transfer: bool) -> None:
        is_alone = self.log.configuration.voters == (self.server_id,)
        self._ask_for_votes(self.config.pre_vote and not is_transfer and not is_alone, is_transfer)

    def _ask_for_votes(self, is_pre_vote: bool, is_transfer: bool) -> None:
        """Ask every voter (§3.4); the own vote counts once it is durable."""
        if is_pre_vote:
            self.leader_id = None
            self.role = Role.PRE_CANDIDATE
            term = self.current_term + 1
        else:
            self._enter_term(self.current_term + 1)
            self.voted_for = self.server_id
            self.role = Role.CANDIDATE
            term = self.current_term
        self._restart_wait(self.config.timeouts.election_timeout_ms())
        self._campaign = self.batches.own_vote = Campaign(is_pre_vote, is_transfer)
        log, own_id = self.log, self.server_id
        for voter in log.configuration.voters:
            if voter == own_id:
                continue
            if is_pre_vote:
                self.send(PreVote(own_id, voter, term, log.last_index, log.last_term))
            else:
                self.send(RequestVote(own_id, voter, term, log.last_index, log.last_term, is_transfer))

    def _count_vote(self, message: RequestVoteResponse | PreVoteResponse) -> None:
        """Count an answer to the round of votes that is under way, and to no other."""
        campaign = self._campaign
        is_pre_vote = isinstance(message, PreVoteResponse)
        is_late = is_pre_vote and message.vote_granted and message.term != self.current_term + 1
        if campaign is not None and campaign.is_pre_vote == is_pre_vote and not is_late:
            self._record_vote(message.sender, message.vote_granted)

    def _record_vote(self, voter: ServerId, vote_granted: bool) -> None:
        campaign = self._campaign
        assert campaign is not None, "votes are counted in a campaign"
        if voter in self.log.configuration.voters:
            campaign.record(voter, vote_granted)
        result = campaign.result(self.log.configuration) if campaign.is_durable else VoteResult.PENDING
        if result is VoteResult.WON:
            if campaign.is_pre_vote:
                self._ask_for_votes(False, campaign.is_transfer)
            else:
                self._become_leader()
        elif result is VoteResult.LOST:
            self.become_follower(self.current_term, None)

    def _become_leader(self) -> None:
        self._enter_term(self.current_term)
        self.role = Role.LEADER
        self.leader_id = self.server_id
        self.leadership = Leadership(self)
        self.leadership.append_no_op()
        self.leadership.broadcast_append()

    # Messages

    def step(self, message: object) -> None:
        """Handle one message from another server: a `Message`, or it is refused.

        Beyond `MAX_QUEUED` answers that no `ready` has taken it is lost, as on a network.

        Raises:
            RemoteProtocolError: If the message is malformed, not for this server or
                contradicts what is certain. Nothing has changed then.
        """
        self._step_checked(check_message(message, self.server_id, self.current_term))

    def _step_checked(self, message: Message) -> None:
        if self.batches.is_full or step_request(self, message):
            return
        if message.term < self.current_term:
            answer_stale(self, message)
            return
        self._check_content(message)
        if message.term > self.current_term:
            is_transfer = isinstance(message, RequestVote) and message.is_transfer
            if isinstance(message, RequestVote | PreVote) and not is_transfer and self._is_leader_alive:
                return
            if isinstance(message, AppendEntries | Heartbeat | InstallSnapshot):
                self.become_follower(message.term, message.sender)
            elif not isinstance(message, PreVote | PreVoteResponse) or (
                isinstance(message, PreVoteResponse) and not message.vote_granted
            ):
                self.become_follower(message.term, None)
        self._step_current(message)

    def _check_content(self, message: Message) -> None:
        """Refuse what contradicts what this server knows for certain."""
        if isinstance(message, AppendEntries | Heartbeat | InstallSnapshot):
            if message.term == self.current_term and self.leadership is not None:
                validation.check_not_leading(message)
            self.following.check(message)
        elif self.leadership is not None and message.term == self.current_term:
            if isinstance(message, AppendEntriesResponse) and message.success:
                validation.check_acknowledged(message, self.log.last_index)
            elif isinstance(message, HeartbeatResponse):
                validation.check_confirmed(message, self.leadership.reads.newest)

    def _step_current(self, message: Message) -> None:
        """Handle a message that may count in the current term, by what it is."""
        if isinstance(message, AppendEntries | Heartbeat | InstallSnapshot):
            self._step_leaders(message)
        elif isinstance(message, RequestVote | PreVote):
            self._vote(message)
        elif isinstance(message, RequestVoteResponse | PreVoteResponse):
            self._count_vote(message)
        elif isinstance(message, TimeoutNow):
            if self.role is Role.FOLLOWER and self._may_campaign:
                self._start_election(True)
        elif self.leadership is not None:
            self._step_leader(self.leadership, message)

    def _step_leader(self, leadership: Leadership, message: Message) -> None:
        if isinstance(message, AppendEntriesResponse):
            leadership.handle_append_entries_response(message)
        elif isinstance(message, HeartbeatResponse):
            leadership.handle_heartbeat_response(message)
        else:
            assert isinstance(message, InstallSnapshotResponse), "all other kinds have been handled"
            leadership.handle_snapshot_response(message)

    def _step_leaders(self, message: AppendEntries | Heartbeat | InstallSnapshot) -> None:
        """Follow the one who leads this term."""
        if self.role is not Role.FOLLOWER:
            self.become_follower(message.term, message.sender)
        self._heard_leader(message.sender)
        if isinstance(message, Heartbeat):
            self._wait_ms = self.config.timeouts.heartbeat_timeout_ms()
        self.following.handle(message)

    def _vote(self, message: RequestVote | PreVote) -> None:
        answer = answer_vote_request(self, message)
        if isinstance(answer, RequestVoteResponse) and answer.vote_granted:
            self.voted_for = message.sender
            self._wait_begun_ms = self.now_ms
        self.send(answer)

    # What the application asks for

    def propose(self, commands: Sequence[str], kind: EntryKind = EntryKind.COMMAND) -> int:
        """Append commands to the log, on the leader.

        Args:
            commands: Opaque texts; all of them travel and persist together.
            kind: COMMAND, HOUSEKEEPING or YIELD.

        Returns:
            The index of the first; the others follow it, all of the current term.

        Raises:
            NotLeaderError: This server does not lead, or is handing over. Nothing was appended.
            OverloadedError: Too much waits already. Nothing was appended.
        """
        return self._leading().append(commands, kind)

    def forward(self, request_id: int, commands: Sequence[str], kind: EntryKind = EntryKind.COMMAND) -> None:
        """Hand commands to the leader (§6.2); a ProposalResult comes with a later batch, or never.

        The `request_id` was never used by this server before, not even before a restart.

        Raises:
            NotLeaderError: No leader is known. Nothing was sent.
        """
        self.questions.forward(request_id, commands, kind)

    def read_index(self, context: int) -> None:
        """Ask for a linearizable read (§6.4); a ReadState comes with a later batch, or never.

        Args:
            context: Given back in the ReadState; also the request's id if it is forwarded.

        Raises:
            NotLeaderError: No leader is known.
        """
        check_argument("context", context)
        if self.leadership is not None:
            self.leadership.read(context, None)
        else:
            self.questions.read_index(context)

    def _leading(self) -> Leadership:
        if self.leadership is None:
            hint = address_of(self.leader_id) if self.leader_id else None
            raise NotLeaderError(f"{self.server_id} does not lead, {self.leader_id} may", hint)
        return self.leadership

    def can_change_configuration(self) -> bool:
        """Whether this server leads, has committed in its term, and no change is under way (§4.1)."""
        return self.leadership is not None and self.leadership.can_change_configuration

    def add_server(self, server_id: ServerId) -> int:
        """Append a configuration with one more, non-voting, member; promoted once caught up (§4.2.1)."""
        leadership = self._leading()
        return leadership.change_configuration(membership.with_server(self.log.configuration, server_id))

    def remove_server(self, server_id: ServerId) -> int:
        """Append a configuration without a member; the leader may remove itself (§4.2.2)."""
        leadership = self._leading()
        return leadership.change_configuration(membership.without_server(self.log.configuration, server_id))

    def replace_server(self, old: ServerId, new: ServerId) -> int:
        """Append a configuration with `new`, non-voting, in place of `old`: its address came back empty."""
        leadership = self._leading()
        configuration = membership.without_server(self.log.configuration, old)
        return leadership.change_configuration(membership.with_server(configuration, new))

    def transfer_leadership(self, target: ServerId) -> None:
        """Make `target` lead (§3.10); proposals are refused until then, or for an election timeout."""
        self._leading().transfer(target)

    def report_unreachable(self, server_id: ServerId) -> None:
        """Learn that a link broke, so that what is under way there is not waited for."""
        if self.leadership is not None:
            self.leadership.unreachable(server_id)

    def voters_heard(self) -> list[ServerId]:
        """On a leader, the voters heard from lately, itself included; elsewhere nothing."""
        return self.leadership.heard_voters() if self.leadership is not None else []

    def compact(self, index: int, data: str | None) -> Snapshot:
        """Replace the log up to `index` by the application's state there (chapter 5).

        Args:
            index: At most `last_applied`, and beyond the last snapshot; BadArgumentError otherwise.
            data: The state as text, None if the application keeps it itself.

        Returns:
            The snapshot, to be persisted with the next batch.
        """
        return self.log.compact(index, data)

    def refreshed(self, term: int, index: int) -> None:
        """Offer the state that the application fetched by itself, as of the entry of `term` at `index`.

        It is adopted, with a snapshot without data in a later batch, once the
        leader has confirmed that this entry is committed.
        """
        leader_id = None if self.leadership is not None else self.leader_id
        self.following.refreshed(term, index, leader_id)

    def feed_after(self, index: int, max_size: int) -> Feed | Snapshot:
        """Return what an observer that has applied `index` needs next.

        Entries are committed and persisted here; the snapshot if they are compacted.
        """
        check_argument("index", index)
        log = self.log
        if index < log.snapshot.last_index:
            return log.snapshot
        entries = log.safe_entries_after(index, max_size)
        return Feed(self.current_term, self.leader_id, index, entries, log.configuration)

    # Batches

    def send(self, message: Message) -> None:
        """Queue a message for the next batch; called by the parts of this server only."""
        self.batches.send(message)

    def has_ready(self) -> bool:
        """Whether `ready` would hand out anything."""
        return self.batches.has_ready()

    def ready(self) -> Ready:
        """Hand out one batch: persist, then send, then apply. `advance` must follow before the next.

        Raises:
            LocalProtocolError: If the last batch was not advanced.
        """
        return self.batches.ready()

    def advance(self) -> None:
        """Count the batch handed out: it is durable, and its writer still the rightful one."""
        own_vote = self.batches.advance()
        if own_vote is not None and own_vote is self._campaign:
            self._record_vote(self.server_id, True)
        if self.leadership is not None:
            self.leadership.batch_durable()

    def applied_to(self, index: int) -> None:
        """Learn that the application has completed everything up to `index`."""
        size = self.batches.applied_to(index)
        if self.leadership is not None:
            self.leadership.applied(size)
