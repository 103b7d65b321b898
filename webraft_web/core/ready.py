"""One batch of work for the driver, and what a restarted server begins from."""

from typing import NamedTuple

from webraft_web.core.entry import Configuration, Entry, HardState, ServerId, Snapshot
from webraft_web.core.message import AppendEntries, InstallSnapshot, Message


class ReadState(NamedTuple):
    """A read asked for by `Raft.read_index` may be served once `index` is applied; 0 means refused."""

    context: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here


class ProposalResult(NamedTuple):
    """Where forwarded commands were appended: judge by the own log whether that gets committed.

    `first_index` 0 means certainly not appended; `reason` says why ("not leader", "overloaded").
    """

    request_id: int
    term: int
    first_index: int
    reason: str


class RefreshRequest(NamedTuple):
    """The leader no longer holds what this server lacks, and has no state to send in its place."""

    last_index: int
    last_term: int


class RestoredState(NamedTuple):
    """What a server finds in its storage; all defaults for one that is new."""

    hard_state: HardState = HardState()
    snapshot: Snapshot | None = None
    entries: tuple[Entry, ...] = ()


class Ready:
    """What to do next, in this order: persist, then send, then apply.

    1. Persist `hard_state`, `entries` and `snapshot` in one atomic write (even
       when all are empty, where a store has a fence to check). Messages that
       `may_go_early` are allowed to leave before that (§10.2.1).
    2. When it is durable, send the remaining `messages`, in order, and call
       `Raft.advance()`. `read_states` may be served from then on, as soon as their
       index is applied: the fence that this write checks is the one that a read needs.
    3. Apply `committed_entries` in order, then call `Raft.applied_to(index)`, at any
       later time. They may be among those that this very batch persists.

    Fields:
        must_persist: Whether anything here has to be written. A commit index alone
            need not: it rides in the next hard state that is written.
        hard_state: None if unchanged.
        entries: Replace the stored log from `entries[0].index` on; empty for nothing.
        snapshot: Received in full: replaces the stored log up to its last_index, and
            all of it unless the log holds last_term there. Comes before `entries`.
            Apply it with the committed entries: `Raft.applied_to(snapshot.last_index)`.
        refresh: The application has to fetch its state itself, see `Raft.refreshed`.
    """

    __slots__ = (
        "committed_entries",
        "entries",
        "hard_state",
        "messages",
        "must_persist",
        "proposal_results",
        "read_states",
        "refresh",
        "snapshot",
    )

    def __init__(self) -> None:
        self.must_persist = False
        self.hard_state: HardState | None = None
        self.entries: list[Entry] = []
        self.snapshot: Snapshot | None = None
        self.refresh: RefreshRequest | None = None
        self.messages: list[Message] = []
        self.committed_entries: list[Entry] = []
        self.read_states: list[ReadState] = []
        self.proposal_results: list[ProposalResult] = []


def may_go_early(message: Message) -> bool:
    """Whether a message may leave before its batch is durable: only what a leader replicates."""
    return isinstance(message, AppendEntries | InstallSnapshot)


class Feed(NamedTuple):
    """Committed and persisted entries for observers: they follow `prev_index`; see `observer`."""

    term: int
    leader_id: ServerId | None
    prev_index: int
    entries: list[Entry]
    configuration: Configuration
