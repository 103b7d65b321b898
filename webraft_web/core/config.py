"""What a server is told from outside: its id, its bounds, and where its timeouts come from."""

from typing import Protocol

from webraft_web.core.entry import ServerId


class Timeouts(Protocol):
    """Where a server's waits come from, in whole milliseconds; randomness comes in here.

    Each is asked anew whenever a wait begins, so that they may differ every time.
    """

    def heartbeat_timeout_ms(self) -> int:
        """How long a follower waits for its leader before it starts a Pre-Vote."""

    def election_timeout_ms(self) -> int:
        """How long a candidate waits for votes before it tries again."""

    def heartbeat_interval_ms(self) -> int:
        """How often a leader sends heartbeats."""

    def lease_ms(self) -> int:
        """The shortest follower's wait: within it of hearing a leader no vote is given (§4.2.3)."""


class FixedTimeouts:
    """Timeouts that never vary: for clusters of one, and for tests."""

    def __init__(self, heartbeat_timeout: int = 200, election_timeout: int = 200, heartbeat_interval: int = 100) -> None:
        self._heartbeat_timeout = heartbeat_timeout
        self._election_timeout = election_timeout
        self._heartbeat_interval = heartbeat_interval

    def heartbeat_timeout_ms(self) -> int:
        return self._heartbeat_timeout

    def election_timeout_ms(self) -> int:
        return self._election_timeout

    def heartbeat_interval_ms(self) -> int:
        return self._heartbeat_interval

    def lease_ms(self) -> int:
        return self._heartbeat_timeout


class Config:
    """One server's options. All sizes are in characters of command text plus a little per entry.

    Args:
        server_id: This server.
        timeouts: Where its waits come from.
        max_message_size: Entries of one AppendEntries, and the data of one InstallSnapshot chunk.
        max_inflight_messages: AppendEntries under way to one follower.
        max_inflight_size: Their sizes together.
        max_uncommitted_size: Proposals not yet committed; beyond it OverloadedError.
        max_apply_size: Committed entries handed out and not yet applied.
        max_voters: The leader promotes while there are fewer voters; None for no limit.
        demote_after_ms: A voter silent for this long is demoted where that is safe; 0 for never
            (an even cluster with exactly half silent is still mended at once, see `membership`).
        auto_promote: Whether the leader promotes caught-up non-voting members by itself.
    """

    __slots__ = (
        "auto_promote",
        "demote_after_ms",
        "max_apply_size",
        "max_inflight_messages",
        "max_inflight_size",
        "max_message_size",
        "max_uncommitted_size",
        "max_voters",
        "server_id",
        "timeouts",
    )

    def __init__(
        self,
        server_id: ServerId,
        timeouts: Timeouts,
        max_message_size: int = 64 * 1024,
        max_inflight_messages: int = 64,
        max_inflight_size: int = 1024 * 1024,
        max_uncommitted_size: int = 64 * 1024 * 1024,
        max_apply_size: int = 4 * 1024 * 1024,
        max_voters: int | None = None,
        demote_after_ms: int = 10_000,
        auto_promote: bool = True,
    ) -> None:
        self.server_id = server_id
        self.timeouts = timeouts
        self.max_message_size = max_message_size
        self.max_inflight_messages = max_inflight_messages
        self.max_inflight_size = max_inflight_size
        self.max_uncommitted_size = max_uncommitted_size
        self.max_apply_size = max_apply_size
        self.max_voters = max_voters
        self.demote_after_ms = demote_after_ms
        self.auto_promote = auto_promote
