"""What a server does with what its leader sends: entries, heartbeats, snapshots, refreshes.

Kept for as long as the server lives; the parts of a snapshot that is being
received are forgotten whenever another one begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webraft_web.core.entry import ServerId, Snapshot
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    ConfirmRefresh,
    ConfirmRefreshResponse,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
)
from webraft_web.core.ready import RefreshRequest
from webraft_web.core.role import Role
from webraft_web.core.validation import check_argument

if TYPE_CHECKING:
    from webraft_web.core.raft import Raft


_MAX_CHUNKS: Final = 4096
"""Parts of a snapshot that are kept as they came."""


class Following:
    """The receiving side of replication."""

    def __init__(self, raft: Raft) -> None:
        self._raft = raft
        self._log = raft.log
        self._chunks: list[str] = []
        self._received_size = 0
        self._receiving: tuple[ServerId, int, int] | None = None
        """Sender, its term, last_index: chunks of one snapshot from one leadership only."""
        self.installed: Snapshot | None = None
        """Received in full, to be persisted and applied with the next batch."""
        self.refresh_request: RefreshRequest | None = None
        """To be announced with the next batch."""
        self._refresh_asked_index = 0
        self._refreshed: tuple[int, int] | None = None
        """(term, index) that the application fetched and the leader has not judged yet."""
        self._judge: ServerId | None = None
        """Who was last asked to judge it: nobody else's word counts."""

    def check(self, message: AppendEntries | Heartbeat | InstallSnapshot) -> None:
        """Refuse what contradicts what is certain here, before anything changes."""
        if isinstance(message, AppendEntries):
            self._check_append_entries(message)
        elif isinstance(message, Heartbeat):
            self._check_heartbeat(message)
        else:
            self._check_install_snapshot(message)

    def handle(self, message: AppendEntries | Heartbeat | InstallSnapshot) -> None:
        """Do what the leader of this term says."""
        if isinstance(message, AppendEntries):
            self._handle_append_entries(message)
        elif isinstance(message, Heartbeat):
            self._handle_heartbeat(message)
        else:
            self._handle_install_snapshot(message)

    # Entries

    def _check_append_entries(self, message: AppendEntries) -> None:
        """Refuse what contradicts committed entries, before anything changes."""
        if message.prev_log_index >= self._log.commit_index:
            return
        if self._log.matches(message.prev_log_index, message.prev_log_term):
            self._log.check_merge(message.entries)

    def _handle_append_entries(self, message: AppendEntries) -> None:
        """Append what fits, or tell the leader where the logs may agree (§3.5)."""
        log = self._log
        prev_index = message.prev_log_index
        if prev_index < log.commit_index:
            # Old news: everything up to the commit index agrees for certain.
            self._acknowledge(message.sender, log.commit_index)
            return
        if not log.matches(prev_index, message.prev_log_term):
            hint_index, hint_term = log.find_conflict_by_term(
                min(prev_index, log.last_index), message.prev_log_term
            )
            self._raft.send(
                AppendEntriesResponse(
                    self._raft.server_id,
                    message.sender,
                    self._raft.current_term,
                    False,
                    prev_index,
                    hint_index,
                    hint_term,
                )
            )
            return
        log.merge(message.entries)
        last_new_index = prev_index + len(message.entries)
        log.commit_to(min(message.leader_commit, last_new_index))
        self._acknowledge(message.sender, last_new_index)

    def _acknowledge(self, leader_id: ServerId, index: int) -> None:
        raft = self._raft
        raft.send(AppendEntriesResponse(raft.server_id, leader_id, raft.current_term, True, index))

    def _check_heartbeat(self, message: Heartbeat) -> None:
        """Refuse a commit index beyond our log: a true leader tells us what we hold at most."""
        if message.leader_commit > self._log.last_index:
            raise RemoteProtocolError(
                f"heartbeat claims commit index {message.leader_commit}, this log ends at "
                f"{self._log.last_index}; was this server's log lost?"
            )

    def _handle_heartbeat(self, message: Heartbeat) -> None:
        """Follow the leader's commit index and confirm its read round (§3.4, §6.4)."""
        self._log.commit_to(message.leader_commit)
        raft = self._raft
        raft.send(HeartbeatResponse(raft.server_id, message.sender, raft.current_term, message.read_round))

    # Snapshots

    def _handle_install_snapshot(self, message: InstallSnapshot) -> None:
        """Collect chunks in order; replace the log once they are complete (Fig. 5.3)."""
        log = self._log
        if message.last_index <= log.commit_index:
            self._acknowledge(message.sender, log.commit_index)
            return
        if log.matches(message.last_index, message.last_term):
            # Everything it stands for is here: no need for the state.
            log.commit_to(message.last_index)
            self._acknowledge(message.sender, message.last_index)
            return
        if message.data is None:
            self._announce_refresh(message)
            return
        key = (message.sender, message.term, message.last_index)
        if self._receiving != key:
            self._receiving = key
            self._chunks = []
            self._received_size = 0
        if message.offset == self._received_size:
            self._chunks.append(message.data)
            if len(self._chunks) >= _MAX_CHUNKS:  # what many small ones take is not in their characters
                self._chunks = ["".join(self._chunks)]
            self._received_size += len(message.data)
            if message.done:
                data = "".join(self._chunks)
                self.forget_chunks()
                self._install(
                    Snapshot(
                        message.last_index,
                        message.last_term,
                        message.configuration,
                        data,
                        message.first_command_index,
                    )
                )
                self._acknowledge(message.sender, message.last_index)
                return
        raft = self._raft
        raft.send(
            InstallSnapshotResponse(
                raft.server_id, message.sender, raft.current_term, message.last_index, self._received_size
            )
        )

    def _check_install_snapshot(self, message: InstallSnapshot) -> None:
        """Refuse more data than a snapshot may have."""
        if message.data is not None:
            limit = self._raft.config.max_snapshot_size
            if message.offset + len(message.data) > limit:
                raise RemoteProtocolError(f"snapshot grows beyond max_snapshot_size, {limit} characters")

    def forget_chunks(self) -> None:
        """Give the memory of a half-received snapshot back."""
        self._receiving = None
        self._chunks = []
        self._received_size = 0

    def _install(self, snapshot: Snapshot) -> None:
        self._log.install(snapshot)
        self.installed = snapshot

    # Refreshes, in place of snapshots where the application keeps its own state

    def _announce_refresh(self, message: InstallSnapshot) -> None:
        if self._refreshed is not None:
            self._ask_confirmation(message.sender)
            return
        if self._refresh_asked_index != message.last_index:
            self._refresh_asked_index = message.last_index
            self.refresh_request = RefreshRequest(message.last_index, message.last_term)

    def refreshed(self, term: int, index: int, leader_id: ServerId | None) -> None:
        """Ask the leader whether the state that the application fetched is one of this cluster's."""
        check_argument("term", term)
        check_argument("index", index)
        if index <= self._log.commit_index:
            self._refresh_asked_index = 0  # Too old to help: ask again at the next announcement.
            return
        self._refreshed = (term, index)
        if leader_id is not None:
            self._ask_confirmation(leader_id)

    def _ask_confirmation(self, leader_id: ServerId) -> None:
        raft = self._raft
        assert self._refreshed is not None, "only what was refreshed is asked about"
        self._judge = leader_id
        raft.send(
            ConfirmRefresh(
                raft.server_id, leader_id, raft.current_term, self._refreshed[0], self._refreshed[1]
            )
        )

    def handle_confirm_refresh_response(self, message: ConfirmRefreshResponse) -> None:
        """Adopt the refreshed state once the leader has confirmed it; ask anew otherwise."""
        if self._refreshed != (message.entry_term, message.index) or self._judge != message.sender:
            return
        self._refreshed = None
        self._refresh_asked_index = 0
        if message.configuration is None or message.adopt_index <= self._log.commit_index:
            return
        if self._raft.role is not Role.FOLLOWER:
            return  # Its log is what it leads with, or has asked for votes with.
        if message.entry_term > self._raft.current_term:
            return  # The term has to be entered first, as with everything else of that leader.
        index, term = message.adopt_index, message.adopt_term
        if self._log.matches(index, term):
            self._log.commit_to(index)
            return
        self._install(Snapshot(index, term, message.configuration, None, message.first_command_index))
        if self._raft.leader_id is not None:
            self._acknowledge(self._raft.leader_id, index)
