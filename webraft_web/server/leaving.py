"""A server's wish to be a member no more, until it is one no more (§4.2.2, §3.10).

Only the leader can remove a member, and a leader that removed itself would leave
the others without one for a while. So one that leads hands over first, and then
asks whoever leads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from webraft_web.core.entry import address_of
from webraft_web.core.errors import LocalProtocolError, NotLeaderError
from webraft_web.core.role import Role
from webraft_web.server import greeting
from webraft_web.server.server import Server
from webraft_web.server.transfer import best_successor

ASK_EVERY_MS: Final = 500


class Leaving:
    """One server's leaving, from its construction.

    Args:
        server: Who leaves.
        post: Sends something of a kind to an address.
    """

    def __init__(self, server: Server, post: Callable[[str, str, list[Any]], None]) -> None:
        self.due_ms = 0
        """When to ask again."""
        self._server = server
        self._cluster = server.identity.cluster_id
        self._post = post

    @property
    def is_done(self) -> bool:
        """Whether no other server counts on this one."""
        raft = self._server.raft
        is_elsewhere = self._server.identity.cluster_id != self._cluster
        return is_elsewhere or raft is None or raft.configuration.servers == (self._server.server_id,)

    def pursue(self, now_ms: int) -> None:
        """Do what can be done now towards it, if it is time."""
        driver = self._server.driver
        if now_ms < self.due_ms or self.is_done or driver is None:
            return
        self.due_ms = now_ms + ASK_EVERY_MS
        if self._server.role is Role.LEADER:
            successor = best_successor(driver.raft)
            if successor is not None:
                try:
                    driver.change(lambda raft: raft.transfer_leadership(successor))
                except (LocalProtocolError, NotLeaderError):
                    return  # it is handing over already, or was deposed just now
        elif self._server.leader_id is not None:
            self._post(address_of(self._server.leader_id), greeting.LEAVE, [self._server.server_id])
