"""How a browser's cluster begins: founded from a first document, or minted from a copy.

Either way its first state is one durable write, so that a crash leaves a room
that exists or one that does not, and nothing in between.
"""

from __future__ import annotations

from webraft_web.core.entry import Configuration, Entry, EntryKind, HardState, make_server_id
from webraft_web.core.errors import StorageError
from webraft_web.site.local_copy import LocalCopy
from webraft_web.site.platform import Platform
from webraft_web.storage.base import Identity, StoredState


class RoomGoneError(StorageError):
    """The store is empty, and what this tab knows of the room is from before it slept."""


def newcomer(platform: Platform) -> StoredState:
    """Return a server without a cluster, which waits to be added to one and founds none with others."""
    return StoredState(_new_identity(platform, None)._replace(cluster_id=None))


def found_cluster(platform: Platform, genesis: str, address: str | None = None) -> StoredState:
    """Return a new cluster of this one server, whose document is what `genesis` says."""
    identity = _new_identity(platform, address)
    return StoredState(
        identity,
        HardState(term=1, voted_for=None, commit_index=2),
        None,
        (
            Entry(1, 1, EntryKind.CONFIGURATION, configuration=_alone(identity)),
            Entry(1, 2, EntryKind.HOUSEKEEPING, genesis),
        ),
    )


def mint_cluster(platform: Platform, copy: LocalCopy, address: str | None = None) -> StoredState:
    """Return a new cluster of this one server, whose document is this tab's copy.

    It goes on counting where the copy stands, but under an id of its own: to
    every other copy and store it is a stranger, and replaces what they hold.
    """
    identity = _new_identity(platform, address)
    snapshot = copy.snapshot(_alone(identity))
    return StoredState(identity, HardState(snapshot.last_term, None, snapshot.last_index), snapshot)


def _new_identity(platform: Platform, address: str | None) -> Identity:
    return Identity(
        address=address or platform.random_id()[:12],
        incarnation=platform.random_id(),
        cluster_id=platform.random_id(),
        may_found=False,  # with others: a room begins with one browser, and takes the others in
    )


def _alone(identity: Identity) -> Configuration:
    return Configuration(voters=(make_server_id(identity.address, identity.incarnation),))
