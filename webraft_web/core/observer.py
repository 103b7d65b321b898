"""A copy that follows the log without taking part: it never votes, counts or truncates.

Observers are fed what is committed and persisted at a server (`Raft.feed_after`),
over channels that may lose, repeat and reorder. What lies at or below the
applied index is ignored, so that nothing is ever applied twice; what does not
follow on is a gap, to be asked for.
"""

from webraft_web.core.entry import Entry, Snapshot
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.core.ready import Feed


class Observer:
    """How far an observer has got.

    Args:
        applied_index: What it starts from: the index its state stands for.
    """

    def __init__(self, applied_index: int = 0) -> None:
        self.applied_index = applied_index
        self.seen_index = applied_index
        """The highest index known to be committed: above applied_index there is a gap."""

    @property
    def has_gap(self) -> bool:
        """Whether entries known to be committed are missing: ask for what follows `applied_index`."""
        return self.seen_index > self.applied_index

    def step(self, feed: Feed) -> list[Entry]:
        """Return the entries to apply now, in order; none for old news and for a gap.

        Raises:
            RemoteProtocolError: If the entries do not follow one another. Nothing has changed then.
        """
        index = feed.prev_index
        for entry in feed.entries:
            index += 1
            if entry.index != index:
                raise RemoteProtocolError(f"a feed's entry {entry.index} stands where {index} belongs")
        self.seen_index = max(self.seen_index, index)
        if feed.prev_index > self.applied_index:
            return []
        entries = feed.entries[self.applied_index - feed.prev_index :]
        if entries:
            self.applied_index = index
        return entries

    def restore(self, snapshot: Snapshot) -> bool:
        """Tell whether a snapshot brings something new, and count it as applied if so."""
        self.seen_index = max(self.seen_index, snapshot.last_index)
        if snapshot.last_index <= self.applied_index:
            return False
        self.applied_index = snapshot.last_index
        return True
