"""What the tab that runs the room's server tells the other tabs.

Entries once for all of them, as they are committed and persisted; signs of life
from its own clock, never as answers; and to one that asks, what it lacks. Its
own file because it only reads the server, and nothing here can harm it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from webraft_web.clock import Clock
from webraft_web.core.entry import Snapshot, address_of
from webraft_web.core.raft import Raft
from webraft_web.core.ready import Feed
from webraft_web.core.role import Role
from webraft_web.site.local_copy import LocalCopy
from webraft_web.site.protocol import Beat, Document, Entries, Starting, Text

BEAT_MS: Final = 200
BEATS_PER_MEASUREMENT: Final = 5
"""Links are measured once a second: each time costs as much as all the rest of a beat."""
GATHER_MS: Final = 5
"""How long a tab that lacks something waits for others: what one lost, most lost, and one text serves all."""

SILENT_MS: Final = 1000
"""A voter that has not answered its leader for so long counts as missing."""
MAX_FEED_SIZE: Final = 1024 * 1024
DOCUMENT_AFTER: Final = 2000
"""A tab that lacks more entries than this gets the whole document instead: it is sooner there."""


class Feeder:
    """The voice of one tenure.

    Args:
        clock: For the signs of life.
        copy: This tab's copy of the document.
        known_tabs: Who was here so far, to be told until somebody has looked.
        post: Says something to some tabs (ids between commas), or ("") to all others.
        links: Measures the connections to other browsers.

    Fields:
        run: The number of the tenure.
        cluster: The cluster whose entries are fed, "" before there is one.
        is_settled: Whether what is fed covers everything acknowledged before the tenure began.
    """

    def __init__(
        self,
        clock: Clock,
        copy: LocalCopy,
        run: int,
        known_tabs: list[str],
        post: Callable[[Text, str], None],
        links: Callable[[], dict[str, Any]],
    ) -> None:
        self.run = run
        self.cluster = ""
        self.is_settled = False
        self._clock = clock
        self._copy = copy
        self._known_tabs = known_tabs
        self._post = post
        self._links = links
        self._measured: dict[str, Any] = {}
        self._beats = 0
        self._raft: Raft | None = None
        self._fed_index = 0
        self._tabs: list[str] | None = None
        self._said: object = None
        self._timer = clock.timer(self._on_timer)
        self._lacking: dict[str, tuple[str, int]] = {}
        self._supply_timer = clock.timer(self._supply)

    def start(self) -> None:
        """Give signs of life from now on."""
        self._on_timer()

    def close(self) -> None:
        """Fall silent."""
        self._timer.close()
        self._supply_timer.close()

    def begin(self, cluster: str, raft: Raft) -> None:
        """Feed another cluster's entries from now on, beyond what is known to be committed."""
        self.cluster = cluster
        self.is_settled = False
        self._raft = raft
        self._fed_index = raft.commit_index

    def pause(self) -> None:
        """Feed nothing until the next `begin`: there is no server."""
        self._raft = None

    def set_tabs(self, tabs: list[str]) -> None:
        """Learn which tabs are here; the others hear of it at once."""
        self._tabs = tabs
        self.say_news()

    def supply(self, cluster: str, applied: int, recipient: str) -> None:
        """Send the tab `recipient`, soon, what follows `applied` in `cluster`, or the whole document."""
        if not self._lacking:
            self._supply_timer.set(self._clock.now_ms() + GATHER_MS)
        self._lacking[recipient] = (cluster, applied)

    def _supply(self) -> None:
        """Send those who asked meanwhile what they lack: at most two texts, however many they are."""
        lacking, self._lacking = self._lacking, {}
        raft = self._raft
        if raft is None or self._copy.applied_index == 0:
            return
        first = max(raft.log.first_index - 1, self._fed_index - DOCUMENT_AFTER, 1)
        near = {
            tab: applied
            for tab, (cluster, applied) in lacking.items()
            if cluster == self.cluster and applied >= first
        }
        far = ",".join(sorted(lacking.keys() - near.keys()))
        if far:
            self.bring(far)
        # Those who lack less pass over what they have.
        feed = raft.feed_after(min(near.values()), MAX_FEED_SIZE) if near else None
        if isinstance(feed, Feed) and feed.entries:
            self._post(Entries(self.run, self.cluster, feed), ",".join(sorted(near)))

    def bring(self, recipients: str = "") -> None:
        """Send the whole document, unasked to everybody where nobody can have it yet."""
        if self._raft is not None:
            snapshot = self._copy.snapshot(self._raft.configuration)
            self._post(Document(self.run, self.cluster, snapshot), recipients)

    def feed(self) -> None:
        """Tell all tabs what was committed; rule 12: once it is persisted here."""
        raft = self._raft
        while raft is not None and self._fed_index < raft.commit_index:
            feed = raft.feed_after(self._fed_index, MAX_FEED_SIZE)
            if isinstance(feed, Snapshot):
                self._fed_index = feed.last_index  # the tabs will find that they lack it, and ask
            elif feed.entries:
                self._fed_index = feed.entries[-1].index
                if self._tabs is None or len(self._tabs) > 1:
                    self._post(Entries(self.run, self.cluster, feed), "")
            else:
                return

    def beat(self) -> Beat | None:
        """Return what there is to say; None while there is no server."""
        raft = self._raft
        if raft is None:
            return None
        configuration = raft.configuration
        return Beat(
            run=self.run,
            cluster=self.cluster,
            address=address_of(raft.server_id),
            role=_ROLES[raft.role],
            leader=address_of(raft.leader_id) if raft.leader_id else "",
            term=raft.current_term,
            commit=self._fed_index,
            is_settled=self.is_settled,
            members={address_of(server): "voter" for server in configuration.voters}
            | {address_of(server): "non_voting" for server in configuration.non_voting},
            missing=_missing_addresses(raft),
            tabs=self._tabs or self._known_tabs,
            links=self._measured,
        )

    def say(self, recipient: str = "") -> None:
        """Say what there is to say now, without waiting for the next heartbeat."""
        beat = self.beat()
        self._post(Starting() if beat is None else beat, recipient)

    def say_news(self) -> None:
        """Say it if it is new."""
        raft = self._raft
        if raft is None:
            return
        news = (
            raft.role,
            raft.current_term,
            raft.leader_id,
            raft.configuration,
            self.is_settled,
            self._tabs,
        )
        if news != self._said:
            self._said = news
            self.say()

    def _on_timer(self) -> None:
        self._timer.set(self._clock.now_ms() + BEAT_MS)
        if self._beats % BEATS_PER_MEASUREMENT == 0:
            self._measured = self._links()
        self._beats += 1
        self.say()


_ROLES: Final = {
    Role.LEADER: "leader",
    Role.CANDIDATE: "candidate",
    Role.PRE_CANDIDATE: "candidate",
    Role.FOLLOWER: "follower",
}


def _missing_addresses(raft: Raft) -> list[str]:
    """Return the voters that a quorum waits for, none while there is one."""
    voters = raft.configuration.voters
    if raft.leadership is not None:
        progress = raft.leadership.progress
        heard = [
            voter
            for voter in voters
            if voter == raft.server_id or raft.now_ms - progress[voter].last_heard_ms < SILENT_MS
        ]
    else:
        heard = list(voters) if raft.leader_id else [raft.server_id]
    if 2 * len(heard) > len(voters):
        return []
    return [address_of(server) for server in voters if server not in heard]
