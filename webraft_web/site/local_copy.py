"""This tab's copy of the document: what committed entries reach, from whichever side they come.

A tab that observes is fed by its runner, a tab that runs the server by its
driver; the copy is the same, so that becoming the runner changes nothing that
a reader could see. It knows which cluster it belongs to: an index means
something within that cluster alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from webraft_web.core.entry import Configuration, Entry, Snapshot
from webraft_web.document import Client


class LocalCopy:
    """The client's document, and the place in the log that it stands for.

    Args:
        client: Applies the entries.
        on_applied: Called after each change.

    Fields:
        cluster: The cluster whose entries were applied, "" before the first.
        applied_term: Term of the last entry applied, 0 before the first.
        is_old: Whether the page slept since a server last agreed: the room may be gone meanwhile.
    """

    def __init__(self, client: Client, on_applied: Callable[[], None]) -> None:
        self.client = client
        self._on_applied = on_applied
        self.cluster = ""
        self.applied_term = 0
        self.is_old = False

    @property
    def applied_index(self) -> int:
        """Index of the last entry applied."""
        return self.client.applied_index

    def belong_to(self, cluster: str) -> None:
        """Begin anew if the copy is another cluster's: nothing of that one counts here."""
        if self.cluster == cluster:
            return
        if self.cluster:
            self.client.reset()
            self.applied_term = 0
        self.cluster = cluster

    def apply(self, entries: Sequence[Entry]) -> None:
        """Apply committed entries; what is here already is ignored.

        Raises:
            RemoteProtocolError: If entries are missing in between; nothing was applied.
        """
        if entries and entries[-1].index > self.applied_index:
            self.applied_term = entries[-1].term
            self.client.apply(entries)
            self._on_applied()

    def restore(self, snapshot: Snapshot) -> None:
        """Adopt a snapshot; ignored if it is not newer.

        Raises:
            RemoteProtocolError: If its data cannot be read; nothing was changed.
        """
        if snapshot.last_index > self.applied_index:
            self.client.restore(snapshot)
            self.applied_term = snapshot.last_term
            self._on_applied()

    def snapshot(self, configuration: Configuration) -> Snapshot:
        """Return the whole copy, for a tab that lacks it or for a cluster that begins with it.

        It counts as user data, whose cluster never yields to another by itself.
        """
        return Snapshot(
            self.applied_index,
            self.applied_term,
            configuration,
            self.client.take_snapshot(),
            first_command_index=self.applied_index,
        )
