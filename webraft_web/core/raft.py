"""STUB: the signatures of the core, being written. Everything in the core revolves around this."""

from __future__ import annotations

from collections.abc import Sequence

from webraft_web.core.config import Config
from webraft_web.core.entry import Configuration, Entry, EntryKind, ServerId, Snapshot
from webraft_web.core.message import Message
from webraft_web.core.ready import Feed, Ready, RestoredState


class Raft:
    """One server of a cluster, without I/O: inputs are method calls, output is `ready()`."""

    # Read-only state
    server_id: ServerId
    role: "Role"                  # enum: FOLLOWER, PRE_CANDIDATE, CANDIDATE, LEADER (core/role.py)
    current_term: int
    voted_for: ServerId | None
    leader_id: ServerId | None
    commit_index: int
    last_applied: int
    configuration: Configuration  # the latest in the log, committed or not (§4.1)
    first_command_index: int      # of the first committed COMMAND, 0 for none
    deadline_ms: int              # when tick() wants to be called next

    def __init__(self, config: Config, restored: RestoredState, now_ms: int) -> None: ...
    def tick(self, now_ms: int) -> None: """Let time pass; call before stepping a burst of messages, and at deadline_ms."""
    def step(self, message: Message) -> None: """Handle one message; raises RemoteProtocolError only, before changing anything."""
    def propose(self, commands: Sequence[str], kind: EntryKind = EntryKind.COMMAND) -> int: """Append on the leader: index of the first; NotLeaderError, OverloadedError."""
    def forward(self, request_id: int, commands: Sequence[str], kind: EntryKind = EntryKind.COMMAND) -> None: """Send to the leader; a ProposalResult comes in a Ready, or never (loss). NotLeaderError if no leader is known."""
    def read_index(self, context: int) -> None: """A ReadState with this context comes in a later Ready (forwarded if not leader), or never. NotLeaderError if no leader is known."""
    def add_server(self, server_id: ServerId) -> int: """Leader: append a configuration with a non-voting member (promoted when caught up)."""
    def remove_server(self, server_id: ServerId) -> int: """Leader: append a configuration without it."""
    def replace_server(self, old: ServerId, new: ServerId) -> int: """Leader: old out, new in as non-voting, one entry."""
    def can_change_configuration(self) -> bool: """Leader, own-term entry committed, no change pending."""
    def transfer_leadership(self, target: ServerId) -> None: """§3.10; proposals raise NotLeaderError(hint) meanwhile; given up after an election timeout."""
    def campaign(self) -> None: """Start an election at once (Pre-Vote first)."""
    def compact(self, index: int, data: str | None) -> Snapshot: """Replace the log up to `index` (<= last_applied) by state text; persist the returned snapshot as Batch.snapshot with the next Ready."""
    def refreshed(self, term: int, index: int) -> None: """The application fetched its state at (term, index): ask the leader to confirm; then comes Ready.snapshot with data None."""
    def feed_after(self, index: int, max_size: int) -> Feed | Snapshot: """What an observer that has applied `index` needs next: min(commit, persisted here)."""
    def has_ready(self) -> bool: ...
    def ready(self) -> Ready: """Hand out one batch; advance() must follow before the next ready()."""
    def advance(self) -> None: """The batch handed out is durable: count it."""
    def applied_to(self, index: int) -> None: """The application completed everything up to index."""
    def voters_heard(self) -> list[ServerId]: """Leader: voters heard from lately, itself included (for status 'missing')."""
    def match_index(self, server_id: ServerId) -> int: """Leader: how far that member's log is known to match."""
    @property
    def log(self) -> "RaftLog": ... # .first_index, .last_index, .persisted_index, .term_at(i), .entries_between(lo, hi), .size (characters kept)
