"""The log: a snapshot, the entries after it, and how far each of them has got.

Everything after the snapshot is kept in memory; the driver writes what is new.
The configuration in force is read off the log too (§4.1), so that truncation
rolls it back by itself.
"""

from collections.abc import Sequence

from webraft_web.core.entry import Configuration, Entry, EntryKind, ServerId, Snapshot
from webraft_web.core.errors import BadArgumentError, RemoteProtocolError
from webraft_web.core.validation import check_argument


class RaftLog:
    """Entries `first_index..last_index`, preceded by a snapshot.

    Invariants: first_index - 1 <= snapshot.last_index <= applied_index <= handed_out_index <=
    commit_index <= last_index; first_index - 1 <= persisted_index <= last_index.
    """

    def __init__(self, snapshot: Snapshot | None, entries: Sequence[Entry]) -> None:
        self.snapshot = snapshot or Snapshot(0, 0, Configuration())
        """What servers are sent that lack what is compacted: as of the index before the oldest
        entry, or of a later one that is applied, if the application offers that instead."""
        self._base = self.snapshot.last_index
        self._base_term = self.snapshot.last_term
        self._entries: list[Entry] = []
        self._configurations: list[tuple[int, Configuration]] = [(self._base, self.snapshot.configuration)]
        self.size = 0
        """Characters of the entries kept, with their overhead."""
        self.commit_index = self._base
        self.applied_index = self._base
        self.handed_out_index = self._base
        """Committed entries up to here were given to the application, finished or not."""
        self.first_command_index = self.snapshot.first_command_index
        """Of the first committed COMMAND ever, 0 for none."""
        self.append([entry for entry in entries if entry.index > self._base])
        self.persisted_index = self.last_index
        self._writing_index = self.persisted_index
        """Entries up to here were handed to the storage."""

    @property
    def first_index(self) -> int:
        """Index of the oldest entry kept; last_index + 1 when there is none."""
        return self._base + 1

    @property
    def last_index(self) -> int:
        return self._base + len(self._entries)

    @property
    def last_term(self) -> int:
        return self._entries[-1].term if self._entries else self._base_term

    def term_at(self, index: int) -> int | None:
        """Return the term of the entry at `index`; None if it is compacted or not there yet."""
        position = index - self._base - 1
        if position == -1:
            return self._base_term
        if 0 <= position < len(self._entries):
            return self._entries[position].term
        return None

    def size_between(self, first: int, last: int) -> int:
        """Return what the entries from `first` to `last` that are kept count for together."""
        start = max(first - self._base - 1, 0)
        return sum([entry.size for entry in self._entries[start : max(last - self._base, 0)]])

    def matches(self, index: int, term: int) -> bool:
        """Tell whether the entry at `index` has `term`: then all before it agree too (Fig. 3.2)."""
        return self.term_at(index) == term

    def is_up_to_date(self, last_index: int, last_term: int) -> bool:
        """Tell whether a candidate with such a last entry may get our vote (§3.6.1)."""
        own_term = self.last_term
        return last_term > own_term or (last_term == own_term and last_index >= self.last_index)

    def find_conflict_by_term(self, index: int, term: int) -> tuple[int, int]:
        """Return the last (index, term) at or before `index` whose term is at most `term`.

        Where two logs differ, everything of a larger term is known to differ
        too, so a whole term is skipped in one step (§3.5). A term of 0 means
        that nothing is known there.
        """
        while index > 0:
            own_term = self.term_at(index)
            if own_term is None:
                return index, 0
            if own_term <= term:
                return index, own_term
            index -= 1
        return 0, 0

    def entries_from(self, index: int, max_size: int, last: int | None = None) -> list[Entry]:
        """Return entries from `index` on, at least one if there is one, up to `max_size` and `last`."""
        start = index - self._base - 1
        assert start >= 0, f"entry {index} is compacted, the first kept is {self.first_index}"
        stop = len(self._entries) if last is None else min(len(self._entries), last - self._base)
        size = 0
        position = start
        while position < stop:
            size += self._entries[position].size
            if size > max_size and position > start:
                break
            position += 1
        return self._entries[start:position]

    def safe_entries_after(self, index: int, max_size: int) -> list[Entry]:
        """Return what follows `index` of the entries that are committed, and persisted here."""
        limit = min(self.commit_index, self.persisted_index)
        return self.entries_from(index + 1, max_size, limit) if index < limit else []

    # Configurations

    @property
    def configuration(self) -> Configuration:
        """The latest configuration in the log, committed or not: the one in force (§4.1)."""
        return self._configurations[-1][1]

    @property
    def configuration_index(self) -> int:
        return self._configurations[-1][0]

    @property
    def standing_configurations(self) -> tuple[Configuration, Configuration]:
        """The one in force, and the last one known to be committed: until they are one, both stand.

        A server that is only in the older one may still be needed as a candidate
        or voter, as long as its removal is not committed (§4.2.2).
        """
        return self.configuration, self.configuration_at(self.commit_index)

    def configuration_at(self, index: int) -> Configuration:
        """Return the configuration in force for a log that ends at `index`."""
        found = self._configurations[0][1]
        for position, configuration in self._configurations:
            if position > index:
                break
            found = configuration
        return found

    def servers_ever(self) -> set[ServerId]:
        """Return who is in any configuration that the log still holds."""
        return {server_id for _, configuration in self._configurations for server_id in configuration.servers}

    # Growing and shrinking

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries at the end; the caller has made their indexes follow on."""
        index = self.last_index
        size = 0
        for entry in entries:
            index += 1
            assert entry.index == index, f"entry {entry.index} does not follow {index - 1}"
            size += entry.size
            if entry.configuration is not None:
                self._configurations.append((index, entry.configuration))
        self._entries.extend(entries)
        self.size += size

    def check_merge(self, entries: Sequence[Entry]) -> None:
        """Refuse entries that contradict committed ones; a true leader never sends such (§3.6.3)."""
        for entry in entries:
            if entry.index > self.commit_index:
                return
            if entry.index >= self._base and not self.matches(entry.index, entry.term):
                raise RemoteProtocolError(
                    f"entry {entry.index} of term {entry.term} contradicts the committed one of term "
                    f"{self.term_at(entry.index)}; the sender is broken or of another cluster"
                )

    def merge(self, entries: Sequence[Entry]) -> None:
        """Take a leader's entries: keep those that agree, replace from the first that does not (§3.5)."""
        for position, entry in enumerate(entries):
            if entry.index <= self._base or self.matches(entry.index, entry.term):
                continue
            if entry.index <= self.last_index:
                self._truncate(entry.index)
            self.append(entries[position:])
            return

    def _truncate(self, index: int) -> None:
        """Drop the entries from `index` on, and the configurations with them."""
        assert index > self.commit_index, f"entry {index} is committed"
        position = index - self._base - 1
        for entry in self._entries[position:]:
            self.size -= entry.size
        del self._entries[position:]
        while self._configurations[-1][0] >= index:
            self._configurations.pop()
        self.persisted_index = min(self.persisted_index, index - 1)
        self._writing_index = min(self._writing_index, index - 1)

    # Persisting

    def take_unwritten(self) -> list[Entry]:
        """Hand the entries that the storage has not been given yet to it."""
        entries = self.unwritten()
        self._writing_index = self.last_index
        return entries

    def unwritten(self) -> list[Entry]:
        return self._entries[self._writing_index - self._base :]

    @property
    def has_unwritten(self) -> bool:
        return self._writing_index < self.last_index

    def written(self, index: int, term: int) -> None:
        """Count entries up to `index` as durable, unless others have replaced them since."""
        if index > self.persisted_index and self.matches(index, term):
            self.persisted_index = index

    # Committing and applying

    def commit_to(self, index: int) -> bool:
        """Move the commit index forward, never back; return whether it moved."""
        if index <= self.commit_index:
            return False
        assert index <= self.last_index, f"commit index {index} lies beyond the log's end {self.last_index}"
        if self.first_command_index == 0:
            for position in range(self.commit_index - self._base, index - self._base):
                if self._entries[position].kind is EntryKind.COMMAND:
                    self.first_command_index = position + self._base + 1
                    break
        self.commit_index = index
        return True

    # Snapshots

    def compact(self, index: int, data: str | None) -> Snapshot:
        """Replace everything up to `index`, which is applied, by a snapshot (chapter 5)."""
        if data is not None and type(data) is not str:
            raise BadArgumentError("a snapshot's data is text, or None")
        check_argument("index", index)
        term = self.term_at(index)
        if term is None or not self._base < index <= self.applied_index:
            raise BadArgumentError(
                f"index {index} cannot be compacted to: it must lie beyond the last snapshot's {self._base} "
                f"and be applied (up to {self.applied_index})"
            )
        first_command_index = self.first_command_index if self.first_command_index <= index else 0
        snapshot = Snapshot(index, term, self.configuration_at(index), data, first_command_index)
        dropped = index - self._base
        for entry in self._entries[:dropped]:
            self.size -= entry.size
        del self._entries[:dropped]
        self._rebase(snapshot)
        return snapshot

    def install(self, snapshot: Snapshot) -> None:
        """Start over from a leader's snapshot; it lies beyond what is committed here."""
        assert snapshot.last_index > self.commit_index, "an installed snapshot brings something new"
        self._entries = []
        self.size = 0
        self._configurations = []
        self._rebase(snapshot)
        self.commit_index = snapshot.last_index
        self.handed_out_index = snapshot.last_index
        self.first_command_index = snapshot.first_command_index
        self.persisted_index = snapshot.last_index
        self._writing_index = snapshot.last_index

    def _rebase(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._base = snapshot.last_index
        self._base_term = snapshot.last_term
        later = [item for item in self._configurations if item[0] > self._base]
        self._configurations = [(self._base, snapshot.configuration), *later]
        self.persisted_index = max(self.persisted_index, self._base)
        self._writing_index = max(self._writing_index, self._base)
