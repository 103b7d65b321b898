"""How a browser's cluster begins: founded from a first document, or minted from a copy.

Either way its first state is one durable write, so that a crash leaves a room
that exists or one that does not, and nothing in between.
"""

from __future__ import annotations

from webraft_web.core.entry import Configuration, Entry, EntryKind, HardState, make_server_id
from webraft_web.site.local_copy import LocalCopy
from webraft_web.site.platform import Platform
from webraft_web.storage.base import Batch, Identity, StoredState


def found_cluster(platform: Platform, genesis: str) -> StoredState:
    """Return a new cluster of this one server, whose document is what `genesis` says."""
    identity = _new_identity(platform)
    return StoredState(
        identity,
        HardState(term=1, voted_for=None, commit_index=2),
        None,
        (
            Entry(1, 1, EntryKind.CONFIGURATION, configuration=_alone(identity)),
            Entry(1, 2, EntryKind.HOUSEKEEPING, genesis),
        ),
    )


def mint_cluster(platform: Platform, copy: LocalCopy) -> StoredState:
    """Return a new cluster of this one server, whose document is this tab's copy.

    It goes on counting where the copy stands, but under an id of its own: to
    every other copy and store it is a stranger, and replaces what they hold.
    """
    identity = _new_identity(platform)
    snapshot = copy.snapshot(_alone(identity))
    return StoredState(identity, HardState(snapshot.last_term, None, snapshot.last_index), snapshot)


def first_batch(stored: StoredState) -> Batch:
    """Return the write that makes `stored` everything a store holds."""
    return Batch(True, stored.identity, stored.hard_state, stored.snapshot, stored.entries)


def _new_identity(platform: Platform) -> Identity:
    return Identity(
        address=platform.random_id()[:12], incarnation=platform.random_id(), cluster_id=platform.random_id()
    )


def _alone(identity: Identity) -> Configuration:
    return Configuration(voters=(make_server_id(identity.address, identity.incarnation),))
