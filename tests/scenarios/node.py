"""One server of a scenario: a core with its storage, application and clock, in the shape of RawNode."""

from __future__ import annotations

import random
from typing import Any

from tests.scenarios.describe import RESPONSES, Changes, describe_ready, describe_soft_state, number_of
from webraft_web.core.config import Config
from webraft_web.core.entry import Entry, EntryKind, ServerId, Snapshot
from webraft_web.core.errors import WebraftError
from webraft_web.core.message import Message, Propose
from webraft_web.core.quorum import is_quorum
from webraft_web.core.raft import Raft
from webraft_web.core.ready import RestoredState

HEARTBEAT_TICKS = 1
ELECTION_TICKS = 3
UNLIMITED = 2**53

DROPPED = "raft proposal dropped"
_STRANGER = "raft: cannot step as peer not found"
_COMPACTED = "requested index is unavailable due to compaction"


class Ticks:
    """Timeouts counted in ticks of one millisecond; a follower waits for one to two election timeouts."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.election_ticks: int | None = None
        """What a scenario has set."""

    def heartbeat_timeout_ms(self) -> int:
        if self.election_ticks is not None:
            return self.election_ticks
        return self._random.randrange(ELECTION_TICKS, 2 * ELECTION_TICKS)

    def election_timeout_ms(self) -> int:
        return self.heartbeat_timeout_ms()

    def heartbeat_interval_ms(self) -> int:
        return HEARTBEAT_TICKS

    def lease_ms(self) -> int:
        return ELECTION_TICKS


class Node:
    """A server with everything around it.

    Args:
        server: Its id.
        snapshot: What its storage holds at first; None for one that is new.
        changes: Of the whole scenario.
        is_lease_based: Whether its reads rest on the leader's lease. The core has no such
            reads; but a server that had them could not forget its leader.
        options: For its Config.
    """

    def __init__(
        self,
        server: ServerId,
        snapshot: Snapshot | None,
        changes: Changes,
        *,
        is_lease_based: bool = False,
        **options: Any,
    ) -> None:
        self.server_id = server
        self._ticks = Ticks(number_of(server))
        config = Config(
            server,
            self._ticks,
            max_message_size=UNLIMITED,
            max_inflight_size=UNLIMITED,
            max_uncommitted_size=UNLIMITED,
            max_apply_size=UNLIMITED,
            max_snapshot_size=UNLIMITED,
            tends_membership=False,
            **{"max_inflight_messages": UNLIMITED, "pre_vote": False, "check_quorum": False, **options},
        )
        self.raft = Raft(config, RestoredState(snapshot=snapshot), 0)
        self.base_index = snapshot.last_index if snapshot else 0
        """The storage holds the entries after it."""
        self.stored: list[Entry] = []
        self.has_led_with_half = False
        """It has stayed the leader although only half of the voters answered; in etcd it never would."""
        self._is_lease_based = is_lease_based
        self._changes = changes
        self._state = (snapshot.data or "") if snapshot else ""
        self._hard_state = self.raft.hard_state
        self._soft_state = self._current_soft_state

    # What there is to do

    @property
    def _current_soft_state(self) -> str:
        return describe_soft_state(self.raft.leader_id, self.raft.role)

    def has_ready(self) -> bool:
        return self.raft.has_ready() or self._soft_state != self._current_soft_state

    def process_ready(self) -> tuple[str, list[Message]]:
        """Carry out one batch; return its description and the messages that leave."""
        before = self._hard_state
        soft_state = self._current_soft_state
        ready = self.raft.ready()
        self._hard_state = ready.hard_state or before
        # Here a snapshot alone must be persisted as well; etcd has no word for that.
        must_sync = ready.must_persist and (
            ready.snapshot is None or bool(ready.entries) or self._hard_state[:2] != before[:2]
        )
        described = describe_ready(
            soft_state if soft_state != self._soft_state else "",
            self._hard_state if self._hard_state != before else None,
            must_sync,
            ready.entries,
            ready.snapshot,
            ready.committed_entries,
            ready.messages,
            self._changes,
        )
        self._soft_state = soft_state
        if ready.snapshot is not None:
            self.base_index, self.stored = ready.snapshot.last_index, []
        if ready.entries:
            del self.stored[ready.entries[0].index - self.base_index - 1 :]
            self.stored += ready.entries
        self.raft.advance()
        if ready.snapshot is not None:
            self._state = ready.snapshot.data or ""
            self.raft.applied_to(ready.snapshot.last_index)
        if ready.committed_entries:
            self._apply(ready.committed_entries)
        return described, ready.messages

    def _apply(self, entries: list[Entry]) -> None:
        """Let the application, which joins all commands, take entries; keep its state for laggards."""
        self._state += "".join([entry.data for entry in entries if entry.kind is EntryKind.COMMAND])
        self.raft.applied_to(entries[-1].index)
        self.raft.log.snapshot = self.newest_snapshot()

    def newest_snapshot(self) -> Snapshot:
        """Return the application's state after all that was applied."""
        index = self.raft.last_applied
        term = self.raft.log.term_at(index)
        assert term is not None, "what was applied last is never compacted away"
        log = self.raft.log
        return Snapshot(index, term, log.configuration_at(index), self._state, log.first_command_index)

    # What comes in; what a method returns is what etcd would say to it

    def step(self, message: Message) -> str:
        if isinstance(message, RESPONSES) and message.sender not in self.raft.configuration.servers:
            return _STRANGER
        try:
            if isinstance(message, Propose):
                self._propose(message.commands)
            else:
                self.raft.step(message)
        except WebraftError as error:
            return DROPPED if isinstance(message, Propose) else str(error)
        return ""

    def propose(self, command: str) -> str:
        try:
            self._propose([command])
        except WebraftError:
            return DROPPED
        return ""

    def _propose(self, commands: list[str]) -> None:
        """Append, or forward; whom etcd's forwards reach appends them, and sends no answer."""
        if self.raft.is_leader:
            self.raft.propose(commands)
        else:
            self.raft.forward(0, commands)

    def tick(self, count: int) -> None:
        for _ in range(count):
            leadership = self.raft.leadership
            heard = self.raft.voters_heard()
            check_due_ms = leadership.quorum_check_deadline_ms if leadership else 0
            self.raft.tick(self.raft.now_ms + 1)
            if leadership is None or leadership is not self.raft.leadership:
                continue
            is_checked = self.raft.config.check_quorum and check_due_ms != leadership.quorum_check_deadline_ms
            if is_checked and not is_quorum(self.raft.configuration.voters, heard):
                self.has_led_with_half = True

    def set_election_ticks(self, ticks: int) -> None:
        self._ticks.election_ticks = ticks
        self.raft._wait_ms = ticks

    def forget_leader(self) -> None:
        if not self._is_lease_based:
            self.raft.forget_leader()

    def transfer_leadership(self, target: ServerId) -> None:
        if self.raft.is_leader and target in self.raft.configuration.voters:
            self.raft.transfer_leadership(target)

    def compact(self, index: int) -> str:
        """Drop the entries up to `index`; what laggards are sent is the application's state as it is now."""
        if index <= self.base_index:
            return _COMPACTED
        try:
            self.raft.compact(index, None)
        except WebraftError as error:
            return str(error)
        self.raft.log.snapshot = self.newest_snapshot()
        del self.stored[: index - self.base_index]
        self.base_index = index
        return ""
