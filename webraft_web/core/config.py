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

    def __init__(
        self, heartbeat_timeout: int = 200, election_timeout: int = 200, heartbeat_interval: int = 100
    ) -> None:
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
        max_uncommitted_size: Entries not yet committed, or committed and not yet applied here;
            a proposal beyond it is refused with OverloadedError.
        max_apply_size: Committed entries handed out and not yet applied.
        max_voters: The leader promotes while there are fewer voters; None for no limit.
        tends_membership: Whether the leader promotes caught-up non-voting members and demotes
            silent voters by itself (see `membership`).
        mend_after_ms: How long voters must be silent before the leader changes the configuration
            in order to commit again.
        demote_after_ms: How long a voter must be silent before it is demoted although the others
            can commit without it.
        pre_vote: Whether an election begins with a Pre-Vote (§9.6).
        check_quorum: Whether a leader that hears no majority steps down (§6.2), and servers that
            hear a leader give no votes (§4.2.3).
        max_snapshot_size: A snapshot received that grows beyond it is refused.
    """

    __slots__ = (
        "check_quorum",
        "demote_after_ms",
        "max_apply_size",
        "max_inflight_messages",
        "max_inflight_size",
        "max_message_size",
        "max_snapshot_size",
        "max_uncommitted_size",
        "max_voters",
        "mend_after_ms",
        "pre_vote",
        "server_id",
        "tends_membership",
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
        tends_membership: bool = True,
        mend_after_ms: int = 2_000,
        demote_after_ms: int = 10_000,
        pre_vote: bool = True,
        check_quorum: bool = True,
        max_snapshot_size: int = 256 * 1024 * 1024,
    ) -> None:
        self.server_id = server_id
        self.timeouts = timeouts
        self.max_message_size = max_message_size
        self.max_inflight_messages = max_inflight_messages
        self.max_inflight_size = max_inflight_size
        self.max_uncommitted_size = max_uncommitted_size
        self.max_apply_size = max_apply_size
        self.max_voters = max_voters
        self.tends_membership = tends_membership
        self.mend_after_ms = mend_after_ms
        self.demote_after_ms = demote_after_ms
        self.pre_vote = pre_vote
        self.check_quorum = check_quorum
        self.max_snapshot_size = max_snapshot_size
