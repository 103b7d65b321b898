"""The messages that cross servers, named as in the dissertation.

One class per message, plain data. `term` is the sender's term; for PreVote it
is the term that the sender would campaign in (§9.6). Servers know one another
by server id; cluster ids, addresses and encodings are the layers' above.
"""

from webraft_web.core.entry import Configuration, Entry, EntryKind, ServerId


class Message:
    """What every message carries: both ends' ids, and the sender's term."""

    __slots__ = ("receiver", "sender", "term")

    def __init__(self, sender: ServerId, receiver: ServerId, term: int) -> None:
        self.sender = sender
        self.receiver = receiver
        self.term = term

    def fields(self) -> tuple[object, ...]:
        """Return the fields beyond sender, receiver and term, in constructor order."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Message)
            and type(self) is type(other)
            and (self.sender, self.receiver, self.term) == (other.sender, other.receiver, other.term)
            and self.fields() == other.fields()
        )

    def __hash__(self) -> int:
        return hash((type(self), self.sender, self.receiver, self.term))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.sender}->{self.receiver} term={self.term} {self.fields()})"


class RequestVote(Message):
    """Ask for a vote (§3.4). With `is_transfer` the receiver answers despite a live leader (§4.2.3)."""

    __slots__ = ("is_transfer", "last_log_index", "last_log_term")

    def __init__(
        self,
        sender: ServerId,
        receiver: ServerId,
        term: int,
        last_log_index: int,
        last_log_term: int,
        is_transfer: bool = False,
    ) -> None:
        super().__init__(sender, receiver, term)
        self.last_log_index = last_log_index
        self.last_log_term = last_log_term
        self.is_transfer = is_transfer

    def fields(self) -> tuple[object, ...]:
        return (self.last_log_index, self.last_log_term, self.is_transfer)


class RequestVoteResponse(Message):
    """Answer a RequestVote."""

    __slots__ = ("vote_granted",)

    def __init__(self, sender: ServerId, receiver: ServerId, term: int, vote_granted: bool) -> None:
        super().__init__(sender, receiver, term)
        self.vote_granted = vote_granted

    def fields(self) -> tuple[object, ...]:
        return (self.vote_granted,)


class PreVote(Message):
    """Ask whether a vote would be granted, changing nothing (§9.6)."""

    __slots__ = ("last_log_index", "last_log_term")

    def __init__(
        self, sender: ServerId, receiver: ServerId, term: int, last_log_index: int, last_log_term: int
    ) -> None:
        super().__init__(sender, receiver, term)
        self.last_log_index = last_log_index
        self.last_log_term = last_log_term

    def fields(self) -> tuple[object, ...]:
        return (self.last_log_index, self.last_log_term)


class PreVoteResponse(Message):
    """Answer a PreVote; a grant carries the term asked about, a refusal the voter's own."""

    __slots__ = ("vote_granted",)

    def __init__(self, sender: ServerId, receiver: ServerId, term: int, vote_granted: bool) -> None:
        super().__init__(sender, receiver, term)
        self.vote_granted = vote_granted

    def fields(self) -> tuple[object, ...]:
        return (self.vote_granted,)


class AppendEntries(Message):
    """Replicate entries (§3.5). With none it probes, or pushes the commit index."""

    __slots__ = ("entries", "leader_commit", "prev_log_index", "prev_log_term")

    def __init__(
        self,
        sender: ServerId,
        receiver: ServerId,
        term: int,
        prev_log_index: int,
        prev_log_term: int,
        entries: list[Entry],
        leader_commit: int,
    ) -> None:
        super().__init__(sender, receiver, term)
        self.prev_log_index = prev_log_index
        self.prev_log_term = prev_log_term
        self.entries = entries
        self.leader_commit = leader_commit

    def fields(self) -> tuple[object, ...]:
        return (self.prev_log_index, self.prev_log_term, self.entries, self.leader_commit)


class AppendEntriesResponse(Message):
    """Acknowledge entries up to `index`, or refuse the probe at `index` with a hint.

    On success `index` is the last index known to match. On refusal `index` is
    the prev_log_index that did not match, and the hint the last place at which
    the logs may agree (§3.5, skipping whole terms).
    """

    __slots__ = ("hint_index", "hint_term", "index", "success")

    def __init__(
        self,
        sender: ServerId,
        receiver: ServerId,
        term: int,
        success: bool,
        index: int,
        hint_index: int = 0,
        hint_term: int = 0,
    ) -> None:
        super().__init__(sender, receiver, term)
        self.success = success
        self.index = index
        self.hint_index = hint_index
        self.hint_term = hint_term

    def fields(self) -> tuple[object, ...]:
        return (self.success, self.index, self.hint_index, self.hint_term)


class Heartbeat(Message):
    """Assert leadership (§3.4); carries the newest read round to confirm (§6.4), 0 for none."""

    __slots__ = ("leader_commit", "read_round")

    def __init__(
        self, sender: ServerId, receiver: ServerId, term: int, leader_commit: int, read_round: int = 0
    ) -> None:
        super().__init__(sender, receiver, term)
        self.leader_commit = leader_commit
        self.read_round = read_round

    def fields(self) -> tuple[object, ...]:
        return (self.leader_commit, self.read_round)


class HeartbeatResponse(Message):
    """Answer a heartbeat, confirming its read round."""

    __slots__ = ("read_round",)

    def __init__(self, sender: ServerId, receiver: ServerId, term: int, read_round: int = 0) -> None:
        super().__init__(sender, receiver, term)
        self.read_round = read_round

    def fields(self) -> tuple[object, ...]:
        return (self.read_round,)


