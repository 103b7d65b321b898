"""What a server finds wrong with others by their greetings, told to its application, each once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from webraft_web.core.entry import address_of
from webraft_web.core.errors import ClusterConflictError, ConfigError, StorageError, WebraftError
from webraft_web.server.greeting import Hello
from webraft_web.server.server import Server

MAX_TOLD: Final = 1000


class Findings:
    """What was found so far.

    Args:
        report: Tells the application.
    """

    def __init__(self, report: Callable[[WebraftError], None]) -> None:
        self._report = report
        self._told: dict[object, None] = {}

    def look_for_lost_state(self, server: Server, address: str, hello: Hello) -> None:
        """See whether a member came back as somebody else (rule 1)."""
        raft = server.raft
        if raft is None or not hello.may_found:
            return  # one that was removed, or whose cluster yielded, is new on purpose
        link = server.acquaintances.links[address]
        known = [voter for voter in raft.configuration.voters if address_of(voter) == address]
        if (
            link.hello is not None
            and link.cluster_id == server.identity.cluster_id
            and not link.hello.is_blank
        ):
            known.append(link.hello.server_id)  # the leader may have replaced it already
        if any(server_id != hello.server_id for server_id in known):
            error = StorageError(
                f"the server at {address!r} came back without its state: it is a new server now, without "
                "the old one's vote, and the leader replaces it; was its storage lost?"
            )
            self._tell_once(hello.server_id, error)

    def look_for_conflict(self, server: Server, address: str, cluster_id: str | None, hello: Hello) -> None:
        """See whether there is another cluster, of which neither yields by itself."""
        own = server.identity.cluster_id
        if cluster_id in {None, own} or not (hello.has_data and server.has_data):
            return
        error = ClusterConflictError(
            f"the server at {address!r} belongs to cluster {cluster_id}, this one to {own}, "
            f"and both hold data; to give this one's up, await yield_to({cluster_id!r})",
            cluster_id,
        )
        self._tell_once((own, cluster_id), error)

    def look_for_other_members(self, server: Server, address: str, hello: Hello) -> None:
        """See whether one that waits for a fixed cluster's members, too, waits for others."""
        own = server.founding.members if server.founding is not None else None
        if own is not None and hello.members is not None and hello.is_blank and hello.members != own:
            error = ConfigError(
                f"the server at {address!r} waits for the members {list(hello.members)}, this one for "
                f"{list(own)}: they never found a cluster; give all the same list"
            )
            self._tell_once((own, hello.members), error)

    def _tell_once(self, about: object, error: WebraftError) -> None:
        if about in self._told:
            return
        if len(self._told) >= MAX_TOLD:
            self._told.clear()
        self._told[about] = None
        self._report(error)
