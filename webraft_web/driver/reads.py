"""Linearizable reads on their way: a read index from the leader (§6.4), then applied here.

Its own file because reads, unlike proposals, may be asked for again: they
change nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from webraft_web.core.entry import address_of
from webraft_web.core.errors import NotLeaderError, WebraftError
from webraft_web.core.raft import Raft
from webraft_web.core.ready import ReadState
from webraft_web.driver.proposals import RETRY_MS, random_request_id

ReadDone = Callable[[int | WebraftError], None]

UNANSWERED_MS: Final = 500
"""After this a read index is asked for again: the question or its answer was lost."""


class _Read:
    __slots__ = ("deadline_ms", "done")

    def __init__(self, done: ReadDone, deadline_ms: int) -> None:
        self.done = done
        self.deadline_ms = deadline_ms


class _Question:
    """Reads that share one read index; all arrived before it was asked for."""

    __slots__ = ("asked_ms", "reads")

    def __init__(self, reads: list[_Read], asked_ms: int) -> None:
        self.reads = reads
        self.asked_ms = asked_ms


class Reads:
    """All reads of one server that are not served yet."""

    def __init__(self, raft: Raft) -> None:
        self.message_timeout_ms = 3000
        self._raft = raft
        self._waiting: list[_Read] = []
        self._asked: dict[int, _Question] = {}
        self._confirmed: list[tuple[int, list[_Read]]] = []
        self._context = random_request_id()
        self._retry_ms = 0

    def add(self, done: ReadDone, now_ms: int) -> None:
        """Let a read wait for the next `submit`."""
        self._waiting.append(_Read(done, now_ms + self.message_timeout_ms))

    def submit(self, now_ms: int) -> None:
        """Ask for one read index on behalf of all that wait."""
        if not self._waiting or self._raft.leader_id is None or now_ms < self._retry_ms:
            return
        self._context += 1
        try:
            self._raft.read_index(self._context)
        except NotLeaderError:
            self._retry_ms = now_ms + RETRY_MS
            return
        self._asked[self._context] = _Question(self._waiting, now_ms)
        self._waiting = []

    def answered(self, state: ReadState, applied_index: int, now_ms: int) -> None:
        """Take a read index: its reads are served once it is applied; ask again if it was refused."""
        question = self._asked.pop(state.context, None)
        if question is None:
            return
        if state.index == 0:
            self._waiting = question.reads + self._waiting
            self._retry_ms = now_ms + RETRY_MS
            return
        self._confirmed.append((state.index, question.reads))
        self.applied(applied_index)

    def applied(self, applied_index: int) -> None:
        """Serve the reads whose index is applied by now."""
        ripe = [item for item in self._confirmed if item[0] <= applied_index]
        if not ripe:
            return
        self._confirmed = [item for item in self._confirmed if item[0] > applied_index]
        for index, reads in ripe:
            for read in reads:
                read.done(index)

    def watch(self, now_ms: int) -> None:
        """Ask again for what nobody answered, and give up on what waited too long."""
        for context, question in list(self._asked.items()):
            if now_ms - question.asked_ms >= UNANSWERED_MS:
                del self._asked[context]
                self._waiting = question.reads + self._waiting
        expired = [read for read in self._waiting if read.deadline_ms <= now_ms]
        if not expired:
            return
        self._waiting = [read for read in self._waiting if read.deadline_ms > now_ms]
        hint = None if self._raft.leader_id is None else address_of(self._raft.leader_id)
        for read in expired:
            message = (
                f"no leader confirmed a read within {self.message_timeout_ms} ms; a majority may be missing"
            )
            read.done(NotLeaderError(message, hint))

    @property
    def deadline_ms(self) -> int | None:
        """When `submit` or `watch` will next have something to do, None for not by time alone."""
        deadlines = [question.asked_ms + UNANSWERED_MS for question in self._asked.values()]
        if self._waiting:
            deadlines.append(min(read.deadline_ms for read in self._waiting))
            if self._raft.leader_id is not None:
                deadlines.append(self._retry_ms)
        return min(deadlines, default=None)

    def fail(self, error: WebraftError) -> None:
        """Refuse everything: this server is over."""
        questions, confirmed = self._asked.values(), self._confirmed
        reads = [*self._waiting, *(read for question in questions for read in question.reads)]
        reads.extend(read for _, group in confirmed for read in group)
        self._waiting, self._asked, self._confirmed = [], {}, []
        for read in reads:
            read.done(error)
