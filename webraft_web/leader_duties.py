"""What a leader does about the servers that it is linked with: adds, replaces, removes; or gives way.

Pure functions of what is known. Their own file because they are policy: the core
says how a configuration changes safely (chapter 4), not which change is wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from webraft_web.core.entry import Configuration, Entry, ServerId, address_of
from webraft_web.founding import Link
from webraft_web.greeting import Hello

Heard = Iterable[tuple[str, Link, Hello]]


class Change(NamedTuple):
    """One change of the configuration; with both, the one replaces the other in one entry."""

    leaving: ServerId | None
    joining: ServerId | None


def wanted_change(
    configuration: Configuration,
    own_id: ServerId,
    cluster_id: str,
    heard: Heard,
    unwanted: Collection[str],
    retired: Collection[ServerId],
) -> Change | None:
    """Return the next change that the links call for, None if they and the members agree.

    Args:
        configuration: The one in force.
        own_id: The leader.
        cluster_id: Its cluster.
        heard: The links heard lately.
        unwanted: Addresses that the application told the leader to leave.
        retired: Ids that were members once. An address may come back, an identity may not.
    """
    members = {address_of(server_id): server_id for server_id in configuration.servers}
    own_address = address_of(own_id)
    for address in unwanted:
        if address in members and address != own_address:
            return Change(members[address], None)
    for address, link, hello in heard:
        member = members.get(address)
        if address in unwanted or hello.server_id in retired:
            continue
        if link.cluster_id not in {None, cluster_id}:
            if hello.server_id == member:
                return Change(member, None)  # it has joined another cluster instead
        elif hello.server_id != member and (hello.members is None or own_address in hello.members):
            return Change(member, hello.server_id)
    return None


def stronger_cluster(cluster_id: str, *, has_data: bool, heard: Heard) -> str | None:
    """Return the cluster to yield to, None to stay: one with data never yields by itself.

    Only a cluster whose leader is heard counts: that one lives, and can add
    those that come over. Between two empty ones the larger id yields.
    """
    if has_data:
        return None
    stronger = [
        (not hello.has_data, link.cluster_id)
        for _, link, hello in heard
        if link.cluster_id is not None
        and link.cluster_id != cluster_id
        and hello.is_leader
        and (hello.has_data or link.cluster_id < cluster_id)
    ]
    return min(stronger)[1] if stronger else None


CHOSEN = "!"
"""Ends the data of a YIELD entry that the application chose: its own data does not make that void."""


def yield_data(cluster_id: str, *, is_chosen: bool) -> str:
    """Return the data of a YIELD entry."""
    return cluster_id + CHOSEN if is_chosen else cluster_id


def is_void(entry: Entry, cluster_id: str, first_command_index: int) -> bool:
    """Tell whether a YIELD entry is void: it names its own cluster, or a command precedes it."""
    is_chosen = entry.data.endswith(CHOSEN)
    if entry.data == yield_data(cluster_id, is_chosen=is_chosen):
        return True
    # What the application itself gives up may hold data.
    return not is_chosen and 0 < first_command_index < entry.index
