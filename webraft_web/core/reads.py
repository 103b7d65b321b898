"""Linearizable reads without a log entry: read index and rounds of heartbeats (§6.4).

A round is one broadcast of heartbeats. Reads that arrived before it began may
join it; once a majority has answered it, no newer leader can have committed
anything before it began, so the commit index noted then is new enough.
"""

from collections import deque
from typing import Final, NamedTuple

from webraft_web.core.entry import ServerId
from webraft_web.core.quorum import agreed_value

MAX_READS: Final = 10_000
"""Reads under way in a leader: more than honest peers, who ask again only after a while, ask for."""


class PendingRead(NamedTuple):
    """A read, asked for here (`requester` None) or by another server."""

    context: int
    requester: ServerId | None


class _Round(NamedTuple):
    number: int
    read_index: int
    reads: list[PendingRead]


class ReadRounds:
    """The reads that a leader has under way."""

    def __init__(self) -> None:
        self.waiting: list[PendingRead] = []
        """Not in a round yet."""
        self._count = 0
        """Of the reads in rounds."""
        self.newest = 0
        """Number of the newest round; goes out with every heartbeat."""
        self._rounds: deque[_Round] = deque()
        self._confirmed: dict[ServerId, int] = {}

    @property
    def is_full(self) -> bool:
        """Whether further reads are to be refused."""
        return len(self.waiting) + self._count >= MAX_READS

    def begin(self, read_index: int) -> None:
        """Start a round for everything that waits."""
        self.newest += 1
        self._rounds.append(_Round(self.newest, read_index, self.waiting))
        self._count += len(self.waiting)
        self.waiting = []

    def confirm(self, server_id: ServerId, number: int) -> None:
        """Note that a server answered round `number`, and with it all before."""
        if number > self._confirmed.get(server_id, 0):
            self._confirmed[server_id] = number

    def forget(self, server_id: ServerId) -> None:
        """Drop what a server that is no member any more has confirmed."""
        self._confirmed.pop(server_id, None)

    def released(self, voters: tuple[ServerId, ...]) -> list[tuple[PendingRead, int]]:
        """Take the reads that a majority has confirmed, each with its read index."""
        if not self._rounds:
            return []
        agreed = agreed_value([self._confirmed.get(voter, 0) for voter in voters])
        found: list[tuple[PendingRead, int]] = []
        while self._rounds and self._rounds[0].number <= agreed:
            done = self._rounds.popleft()
            self._count -= len(done.reads)
            found.extend([(read, done.read_index) for read in done.reads])
        return found

    def abandoned(self) -> list[PendingRead]:
        """Take all reads: their leader is none any more."""
        reads = self.waiting
        for under_way in self._rounds:
            reads = reads + under_way.reads
        self.waiting = []
        self._rounds.clear()
        self._count = 0
        return reads
