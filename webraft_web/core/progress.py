"""The leader's view of one other server: what it holds, and how fast it may be fed."""

from collections import deque
from enum import Enum

from webraft_web.core.entry import Snapshot


class ProgressState(Enum):
    """How a follower is fed."""

    PROBE = "probe"
    """Where its log agrees is not known: one message at a time."""
    REPLICATE = "replicate"
    """It agrees up to match_index: messages are pipelined (§10.2.2)."""
    SNAPSHOT = "snapshot"
    """It lacks entries that are compacted: a snapshot is under way."""


class Progress:
    """One follower's replication state. Invariant: 0 <= match_index < next_index.

    Args:
        next_index: The next entry to send.
        max_inflight_messages: AppendEntries with entries under way at most.
        max_inflight_size: Their sizes together.
        now_ms: When it was last heard of, for want of better.
    """

    def __init__(
        self, next_index: int, max_inflight_messages: int, max_inflight_size: int, now_ms: int
    ) -> None:
        self.match_index = 0
        self.next_index = next_index
        self.state = ProgressState.PROBE
        self.is_paused_until_answer = False
        """A probe is out, or the pipeline is full: nothing more until something comes back."""
        self.is_recently_active = False
        """Heard from since the last quorum check (§6.2)."""
        self.last_heard_ms = now_ms
        self.sent_commit = 0
        """The highest commit index that was sent to it."""
        self.sending: Snapshot | None = None
        """The snapshot under way, kept even if the log is compacted further meanwhile."""
        self.is_chunk_lost = False
        """No chunk was asked for since the last heartbeat: send the last one again."""
        self.chunk_offset = 0
        self._inflight: deque[tuple[int, int]] = deque()
        self._inflight_size = 0
        self._max_inflight_messages = max_inflight_messages
        self._max_inflight_size = max_inflight_size

    @property
    def inflight_count(self) -> int:
        return len(self._inflight)

    @property
    def is_window_full(self) -> bool:
        return (
            len(self._inflight) >= self._max_inflight_messages
            or self._inflight_size >= self._max_inflight_size
        )

    @property
    def is_paused(self) -> bool:
        """Whether no AppendEntries may be sent now."""
        return self.is_paused_until_answer or self.state is ProgressState.SNAPSHOT

    def become_probe(self) -> None:
        """Feel for the place where the logs agree, after a loss or a finished snapshot."""
        sending = self.sending
        self._reset(ProgressState.PROBE)
        self.next_index = self.match_index + 1
        if sending is not None:
            self.next_index = max(self.next_index, sending.last_index + 1)
        self.sent_commit = min(self.sent_commit, self.next_index - 1)

    def become_replicate(self) -> None:
        """Feed it as fast as the window allows: its log agrees up to match_index."""
        self._reset(ProgressState.REPLICATE)
        self.next_index = self.match_index + 1

    def become_snapshot(self, snapshot: Snapshot) -> None:
        """Send a snapshot first: what it needs is compacted."""
        self._reset(ProgressState.SNAPSHOT)
        self.sending = snapshot
        self.next_index = snapshot.last_index + 1
        self.sent_commit = snapshot.last_index

    def _reset(self, state: ProgressState) -> None:
        self.state = state
        self.is_paused_until_answer = False
        self.is_chunk_lost = False
        self.chunk_offset = 0
        self.sending = None
        self._inflight.clear()
        self._inflight_size = 0

    def sent_entries(self, count: int, size: int) -> None:
        """Account for an AppendEntries with `count` entries."""
        if self.state is ProgressState.REPLICATE:
            if count:
                self.next_index += count
                self._inflight.append((self.next_index - 1, size))
                self._inflight_size += size
            self.is_paused_until_answer = self.is_window_full
        elif count:
            self.is_paused_until_answer = True

    def acknowledged(self, index: int) -> bool:
        """Move match_index forward; return False for old news."""
        if index <= self.match_index:
            return False
        self.match_index = index
        self.next_index = max(self.next_index, index + 1)
        self.is_paused_until_answer = False
        return True

    def free_window(self, index: int) -> None:
        """Forget the messages under way that `index` acknowledges."""
        while self._inflight and self._inflight[0][0] <= index:
            self._inflight_size -= self._inflight.popleft()[1]

    def refused(self, rejected: int, hint: int) -> bool:
        """Step back after a refusal of the probe at `rejected`; return False for old news.

        Args:
            rejected: The prev_log_index that did not match.
            hint: The last index at which the logs may agree.
        """
        if self.state is ProgressState.REPLICATE:
            if rejected <= self.match_index:
                return False
            self.next_index = self.match_index + 1
        else:
            if self.next_index - 1 != rejected:
                return False
            self.next_index = max(min(rejected, hint + 1), self.match_index + 1)
            self.is_paused_until_answer = False
        self.sent_commit = min(self.sent_commit, self.next_index - 1)
        return True

    def can_bump_commit(self, commit_index: int) -> bool:
        """Whether sending `commit_index` would tell it something new."""
        return commit_index > self.sent_commit and self.sent_commit < self.next_index - 1

    def heard(self, now_ms: int) -> None:
        """Note a sign of life."""
        self.is_recently_active = True
        self.last_heard_ms = now_ms
