"""What a server asks of the state machine above it, which outlives the server's drivers.

A driver applies one cluster's log to it. When the server begins another life,
in this cluster or another, the same machine goes on with that one's.
"""

from __future__ import annotations

from typing import Protocol

from webraft_web.core.entry import Configuration, Entry, Snapshot
from webraft_web.core.raft import Raft
from webraft_web.driver.applier import StateMachine

Place = tuple[int, int]
"""Where in the log a state stands: term and index."""


class Notices(Protocol):
    """What the server has to hear of what was applied."""

    def configuration_applied(self, configuration: Configuration) -> None:
        """Learn of every committed configuration, in order."""

    def yield_applied(self, entry: Entry) -> None:
        """Learn of a YIELD entry, after everything before it was applied."""

    def refreshed(self, place: Place) -> None:
        """Learn where the application has brought itself, after `StateMachine.refresh`."""


class LastingMachine(Protocol):
    """One server's state machine, from the server's start to its end."""

    @property
    def completed(self) -> int:
        """Everything up to this index is applied."""

    def serve(self, notices: Notices) -> None:
        """Tell `notices` from now on; called once, before anything else."""

    def begin(self, cluster_id: str, raft: Raft, snapshot: Snapshot | None) -> StateMachine:
        """Return what a new driver applies to: go on in the same cluster, or forget all about another.

        Args:
            cluster_id: The cluster whose entries will come.
            raft: The driver's core, restored.
            snapshot: What stands in the store in place of the first entries.
        """

    def hold(self) -> None:
        """Apply nothing more until the next `begin`: what follows in this log is void."""

    def stop(self) -> None:
        """Call nobody any more."""
