"""Runs one Raft server: time, storage, peers and the state machine, around a core that knows none of them.

One batch of work at a time, in the order that keeps it safe (§3.8, §10.2.1):
persist, then send, then apply. Messages are stepped while a batch is being
persisted, and what they cause joins the next one; only one write is ever under
way. A batch that has something to say but nothing to persist is persisted all
the same, empty: the storage then checks that this server is still its rightful
writer. So a server that was taken over while it slept says nothing any more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from webraft_web.clock import Clock
from webraft_web.core.entry import Committed, EntryKind
from webraft_web.core.errors import LocalProtocolError, RemoteProtocolError, StorageError, WebraftError
from webraft_web.core.message import Message
from webraft_web.core.raft import Raft
from webraft_web.core.ready import Ready, may_go_early
from webraft_web.driver.applier import Applier, StateMachine
from webraft_web.driver.compaction import Compaction
from webraft_web.driver.proposals import Proposals
from webraft_web.driver.reads import Reads
from webraft_web.storage.base import Batch, Storage

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Driver:
    """One server at work, from its construction until `stop`, or until its storage fails.

    Args:
        raft: The core, restored from `storage`.
        storage: Where it persists; nobody else writes there meanwhile.
        clock: Where time comes from.
        machine: What committed entries are applied to. It already stands where the
            stored snapshot does; the entries after that are applied (again).
        send: Carries messages away, at once or never; each goes to its `receiver`.
        on_batch: Called after every batch's persist and send and before its entries
            are applied, and whenever time or messages were handled: role, term,
            leader and commit index may have changed.
        on_stopped: Called once when the storage failed or fenced this server: it is over.
        on_rejected: Called with each message that the core refused, and why.
        compact_after_entries: Compact once so many entries were applied since the last time.
        compact_after_size: … or so many characters, if the last snapshot was not larger.
    """

    def __init__(
        self,
        raft: Raft,
        storage: Storage,
        clock: Clock,
        *,
        machine: StateMachine,
        send: Callable[[Sequence[Message]], None],
        on_batch: Callable[[], None] | None = None,
        on_stopped: Callable[[StorageError], None] | None = None,
        on_rejected: Callable[[Message, RemoteProtocolError], None] | None = None,
        compact_after_entries: int = 10_000,
        compact_after_size: int = 4 * 1024 * 1024,
    ) -> None:
        self.raft = raft
        self.is_stopped = False
        self.rejected_messages = 0
        """Messages that the core refused so far."""
        self._storage = storage
        self._clock = clock
        self._machine = machine
        self._send = send
        self._on_batch = on_batch
        self._on_stopped = on_stopped
        self._on_rejected = on_rejected
        self._compaction = Compaction(raft, machine, compact_after_entries, compact_after_size)
        applied_index = raft.last_applied
        self._applier = Applier(
            machine, self._on_applied, applied_index, raft.log.term_at(applied_index) or 0
        )
        self._proposals = Proposals(raft, self._applier.holds)
        self._reads = Reads(raft)

        # The batch being persisted: what it was made of, and what leaves once it is durable.
        self._is_persisting = False
        self._ready: Ready | None = None
        self._late: list[Message] = []

        self._is_flushing = False
        self._must_flush_again = False
        self._is_flush_scheduled = False
        self._when_idle: Callable[[], None] | None = None
        self._timer = clock.timer(self._on_timer)
        self.flush_soon()

    @property
    def message_timeout_ms(self) -> int:
        """How long proposals and reads wait for a leader, and proposals for its answer."""
        return self._proposals.message_timeout_ms

    @message_timeout_ms.setter
    def message_timeout_ms(self, message_timeout_ms: int) -> None:
        self._proposals.message_timeout_ms = message_timeout_ms
        self._reads.message_timeout_ms = message_timeout_ms

    def receive(self, messages: Sequence[Message]) -> None:
        """Let time pass, step all messages, and do what follows at once.

        A message that the core refuses is counted in `rejected_messages` and logged.
        """
        if self.is_stopped:
            return
        self.raft.tick(self._clock.now_ms())
        for message in messages:
            try:
                self.raft.step(message)
            except RemoteProtocolError as error:
                self._rejected(message, error)
        self.flush()

    def propose(
        self, command: str, kind: EntryKind, settled: Callable[[Committed | WebraftError], None]
    ) -> None:
        """Have a command appended, here or by the leader; call `settled` once it is applied here.

        All proposals of one turn of the event loop travel as one batch. Without a
        leader they wait up to `message_timeout_ms`, then NotLeaderError: certainly
        not appended. OverloadedError: certainly not either. OutcomeUnknownError if
        the leader is lost before the command is known to be committed.
        """
        self._refuse_if_stopped()
        self._proposals.add(command, kind, settled)
        self.flush_soon()

    def read(self, done: Callable[[int | WebraftError], None]) -> None:
        """Call `done` with a linearizable read index (§6.4) once that is applied here.

        It is asked for as long as a leader is known, however late the answers come;
        NotLeaderError after `message_timeout_ms` in which none was.
        """
        self._refuse_if_stopped()
        self._reads.add(done, self._clock.now_ms())
        self.flush_soon()

    def refreshed(self, term: int, index: int) -> None:
        """Take the answer to `StateMachine.refresh`: the application holds the state at (term, index)."""
        if not self.is_stopped:
            self.raft.refreshed(term, index)
            self.flush()

    def change(self, function: Callable[[Raft], T]) -> T:
        """Call `function` with the core (`add_server`, `campaign`…), do what follows, return its result."""
        self._refuse_if_stopped()
        self.raft.tick(self._clock.now_ms())
        result = function(self.raft)
        self.flush()
        return result

    def flush_soon(self) -> None:
        """Flush at the end of this turn of the event loop."""
        if not self._is_flush_scheduled:
            self._is_flush_scheduled = True
            self._clock.call_soon(self._flush_scheduled)

    def flush(self) -> None:
        """Do all that is to be done, at once; called from within, once what is under way has ended."""
        if self._is_flushing or self.is_stopped:
            self._must_flush_again = True
            return
        self._is_flushing = True
        self._is_flush_scheduled = False  # what it was for is done now
        try:
            now_ms = self._clock.now_ms()
            self._proposals.submit(now_ms)
            self._reads.submit(now_ms)
            self._must_flush_again = True
            while self._must_flush_again:
                self._must_flush_again = False
                while self._begin_batch():
                    pass
                if self._on_batch is not None and not self.is_stopped:
                    self._on_batch()
        finally:
            self._is_flushing = False
        self._look_ahead(now_ms)

    def stop(self, stopped: Callable[[], None] | None = None) -> None:
        """Stop like a crash: nothing more is sent or called, nothing settles.

        Args:
            stopped: Called once no write of this driver is under way any more, at
                once if none is: from then on another may use the storage.
        """
        self._end()
        if self._is_persisting:
            self._when_idle = stopped or self._when_idle
        elif stopped is not None:
            stopped()

    def _begin_batch(self) -> bool:
        """Begin to persist the next batch, if there is one and none is under way."""
        if self._is_persisting or self.is_stopped:
            return False
        compacted = self._compaction.compact_if_due()
        if not (compacted or self.raft.has_ready()):
            return False
        ready = self.raft.ready()
        batch = Batch()
        if ready.must_persist or compacted:
            # A received snapshot lies beyond all that is applied, and so beyond the compacted one.
            snapshot = ready.snapshot or compacted
            batch = Batch(hard_state=ready.hard_state, snapshot=snapshot, entries=ready.entries)
        self._late = [message for message in ready.messages if not may_go_early(message)]
        if len(self._late) < len(ready.messages):
            self._send([message for message in ready.messages if may_go_early(message)])
        self._persist(batch, ready)
        return True

    def _persist(self, batch: Batch, ready: Ready) -> None:
        if self.is_stopped:
            return
        self._ready = ready
        # With nothing to write, to say or to serve there is no promise that a fence has to guard.
        if batch.is_empty and not self._late and not ready.read_states:
            self._complete()
        else:
            self._is_persisting = True
            self._storage.persist(batch, self._on_persisted)

    def _on_persisted(self, error: StorageError | None) -> None:
        self._is_persisting = False
        if self.is_stopped:
            if self._when_idle is not None:
                self._when_idle()
        elif error is not None:
            self._fail(error)
        else:
            self._complete()
            self.flush()

    def _complete(self) -> None:
        """Do what had to wait until the batch was durable."""
        ready, self._ready = self._ready, None
        assert ready is not None, "only a batch that was begun can be completed"
        self.raft.advance()
        if self._late:
            late, self._late = self._late, []
            self._send(late)
        if self._on_batch is not None and not self.is_stopped:
            self._on_batch()
        if self.is_stopped:
            return
        now_ms = self._clock.now_ms()
        for result in ready.proposal_results:
            self._proposals.answered(result, self._applier.applied_index, now_ms)
        for state in ready.read_states:
            self._reads.answered(state, self._applier.applied_index, now_ms)
        if ready.refresh is not None:
            self._machine.refresh(ready.refresh)
        if ready.snapshot is not None or ready.committed_entries:
            self._compaction.count(ready)
            self._applier.hand_over(ready.snapshot, ready.committed_entries)

    def _on_applied(self, applied_index: int) -> None:
        self.raft.applied_to(applied_index)
        self._proposals.applied(applied_index)
        self._reads.applied(applied_index)
        self.flush()

    def _look_ahead(self, now_ms: int) -> None:
        """See to proposals and reads that wait, and set the timer to whatever is next."""
        if self.is_stopped:
            return
        self._proposals.watch(now_ms)
        self._reads.watch(now_ms)
        deadline_ms = self.raft.deadline_ms
        for other_ms in (self._proposals.deadline_ms, self._reads.deadline_ms):
            if other_ms is not None and other_ms < deadline_ms:
                deadline_ms = other_ms
        self._timer.set(deadline_ms)

    def _on_timer(self) -> None:
        self.raft.tick(self._clock.now_ms())
        self.flush()

    def _flush_scheduled(self) -> None:
        if self._is_flush_scheduled:
            self._is_flush_scheduled = False
            self.flush()

    def _rejected(self, message: Message, error: RemoteProtocolError) -> None:
        self.rejected_messages += 1
        # A peer that sends nonsense sends much of it: log the 1st, 2nd, 4th, 8th…
        if self.rejected_messages & (self.rejected_messages - 1) == 0:
            name = type(message).__name__
            logger.warning("message %d refused, %s: %s", self.rejected_messages, name, error)
        if self._on_rejected is not None:
            self._on_rejected(message, error)

    def _refuse_if_stopped(self) -> None:
        if self.is_stopped:
            raise LocalProtocolError("this server has stopped; start a new one on its storage")

    def _fail(self, error: StorageError) -> None:
        self._end()
        self._proposals.fail(error)
        self._reads.fail(error)
        if self._on_stopped is not None:
            self._on_stopped(error)

    def _end(self) -> None:
        self.is_stopped = True
        self._timer.close()
        self._applier.stop()
