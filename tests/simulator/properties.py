"""What must hold after every step: the five properties of Fig. 3.2, and that promises rest on the disk.

Zombies are held to all of it too: what a fenced runner believes to be committed
must be committed.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.simulator.world import SafetyError, World
from webraft_web.core.entry import Committed, Configuration, Entry, HardState
from webraft_web.core.message import AppendEntriesResponse, Message, RequestVote, RequestVoteResponse
from webraft_web.core.raft import Raft
from webraft_web.storage.base import Batch


def require(condition: object, property_name: str, detail: str) -> None:
    """Raise SafetyError unless `condition` holds."""
    if not condition:
        raise SafetyError(f"{property_name}: {detail}")


class Properties:
    """Everything that was ever seen in one cluster, and whether it fits together."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.committed: dict[int, Entry] = {}
        self.highest_commit = 0
        self.retired: set[str] = set()
        """Ids that a committed configuration has dropped: they never come back."""
        self.configuration = Configuration()
        """The last one committed."""
        self._committed_in: dict[int, int] = {}
        self._leaders: dict[int, Raft] = {}
        self._votes: dict[tuple[str, int], str] = {}
        self._appended: dict[tuple[int, int], tuple[Entry, int | None]] = {}
        self._led: dict[Raft, tuple[int, int, int]] = {}
        self._commit_seen: dict[Raft, int] = {}
        self._stored: dict[Raft, _Stored] = {}
        self._results: dict[int, object] = {}

    # Told by the hosts

    def begins(self, raft: Raft) -> None:
        """A server starts from what it has stored."""
        log = raft.log
        self._stored[raft] = _Stored(raft.hard_state, log.last_index)
        for index in range(log.first_index, log.last_index + 1):
            self._check_entry(log.entries_from(index, 1)[0], log.term_at(index - 1))

    def ends(self, raft: Raft) -> None:
        """A server is no more."""
        self._stored.pop(raft, None)
        self._commit_seen.pop(raft, None)
        self._led.pop(raft, None)

    def writes(self, raft: Raft, entries: Sequence[Entry]) -> None:
        """Check that equal index and term mean equal entries and equal predecessors (Log Matching)."""
        before = raft.log.term_at(entries[0].index - 1) if entries else None
        for entry in entries:
            self._check_entry(entry, before)
            before = entry.term

    def _check_entry(self, entry: Entry, before: int | None) -> None:
        known, known_before = self._appended.setdefault((entry.index, entry.term), (entry, before))
        if known != entry or not (before == known_before or before is None or known_before is None):
            raise SafetyError(f"Log Matching: {entry!r} after {before}, {known!r} after {known_before}")

    def durable(self, raft: Raft, batch: Batch) -> None:
        """Remember what a server's disk has confirmed."""
        stored = self._stored.get(raft)
        if stored is None:
            return
        if batch.hard_state is not None:
            stored.hard_state = batch.hard_state
        if batch.snapshot is not None:
            stored.last_index = max(stored.last_index, batch.snapshot.last_index)
        if batch.entries:
            stored.last_index = batch.entries[-1].index

    def sends(self, raft: Raft, message: Message) -> None:
        """Check that a promise is on the disk, and that nobody votes twice in a term (§3.4, §3.8)."""
        stored = self._stored.get(raft)
        if isinstance(message, RequestVoteResponse) and message.vote_granted:
            self._check_vote(message.sender, message.term, message.receiver)
            if stored is not None:
                held = (stored.hard_state.term, stored.hard_state.voted_for)
                is_kept = held == (message.term, message.receiver) or stored.hard_state.term > message.term
                require(is_kept, "Promise", f"{message} while the disk holds {held}")
        elif isinstance(message, RequestVote):
            self._check_vote(message.sender, message.term, message.sender)
        elif isinstance(message, AppendEntriesResponse) and message.success and stored is not None:
            is_kept = message.index <= stored.last_index or stored.hard_state.term > message.term
            require(is_kept, "Promise", f"{message} while the disk ends at {stored.last_index}")

    def _check_vote(self, voter: str, term: int, candidate: str) -> None:
        first = self._votes.setdefault((voter, term), candidate)
        require(first == candidate, "One vote a term", f"{voter} in {term}: {first} and {candidate}")

    def applies(self, entry: Entry, applied_before: int, result: object) -> None:
        """Check that all apply the same entries in the same order, to the same effect."""
        if entry.index != applied_before + 1:
            raise SafetyError(f"Order: {entry!r} was applied after {applied_before}")
        if self.committed.get(entry.index) != entry:
            raise SafetyError(f"State Machine Safety: {entry!r} was applied, not what was committed")
        known = self._results.setdefault(entry.index, result)
        if known != result:
            raise SafetyError(f"State Machine Safety: {entry!r} came to {known} and to {result}")

    def agrees(self, index: int, state: object) -> None:
        """Check that all have the same state at the same index."""
        if self._results.setdefault(index, state) != state:
            raise SafetyError(f"State Machine Safety: {self._results[index]} and {state} at {index}")

    def acknowledged(self, committed: Committed) -> None:
        """Check that what a client was told is so."""
        entry = self.committed.get(committed.index)
        is_so = entry is not None and entry.term == committed.term
        require(is_so, "Acknowledgement", f"{committed} was acknowledged, committed is {entry!r}")

    def read(self, began_at: int, index: int) -> None:
        """Check that a read sees all that was committed when it began (§6.4)."""
        require(index >= began_at, "Stale read", f"it sees {index}, committed was {began_at}")

    # After every step

    def check(self, raft: Raft, name: str) -> None:
        """Check what a server knows, after something has reached it."""
        log = raft.log
        commit = log.commit_index
        if commit > self._commit_seen.get(raft, 0):
            is_sound = log.applied_index <= log.handed_out_index <= commit <= log.last_index
            require(is_sound, "Order", f"{name}: applied, handed out, committed and last index disagree")
            self._commits(raft, name)
        if raft.leadership is not None:
            self._leads(raft, name)

    def _commits(self, raft: Raft, name: str) -> None:
        log = raft.log
        first = max(self._commit_seen.get(raft, 0) + 1, log.first_index)
        self._commit_seen[raft] = log.commit_index
        for entry in log.entries_from(first, 1 << 40, log.commit_index) if first <= log.commit_index else []:
            known = self.committed.setdefault(entry.index, entry)
            if known != entry:
                raise SafetyError(f"State Machine Safety: {name} commits {entry!r}, others {known!r}")
            if entry.index > self.highest_commit:
                self.highest_commit = entry.index
                self._committed_in[entry.index] = raft.current_term
                self.world.counts["commits"] += 1
                if entry.configuration is not None:
                    gone = set(self.configuration.servers) - set(entry.configuration.servers)
                    self.retired |= gone
                    self.configuration = entry.configuration
                    self.world.counts["configuration changes"] += 1

    def _leads(self, raft: Raft, name: str) -> None:
        term = raft.current_term
        log = raft.log
        before = self._led.get(raft)
        if before is None or before[0] != term:
            leader = self._leaders.setdefault(term, raft)
            require(leader is raft, "Election Safety", f"{name} leads {term}, as {leader.server_id} does")
            self.world.counts["elections"] += 1
            for index in range(log.first_index, self.highest_commit + 1):
                if index in self._committed_in and self._committed_in[index] < term:
                    is_held = log.matches(index, self.committed[index].term)
                    require(is_held, "Leader Completeness", f"{name} of term {term} lacks {index}")
        else:
            _, last_index, last_term = before
            is_kept = log.last_index >= last_index and log.term_at(last_index) in {last_term, None}
            require(is_kept, "Leader Append-Only", f"{name} of term {term} at {last_index}")
        self._led[raft] = (term, log.last_index, log.last_term)


class _Stored:
    """What a disk has confirmed to one server."""

    def __init__(self, hard_state: HardState, last_index: int) -> None:
        self.hard_state = hard_state
        self.last_index = last_index
