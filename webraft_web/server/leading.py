"""What a leader does about the servers that it is linked with: adds, replaces, removes; or gives way.

Its own file because it is policy: the core says how a configuration changes
safely (chapter 4), not which change is wanted. Which one is, pure functions
decide; `Leading` remembers that there is something to do until the core allows
it, one change at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple, Protocol

from webraft_web.clock import Clock
from webraft_web.core.entry import Configuration, EntryKind, ServerId, address_of
from webraft_web.core.errors import NotLeaderError, OverloadedError
from webraft_web.core.raft import Raft
from webraft_web.core.role import Role
from webraft_web.core.validation import MAX_SERVERS
from webraft_web.driver import Driver
from webraft_web.server.founding import Link
from webraft_web.server.greeting import Hello
from webraft_web.server.server import Server, yield_data

MANY_MEMBERS: Final = 32
"""With more than these, those without a vote that have long been silent are removed: browsers come, lose
their storage and come again as others, and a cluster of all that ever came would take nobody at last."""
FORGOTTEN_AFTER_MS: Final = 60_000

Heard = Iterable[tuple[str, Link, Hello]]


class LetGo(Protocol):
    """Ends the link to an address."""

    def __call__(self, address: str, *, is_removed: bool) -> None: ...


class Change(NamedTuple):
    """One change of the configuration; with both, the one replaces the other in one entry."""

    leaving: ServerId | None
    joining: ServerId | None


class Leading:
    """One server's duties while it leads.

    Args:
        clock: Where time comes from.
        let_go: Called with an address that was left, once nothing needs the link to it
            any more, and with whether it is removed by then.
    """

    def __init__(self, clock: Clock, let_go: LetGo) -> None:
        self._has_duty = False
        self._clock = clock
        self._let_go = let_go
        self._unwanted: dict[str, None] = {}
        """Addresses that the application told this leader to leave.

        Their links are kept meanwhile: their acknowledgements may be needed to
        commit the very change that removes them, or another one before."""
        self._yielded_in: tuple[str, int] | None = None
        """The cluster and term in which it last proposed to yield: once is enough."""

    def joined(self, address: str) -> None:
        """Want the server at `address` as a member, if it is heard."""
        self._unwanted.pop(address, None)

    def left(self, address: str) -> None:
        """Want the server at `address` no more."""
        self._unwanted[address] = None
        self._has_duty = True

    def look_again(self) -> None:
        """Learn that there may be something to do."""
        self._has_duty = True

    def do_duties(self, server: Server) -> None:
        """Make one more member of who is linked, or give way to a stronger cluster, if it may be done now."""
        driver = server.driver
        cluster_id = server.identity.cluster_id
        if driver is None or server.role is not Role.LEADER or cluster_id is None:
            self._let_all_go(set(self._unwanted), is_removed=False)
            return
        if not self._has_duty or not driver.raft.can_change_configuration():
            return
        self._has_duty = False
        configuration = driver.raft.configuration
        self._let_all_go(
            set(self._unwanted).difference(map(address_of, configuration.servers)), is_removed=True
        )
        heard = list(server.acquaintances.heard_lately(self._clock.now_ms()))
        stronger = stronger_cluster(cluster_id, has_data=server.has_data, heard=heard)
        if stronger is not None:
            self._yield_to(stronger, driver, (cluster_id, driver.raft.current_term))
            return
        change = wanted_change(
            configuration, server.server_id, cluster_id, heard, self._unwanted, server.retired()
        )
        forgotten = None if change is not None else most_forgotten(driver.raft)
        if forgotten is not None:
            change = Change(forgotten, None)
        if change is not None:
            self._has_duty = True  # there may be more, once this one is committed
            _carry_out(change, driver)

    def _let_all_go(self, addresses: Iterable[str], *, is_removed: bool) -> None:
        for address in sorted(addresses):
            del self._unwanted[address]
            self._let_go(address, is_removed=is_removed)

    def _yield_to(self, cluster_id: str, driver: Driver, office: tuple[str, int]) -> None:
        if self._yielded_in == office:
            return
        data = yield_data(cluster_id, is_chosen=False)
        try:
            driver.change(lambda raft: raft.propose([data], EntryKind.YIELD))
        except (NotLeaderError, OverloadedError):
            self._has_duty = True  # handing over, or full: later
        else:
            self._yielded_in = office


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
        retired: Ids that were members once, and are none now. An address may come back, an identity may not.
    """
    members = {address_of(server_id): server_id for server_id in configuration.servers}
    own_address = address_of(own_id)
    is_full = len(configuration.servers) >= MAX_SERVERS
    for address in unwanted:
        if address in members and address != own_address:
            return Change(members[address], None)
    for address, link, hello in heard:
        member = members.get(address)
        if address in unwanted or hello.server_id in retired or (member is None and is_full):
            continue
        if link.cluster_id not in {None, cluster_id}:
            if hello.server_id == member:
                return Change(member, None)  # it has joined another cluster instead
        elif hello.server_id != member and (hello.members is None or own_address in hello.members):
            return Change(member, hello.server_id)
    return None


def most_forgotten(raft: Raft) -> ServerId | None:
    """Return the member to remove, where there are too many: without a vote, and silent for longest."""
    leadership = raft.leadership
    configuration = raft.configuration
    if leadership is None or len(configuration.servers) <= MANY_MEMBERS:
        return None
    silent_since = {server: leadership.progress[server].last_heard_ms for server in configuration.non_voting}
    longest = min(silent_since, key=lambda server: (silent_since[server], server), default=None)
    if longest is None or raft.now_ms - silent_since[longest] < FORGOTTEN_AFTER_MS:
        return None
    return longest


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


def _carry_out(change: Change, driver: Driver) -> None:
    leaving, joining = change
    if leaving is not None and joining is not None:
        driver.change(lambda raft: raft.replace_server(leaving, joining))
    elif joining is not None:
        driver.change(lambda raft: raft.add_server(joining))
    elif leaving is not None:
        driver.change(lambda raft: raft.remove_server(leaving))
