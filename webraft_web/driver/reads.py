"""Linearizable reads on their way: a read index from the leader (§6.4), then applied here.

Its own file because reads, unlike proposals, may be asked for again: they
change nothing. Questions are numbered, and an answer to one is good for every
read that came before it was asked, however late it arrives and however often
was asked since: its round began after all of those came. So asking again loses
nothing where answers take long, and one question does for all that wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from webraft_web.core.errors import NotLeaderError, WebraftError
from webraft_web.core.raft import Raft
from webraft_web.core.ready import ReadState
from webraft_web.driver.proposals import RETRY_MS, random_request_id

ReadDone = Callable[[int | WebraftError], None]

UNANSWERED_MS: Final = 500
"""After this it is asked again: the question or its answer may be lost. More seldom than heartbeats."""


class _Read(NamedTuple):
    """One that was not asked for yet."""

    done: ReadDone
    deadline_ms: int


class _Asked(NamedTuple):
    """Reads that came before question `context` was asked, and after the one before it."""

    context: int
    reads: list[ReadDone]


class Reads:
    """All reads of one server that are not served yet."""

    def __init__(self, raft: Raft) -> None:
        self.message_timeout_ms = 3000
        self._raft = raft
        self._waiting: list[_Read] = []
        self._asked: deque[_Asked] = deque()
        self._confirmed: list[tuple[int, list[ReadDone]]] = []
        self._context = random_request_id()
        """Of the newest question."""
        self._asked_ms = 0
        """When that was asked."""
        self._again_ms = 0
        """When to ask for the same reads again."""
        self._retry_ms = 0
        """No question before this."""

    def add(self, done: ReadDone, now_ms: int) -> None:
        """Let a read wait for the next `submit`."""
        self._waiting.append(_Read(done, now_ms + self.message_timeout_ms))

    def submit(self, now_ms: int) -> None:
        """Ask for one read index on behalf of all that wait, if some are new or no answer came for long."""
        ask_ms = self._ask_ms
        if ask_ms is None or now_ms < ask_ms:
            return
        self._context += 1
        self._raft.read_index(self._context)
        self._asked_ms = now_ms
        self._again_ms = now_ms + UNANSWERED_MS
        if self._waiting:
            self._asked.append(_Asked(self._context, [read.done for read in self._waiting]))
            self._waiting = []

    @property
    def _ask_ms(self) -> int | None:
        """When the next question is due, None for not by time alone."""
        if self._raft.leader_id is None:
            return None
        if self._waiting:
            return self._retry_ms
        return self._again_ms if self._asked else None

    def answered(self, state: ReadState, applied_index: int, now_ms: int) -> None:
        """Take a read index: the reads it is good for are served once it is applied; ask again if refused."""
        if state.index == 0:
            if state.context == self._context:  # else a newer question is still to be answered
                self._retry_ms = self._again_ms = now_ms + RETRY_MS
            return
        while self._asked and self._asked[0].context <= state.context:
            self._confirmed.append((state.index, self._asked.popleft().reads))
        self.applied(applied_index)

    def applied(self, applied_index: int) -> None:
        """Serve the reads whose index is applied by now."""
        ripe = [item for item in self._confirmed if item[0] <= applied_index]
        if not ripe:
            return
        self._confirmed = [item for item in self._confirmed if item[0] > applied_index]
        for index, reads in ripe:
            for done in reads:
                done(index)

    def watch(self, now_ms: int) -> None:
        """Give up on reads for which nobody could be asked for long."""
        if self._raft.leader_id is not None:
            return
        expired = [read.done for read in self._waiting if read.deadline_ms <= now_ms]
        self._waiting = [read for read in self._waiting if read.deadline_ms > now_ms]
        if now_ms >= self._asked_ms + self.message_timeout_ms:
            expired = [*self._take_asked(), *expired]
        for done in expired:
            message = (
                f"no leader to ask for a read was known for {self.message_timeout_ms} ms; "
                "a majority may be missing"
            )
            done(NotLeaderError(message))

    @property
    def deadline_ms(self) -> int | None:
        """When `submit` or `watch` will next have something to do, None for not by time alone."""
        if self._raft.leader_id is not None:
            return self._ask_ms
        deadlines = [read.deadline_ms for read in self._waiting]
        if self._asked:
            deadlines.append(self._asked_ms + self.message_timeout_ms)
        return min(deadlines, default=None)

    def fail(self, error: WebraftError) -> None:
        """Refuse everything: this server is over."""
        reads = [done for _, group in self._confirmed for done in group]
        reads += [*self._take_asked(), *[read.done for read in self._waiting]]
        self._waiting, self._confirmed = [], []
        for done in reads:
            done(error)

    def _take_asked(self) -> list[ReadDone]:
        reads = [done for asked in self._asked for done in asked.reads]
        self._asked.clear()
        return reads