class InstallSnapshot(Message):
    """One chunk of a snapshot (Fig. 5.3). `data` None announces a refresh instead: no chunks follow."""

    __slots__ = ("configuration", "data", "done", "first_command_index", "last_index", "last_term", "offset")

    def __init__(
        self,
        sender: ServerId,
        receiver: ServerId,
        term: int,
        last_index: int,
        last_term: int,
        configuration: Configuration,
        first_command_index: int,
        offset: int,
        data: str | None,
        done: bool,
    ) -> None:
        super().__init__(sender, receiver, term)
        self.last_index = last_index
        self.last_term = last_term
        self.configuration = configuration
        self.first_command_index = first_command_index
        self.offset = offset
        self.data = data
        self.done = done

    def fields(self) -> tuple[object, ...]:
        return (
            self.last_index,
            self.last_term,
            self.configuration,
            self.first_command_index,
            self.offset,
            self.data,
            self.done,
        )


class InstallSnapshotResponse(Message):
    """Ask for the snapshot at `last_index` to go on from character `offset`."""

    __slots__ = ("last_index", "offset")

    def __init__(self, sender: ServerId, receiver: ServerId, term: int, last_index: int, offset: int) -> None:
        super().__init__(sender, receiver, term)
        self.last_index = last_index
        self.offset = offset

    def fields(self) -> tuple[object, ...]:
        return (self.last_index, self.offset)


class TimeoutNow(Message):
    """Tell the receiver to start an election at once (§3.10)."""

    __slots__ = ()

    def fields(self) -> tuple[object, ...]:
        return ()


class Propose(Message):
    """Hand commands to the leader (§6.2); answered with ProposeResponse on append."""

    __slots__ = ("commands", "kind", "request_id")

    def __init__(
        self,
        sender: ServerId,
        receiver: ServerId,
        term: int,
        request_id: int,
        commands: list[str],
        kind: EntryKind = EntryKind.COMMAND,
    ) -> None:
        super().__init__(sender, receiver, term)
        self.request_id = request_id
        self.commands = commands
        self.kind = kind

    def fields(self) -> tuple[object, ...]:
        return (self.request_id, self.commands, self.kind)


class ProposeResponse(Message):
    """Say where forwarded commands were appended: entry_term and the first index, or 0 and why not.

    `reason` is "" on success, "not leader" or "overloaded" otherwise.
    """

    __slots__ = ("entry_term", "first_index", "reason", "request_id")

    def __init__(
        self,
        sender: ServerId,
        receiver: ServerId,
        term: int,
        request_id: int,
        entry_term: int,
        first_index: int,
        reason: str = "",
    ) -> None:
        super().__init__(sender, receiver, term)
        self.request_id = request_id
        self.entry_term = entry_term
        self.first_index = first_index
        self.reason = reason

    def fields(self) -> tuple[object, ...]:
        return (self.request_id, self.entry_term, self.first_index, self.reason)


class ReadIndex(Message):
    """Ask the leader for a read index (§6.4)."""

    __slots__ = ("request_id",)

    def __init__(self, sender: ServerId, receiver: ServerId, term: int, request_id: int) -> None:
        super().__init__(sender, receiver, term)
        self.request_id = request_id

    def fields(self) -> tuple[object, ...]:
        return (self.request_id,)


class ReadIndexResponse(Message):
    """Answer a ReadIndex: the state at `index` is new enough; index 0 means refused."""

    __slots__ = ("index", "request_id")

    def __init__(self, sender: ServerId, receiver: ServerId, term: int, request_id: int, index: int) -> None:
        super().__init__(sender, receiver, term)
        self.request_id = request_id
        self.index = index

    def fields(self) -> tuple[object, ...]:
        return (self.request_id, self.index)


class ConfirmRefresh(Message):
    """Ask the leader whether its log holds `entry_term` at `index`, at or below its commit index."""

    __slots__ = ("entry_term", "index")

    def __init__(self, sender: ServerId, receiver: ServerId, term: int, entry_term: int, index: int) -> None:
        super().__init__(sender, receiver, term)
        self.entry_term = entry_term
        self.index = index

    def fields(self) -> tuple[object, ...]:
        return (self.entry_term, self.index)


class ConfirmRefreshResponse(Message):
    """Confirm a refresh, with the configuration in force where to adopt it; `configuration` None refuses.

    That is at the place asked about or, where the leader holds that entry but does
    not know it to be committed yet, at the last one known to be.
    """

    __slots__ = ("adopt_index", "adopt_term", "configuration", "entry_term", "first_command_index", "index")

    def __init__(
        self,
        sender: ServerId,
        receiver: ServerId,
        term: int,
        entry_term: int,
        index: int,
        configuration: Configuration | None,
        first_command_index: int = 0,
        adopt_term: int | None = None,
        adopt_index: int | None = None,
    ) -> None:
        super().__init__(sender, receiver, term)
        self.entry_term = entry_term
        self.index = index
        self.configuration = configuration
        self.first_command_index = first_command_index
        self.adopt_term = entry_term if adopt_term is None else adopt_term
        self.adopt_index = index if adopt_index is None else adopt_index

    def fields(self) -> tuple[object, ...]:
        return (
            self.entry_term,
            self.index,
            self.configuration,
            self.first_command_index,
            self.adopt_term,
            self.adopt_index,
        )
