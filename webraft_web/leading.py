"""Carries out what a leader owes to the servers that it is linked with: one change at a time.

What is to be done is decided in `leader_duties`; this remembers that there is
something to do until the core allows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from webraft_web.clock import Clock
from webraft_web.core.entry import EntryKind, address_of
from webraft_web.core.errors import NotLeaderError, OverloadedError
from webraft_web.core.role import Role
from webraft_web.driver import Driver
from webraft_web.leader_duties import Change, stronger_cluster, wanted_change, yield_data
from webraft_web.server import Server


class LetGo(Protocol):
    """Ends the link to an address."""

    def __call__(self, address: str, *, is_removed: bool) -> None: ...


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
        self._yielded_in = 0
        """The term in which it last proposed to yield: once is enough."""

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
            self._yield_to(stronger, driver)
            return
        change = wanted_change(
            configuration, server.server_id, cluster_id, heard, self._unwanted, server.retired
        )
        if change is not None:
            self._has_duty = True  # there may be more, once this one is committed
            _carry_out(change, driver)

    def _let_all_go(self, addresses: Iterable[str], *, is_removed: bool) -> None:
        for address in sorted(addresses):
            del self._unwanted[address]
            self._let_go(address, is_removed=is_removed)

    def _yield_to(self, cluster_id: str, driver: Driver) -> None:
        if self._yielded_in == driver.raft.current_term:
            return
        data = yield_data(cluster_id, is_chosen=False)
        try:
            driver.change(lambda raft: raft.propose([data], EntryKind.YIELD))
        except (NotLeaderError, OverloadedError):
            self._has_duty = True  # handing over, or full: later
        else:
            self._yielded_in = driver.raft.current_term


def _carry_out(change: Change, driver: Driver) -> None:
    leaving, joining = change
    if leaving is not None and joining is not None:
        driver.change(lambda raft: raft.replace_server(leaving, joining))
    elif joining is not None:
        driver.change(lambda raft: raft.add_server(joining))
    elif leaving is not None:
        driver.change(lambda raft: raft.remove_server(leaving))
