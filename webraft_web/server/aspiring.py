"""A server's wish to lead, for one that stays when others go, until it leads.

A leader goes on without those that fall silent, but those cannot go on without a
leader unless they are a majority: of two servers, the one that is always there
had better lead. It asks, and the leader hands over in order (§3.10).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final

from webraft_web.core.entry import ServerId, address_of
from webraft_web.core.errors import LocalProtocolError, NotLeaderError
from webraft_web.core.progress import ProgressState
from webraft_web.core.raft import Raft
from webraft_web.core.role import Role
from webraft_web.server import greeting
from webraft_web.server.server import Server

ASK_EVERY_MS: Final = 2000
"""How often to ask, and to look whether there is anybody to be asked."""
HAND_OVER_EVERY_MS: Final = 10_000
"""How often a leader tries to hand over to whoever asks."""


class Aspiring:
    """One server's wish, for as long as it runs: who leads today may not tomorrow.

    Args:
        server: Who wants to lead.
        post: Sends something of a kind to an address.
    """

    is_done = False

    def __init__(self, server: Server, post: Callable[[str, str, list[Any]], None]) -> None:
        self.due_ms = 0
        """When to ask again."""
        self._server = server
        self._post = post

    def pursue(self, now_ms: int) -> None:
        """Ask whoever leads, if it is time and this server may lead."""
        server, raft = self._server, self._server.raft
        if now_ms < self.due_ms:
            return
        self.due_ms = now_ms + ASK_EVERY_MS
        if raft is None or raft.leader_id is None or raft.role is Role.LEADER:
            return
        if raft.server_id in raft.configuration.voters:
            self._post(address_of(raft.leader_id), greeting.LEAD, [server.server_id])


class Succession:
    """A leader's answer to those who wish to lead.

    Everybody's proposals wait while leadership is handed over, a lease if it comes
    to nothing: so it is not tried in vain, nor often, however often somebody asks.
    """

    def __init__(self) -> None:
        self._due_ms = 0

    def hand_over(self, server: Server, server_id: ServerId, now_ms: int) -> None:
        """Hand leadership over to `server_id`, which asks for it, if it can take it at once."""
        driver = server.driver
        if driver is None or now_ms < self._due_ms or not _is_up_to_date(driver.raft, server_id):
            return
        self._due_ms = now_ms + HAND_OVER_EVERY_MS
        # It may be no voter, or this one was deposed just now.
        with contextlib.suppress(LocalProtocolError, NotLeaderError):
            driver.change(lambda raft: raft.transfer_leadership(server_id))


def _is_up_to_date(raft: Raft, server_id: ServerId) -> bool:
    """Whether a member holds all that is committed, as far as this leader knows."""
    peer = None if raft.leadership is None else raft.leadership.progress.get(server_id)
    return (
        peer is not None and peer.state is ProgressState.REPLICATE and peer.match_index >= raft.commit_index
    )
