"""What only a leader has: its view of the others, and everything it does with it.

Made anew with every election and dropped when it ends (Fig. 3.1, volatile state
on leaders). It appends, replicates (§3.5), commits (§3.6.2), serves reads
(§6.4), hands over (§3.10) and changes the membership (chapter 4); when to do so
by itself, `tending` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from webraft_web.core import membership, tending
from webraft_web.core.entry import ENTRY_OVERHEAD, Configuration, Entry, EntryKind, ServerId, address_of
from webraft_web.core.errors import BadArgumentError, LocalProtocolError, NotLeaderError, OverloadedError
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
    ReadIndexResponse,
    TimeoutNow,
)
from webraft_web.core.progress import Progress, ProgressState
from webraft_web.core.quorum import agreed_value
from webraft_web.core.reads import PendingRead, ReadRounds
from webraft_web.core.requests import ForwardedRequests
from webraft_web.core.validation import check_commands, check_server_id

if TYPE_CHECKING:
    from webraft_web.core.raft import Raft


class Leadership:
    """One term of leading."""

    def __init__(self, raft: Raft) -> None:
        self.raft = raft
        self.log = raft.log
        self.progress: dict[ServerId, Progress] = {}
        self.reads = ReadRounds()
        self.forwarded = ForwardedRequests()
        self.transferee: ServerId | None = None
        """Who is to lead next; proposals are refused meanwhile (§3.10)."""
        self._first_index = self.log.last_index + 1
        """Of the no-op: what lies at or above it was appended in this term."""
        self._own_acknowledgements: list[int] = []
        self._acknowledgements_under_way: list[int] = []
        self._read_round_under_way = 0
        self._unapplied_size = self.log.size_between(self.log.applied_index + 1, self.log.last_index)
        now_ms = raft.now_ms
        self.heartbeat_deadline_ms = now_ms + raft.config.timeouts.heartbeat_interval_ms()
        self.quorum_check_deadline_ms = now_ms + raft.config.timeouts.lease_ms()
        self._follow_configuration()
        own = self.progress[raft.server_id]  # Only who is a voter in a standing configuration is elected.
        own.acknowledged(self.log.persisted_index)
        own.become_replicate()
        own.is_recently_active = True

    @property
    def has_committed_in_term(self) -> bool:
        """Whether an entry of this term is committed; before that nothing may be promised (§3.6.2)."""
        return self.log.commit_index >= self._first_index

    # Appending

    def append(self, commands: Sequence[str], kind: EntryKind) -> int:
        """Append commands and send them on; return the first one's index."""
        check_commands(commands, kind)
        if self.transferee is not None:
            raise NotLeaderError(
                f"leadership is being handed to {self.transferee}; propose again in a moment",
                address_of(self.transferee),
            )
        size = sum([len(command) + ENTRY_OVERHEAD for command in commands])
        limit = self.raft.config.max_uncommitted_size
        # A single command larger than the limit may pass when nothing else waits.
        if (self._unapplied_size or len(commands) > 1) and self._unapplied_size + size > limit:
            raise OverloadedError(
                f"{self._unapplied_size} characters wait to be committed and applied, {size} more "
                f"would exceed the limit of {limit}; wait for earlier proposals"
            )
        term = self.raft.current_term
        index = self.log.last_index
        first = index + 1
        entries: list[Entry] = []
        for command in commands:
            index += 1
            entries.append(Entry(term, index, kind, command))
        self._append(entries)
        self.broadcast_append()
        return first

    def append_no_op(self) -> None:
        """Append the entry that makes this term able to commit (§3.6.2)."""
        self._append([Entry(self.raft.current_term, self.log.last_index + 1, EntryKind.NO_OP)])

    def _append(self, entries: list[Entry]) -> None:
        self.log.append(entries)
        for entry in entries:
            self._unapplied_size += entry.size
        self._own_acknowledgements.append(self.log.last_index)

    def applied(self, size: int) -> None:
        """Make room for proposals: entries of `size` together were applied here."""
        self._unapplied_size = max(0, self._unapplied_size - size)

    # Replicating

    def broadcast_append(self) -> None:
        """Send every other member what it lacks, or at least the commit index."""
        for server_id in sorted(self.progress):
            if server_id != self.raft.server_id:
                self._send_append(server_id, self.progress[server_id], True)

    def _send_append(self, server_id: ServerId, peer: Progress, even_if_empty: bool) -> bool:
        """Send one AppendEntries, or begin a snapshot; return whether anything went."""
        if peer.is_paused:
            return False
        raft = self.raft
        prev_index = peer.next_index - 1
        prev_term = self.log.term_at(prev_index)
        if prev_term is None:
            return self._begin_snapshot(server_id, peer)
        entries: list[Entry] = []
        # With a full window only an empty message goes, to keep things moving.
        if peer.state is not ProgressState.REPLICATE or not peer.is_window_full:
            entries = self.log.entries_from(peer.next_index, raft.config.max_message_size)
        if not entries and not even_if_empty:
            return False
        commit_index = self.log.commit_index
        raft.send(
            AppendEntries(
                raft.server_id, server_id, raft.current_term, prev_index, prev_term, entries, commit_index
            )
        )
        size = 0
        for entry in entries:
            size += entry.size
        peer.sent_entries(len(entries), size)
        peer.sent_commit = commit_index
        return True

    def _begin_snapshot(self, server_id: ServerId, peer: Progress) -> bool:
        if not peer.is_recently_active:
            return False  # It would be lost on one that does not answer.
        peer.become_snapshot(self.log.snapshot)
        self._send_chunk(server_id, peer)
        return True

    def _send_chunk(self, server_id: ServerId, peer: Progress) -> None:
        """Send the part of the snapshot that begins at the offset asked for (Fig. 5.3)."""
        raft = self.raft
        snapshot = peer.sending
        assert snapshot is not None, "chunks are sent in the snapshot state alone"
        chunk: str | None = None
        is_last = True
        if snapshot.data is not None:
            end = peer.chunk_offset + raft.config.max_message_size
            chunk = snapshot.data[peer.chunk_offset : end]
            is_last = end >= len(snapshot.data)
        peer.is_chunk_lost = False
        raft.batches.send_chunk(
            InstallSnapshot(
                raft.server_id,
                server_id,
                raft.current_term,
                snapshot.last_index,
                snapshot.last_term,
                snapshot.configuration,
                snapshot.first_command_index,
                peer.chunk_offset,
                chunk,
                is_last,
            )
        )

    def handle_append_entries_response(self, message: AppendEntriesResponse) -> None:
        """Learn what a follower holds, commit what a majority holds, send what it lacks."""
        peer = self.progress.get(message.sender)
        if peer is None:
            return  # Not a member, or no longer: it does not count (§4.1).
        peer.heard(self.raft.now_ms)
        if not message.success:
            hint = message.hint_index
            if message.hint_term > 0:
                hint = self.log.find_conflict_by_term(message.hint_index, message.hint_term)[0]
            if peer.refused(message.index, hint):
                if peer.state is ProgressState.REPLICATE:
                    peer.become_probe()
                self._send_append(message.sender, peer, True)
            return
        self._acknowledged(message.sender, peer, message.index)

    def _acknowledged(self, server_id: ServerId, peer: Progress, index: int) -> None:
        is_news = peer.acknowledged(index)
        if not is_news and not (peer.match_index == index and peer.state is ProgressState.PROBE):
            return
        is_own = server_id == self.raft.server_id
        if peer.state is ProgressState.PROBE:
            peer.become_replicate()
        elif peer.state is ProgressState.SNAPSHOT:
            # Arrived, or no longer needed. If the log was compacted further meanwhile, the next one follows.
            assert peer.sending is not None, "a snapshot is under way"
            if index >= peer.sending.last_index or index + 1 >= self.log.first_index:
                peer.become_probe()
                peer.become_replicate()
        else:
            peer.free_window(index)
        if not self.maybe_commit() and not is_own and peer.can_bump_commit(self.log.commit_index):
            self._send_append(server_id, peer, True)
        if is_own or self.raft.leadership is not self:
            return
        while self._send_append(server_id, peer, False):
            pass
        if server_id == self.transferee and peer.match_index == self.log.last_index:
            self._send_timeout_now(server_id)
        tending.tend_promotions(self)

    def handle_snapshot_response(self, message: InstallSnapshotResponse) -> None:
        """Go on with a snapshot where the follower wants it."""
        peer = self.progress.get(message.sender)
        if peer is None:
            return
        peer.heard(self.raft.now_ms)
        snapshot = peer.sending
        if snapshot is None or snapshot.data is None or snapshot.last_index != message.last_index:
            return
        # The chunk at chunk_offset is under way: asked for twice, it would go twice, and all after it.
        if message.offset < len(snapshot.data) and message.offset != peer.chunk_offset:
            peer.chunk_offset = message.offset
            self._send_chunk(message.sender, peer)

    def handle_heartbeat_response(self, message: HeartbeatResponse) -> None:
        """Note a sign of life, resend what may have been lost, confirm reads."""
        peer = self.progress.get(message.sender)
        if peer is None:
            return
        peer.heard(self.raft.now_ms)
        peer.is_paused_until_answer = False
        if peer.state is ProgressState.SNAPSHOT:
            # Two heartbeats without a request for more: the chunk, or the answer, is lost.
            if peer.is_chunk_lost:
                self._send_chunk(message.sender, peer)
            peer.is_chunk_lost = True
        elif peer.match_index < self.log.last_index or peer.state is ProgressState.PROBE:
            self._send_append(message.sender, peer, True)
        self.reads.confirm(message.sender, message.read_round)
        self._release_reads()
        tending.tend_promotions(self)

    def unreachable(self, server_id: ServerId) -> None:
        """Stop pipelining to a server whose link broke: what is under way is lost."""
        check_server_id(server_id)
        peer = self.progress.get(server_id)
        if peer is not None and peer.state is ProgressState.REPLICATE:
            peer.become_probe()

    # Persisting and committing

    def batch_handed_out(self) -> None:
        """Remember what the batch that is being persisted lets this server say of itself."""
        self._acknowledgements_under_way = self._own_acknowledgements
        self._own_acknowledgements = []
        self._read_round_under_way = self.reads.newest

    def batch_durable(self) -> None:
        """Count this server's own entries and read rounds, now that the batch is durable."""
        own = self.progress[self.raft.server_id]
        acknowledgements = self._acknowledgements_under_way
        self._acknowledgements_under_way = []
        for index in acknowledgements:
            self._acknowledged(self.raft.server_id, own, min(index, self.log.persisted_index))
            assert self.raft.leadership is self, "who does not count cannot commit its own removal (§4.2.2)"
        self.reads.confirm(self.raft.server_id, self._read_round_under_way)
        self._release_reads()

    def maybe_commit(self) -> bool:
        """Commit what a majority of the voters holds, if it is of this term (§3.6.2), and say so at once."""
        configuration = self.log.configuration
        matches = [self.progress[voter].match_index for voter in configuration.voters]
        index = agreed_value(matches)
        if index <= self.log.commit_index or self.log.term_at(index) != self.raft.current_term:
            return False
        was_configuration_committed = self.log.configuration_index <= self.log.commit_index
        self.log.commit_to(index)
        self.broadcast_append()
        if not was_configuration_committed and self.log.configuration_index <= index:
            self._configuration_committed()
        return True

    def _configuration_committed(self) -> None:
        """Step down once a configuration without this server is committed (§4.2.2)."""
        raft = self.raft
        self._follow_configuration()
        if raft.server_id in self.log.configuration.voters:
            tending.tend_promotions(self)
            return
        best = max(self.log.configuration.voters, key=lambda voter: (self.progress[voter].match_index, voter))
        self._send_timeout_now(best)
        raft.become_follower(raft.current_term, None)

    # Heartbeats, quorum, time

    def tick(self) -> None:
        """Send heartbeats and check the quorum when due."""
        raft = self.raft
        if raft.now_ms >= self.quorum_check_deadline_ms:
            self.quorum_check_deadline_ms = raft.now_ms + raft.config.timeouts.lease_ms()
            if raft.config.check_quorum:
                self._check_quorum()
            if raft.leadership is not self:
                return
            self.transferee = None  # It has had an election timeout's time (§3.10).
        if raft.now_ms >= self.heartbeat_deadline_ms:
            self.heartbeat_deadline_ms = raft.now_ms + raft.config.timeouts.heartbeat_interval_ms()
            self.broadcast_heartbeat()

    @property
    def deadline_ms(self) -> int:
        return min(self.heartbeat_deadline_ms, self.quorum_check_deadline_ms)

    def broadcast_heartbeat(self) -> None:
        """Assert leadership (§3.4); never tell a commit index beyond what the receiver holds."""
        raft = self.raft
        for server_id in sorted(self.progress):
            if server_id != raft.server_id:
                peer = self.progress[server_id]
                commit_index = min(peer.match_index, self.log.commit_index)
                raft.send(
                    Heartbeat(raft.server_id, server_id, raft.current_term, commit_index, self.reads.newest)
                )
                peer.sent_commit = commit_index

    def heard_voters(self) -> list[ServerId]:
        """Return the voters heard from since the last quorum check, this server included."""
        own_id = self.raft.server_id
        return [
            voter
            for voter in self.log.configuration.voters
            if voter == own_id or self.progress[voter].is_recently_active
        ]

    def _check_quorum(self) -> None:
        """Step down if those still heard can never commit anything (§6.2)."""
        raft = self.raft
        heard = self.heard_voters()
        if not tending.can_go_on(self, heard):
            raft.become_follower(raft.current_term, None)
            return
        if raft.config.tends_membership:
            tending.tend_silent(self, heard)
        for peer in self.progress.values():
            peer.is_recently_active = False

    # Reads

    def read(self, context: int, requester: ServerId | None) -> None:
        """Queue a read for the next round; refuse it where too many are under way."""
        read = PendingRead(context, requester)
        if self.reads.is_full:
            self._answer_read(read, 0)
        else:
            self.reads.waiting.append(read)

    def begin_read_round(self) -> None:
        """Let all reads that wait share one round of heartbeats, once this term may promise (§6.4)."""
        if self.reads.waiting and self.has_committed_in_term:
            self.reads.begin(self.log.commit_index)
            self.broadcast_heartbeat()

    def _release_reads(self) -> None:
        for read, read_index in self.reads.released(self.log.configuration.voters):
            self._answer_read(read, read_index)

    def _answer_read(self, read: PendingRead, read_index: int) -> None:
        raft = self.raft
        if read.requester is None:
            raft.batches.read_served(read.context, read_index)
        else:
            raft.send(
                ReadIndexResponse(raft.server_id, read.requester, raft.current_term, read.context, read_index)
            )

    def end(self) -> None:
        """Refuse what cannot be answered any more."""
        for read in self.reads.abandoned():
            self._answer_read(read, 0)

    # Handing over

    def transfer(self, target: ServerId) -> None:
        """Bring `target` up to date, then make it campaign (§3.10)."""
        check_server_id(target)
        if target == self.raft.server_id:
            self.transferee = None
            return
        if target not in self.log.configuration.voters:
            raise BadArgumentError(
                f"{target} cannot lead: it is no voter; the voters are {list(self.log.configuration.voters)}"
            )
        self.transferee = target
        self.quorum_check_deadline_ms = self.raft.now_ms + self.raft.config.timeouts.lease_ms()
        peer = self.progress[target]
        if peer.match_index == self.log.last_index:
            self._send_timeout_now(target)
        else:
            peer.is_paused_until_answer = False
            self._send_append(target, peer, True)

    def _send_timeout_now(self, target: ServerId) -> None:
        self.raft.send(TimeoutNow(self.raft.server_id, target, self.raft.current_term))

    # Membership

    @property
    def can_change_configuration(self) -> bool:
        """One change at a time, and none before an entry of this term is committed (§4.1)."""
        return self.has_committed_in_term and self.log.configuration_index <= self.log.commit_index

    def change_configuration(self, configuration: Configuration) -> int:
        """Append a configuration; it is in force from now on."""
        if not self.can_change_configuration:
            raise LocalProtocolError(
                "another configuration change is under way, or this term has committed nothing yet; "
                "try again when can_change_configuration() holds"
            )
        if not membership.changes_one_voter(self.log.configuration, configuration):
            raise LocalProtocolError(
                f"only one voter may change at a time; {configuration} differs by more from "
                f"{self.log.configuration}"
            )
        return self.append_configuration(configuration)

    def append_configuration(self, configuration: Configuration) -> int:
        index = self.log.last_index + 1
        self._append([Entry(self.raft.current_term, index, EntryKind.CONFIGURATION, "", configuration)])
        self.broadcast_append()
        self._follow_configuration()
        for server_id in configuration.servers:
            if server_id != self.raft.server_id and self.progress[server_id].match_index == 0:
                self._send_append(server_id, self.progress[server_id], True)
        return index

    def _follow_configuration(self) -> None:
        """Track the members, and those that are leaving until that is committed (§4.2.2)."""
        raft = self.raft
        members = [server_id for one in self.log.standing_configurations for server_id in one.servers]
        for server_id in members:
            if server_id not in self.progress:
                self.progress[server_id] = Progress(
                    self.log.last_index + 1,
                    raft.config.max_inflight_messages,
                    raft.config.max_inflight_size,
                    raft.now_ms,
                )
        for server_id in [known for known in self.progress if known not in members]:
            del self.progress[server_id]
            self.reads.forget(server_id)
