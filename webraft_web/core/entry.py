"""What sits in the log: entries, configurations, and the snapshot that replaces a prefix.

Plain data without behaviour worth a test of its own; kept apart so that the
wire, the storages and the core agree on one vocabulary. Indexes are 1-based,
0 means none (chapter 3). A server id is one opaque string to the core.
"""

from enum import IntEnum
from typing import Final, NamedTuple

ServerId = str
"""`incarnation@address`, see `make_server_id`."""

ENTRY_OVERHEAD: Final = 16
"""What an entry is counted for besides its data."""


def make_server_id(address: str, incarnation: str) -> ServerId:
    """Join an address and its incarnation; the incarnation holds no '@'."""
    return f"{incarnation}@{address}"


def address_of(server_id: ServerId) -> str:
    """Return the address part of a server id."""
    return server_id.partition("@")[2] or server_id


class EntryKind(IntEnum):
    """What an entry is for."""

    COMMAND = 0
    """A command of the application: the user's data."""
    NO_OP = 1
    """What a new leader commits first (§3.6.2)."""
    CONFIGURATION = 2
    """A cluster configuration, effective when appended (§4.1)."""
    HOUSEKEEPING = 3
    """A command of the layers above that is not the user's data (genesis, sessions)."""
    YIELD = 4
    """This cluster dissolves into the one named by `data`; void if a command precedes it."""


class Configuration:
    """Who belongs to the cluster (chapter 4). Immutable; both tuples are sorted and disjoint."""

    __slots__ = ("non_voting", "voters")

    def __init__(self, voters: tuple[ServerId, ...] = (), non_voting: tuple[ServerId, ...] = ()) -> None:
        self.voters: tuple[ServerId, ...] = tuple(sorted(set(voters)))
        self.non_voting: tuple[ServerId, ...] = tuple(sorted(set(non_voting) - set(voters)))

    @property
    def servers(self) -> tuple[ServerId, ...]:
        """All members, voters first."""
        return self.voters + self.non_voting

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Configuration)
            and self.voters == other.voters
            and self.non_voting == other.non_voting
        )

    def __hash__(self) -> int:
        return hash((self.voters, self.non_voting))

    def __repr__(self) -> str:
        return f"Configuration(voters={self.voters!r}, non_voting={self.non_voting!r})"


class Entry:
    """One entry of the log. Immutable by agreement: entries are shared, never copied.

    `data` is opaque text: a command for COMMAND and HOUSEKEEPING, a cluster id
    for YIELD, "" otherwise. `configuration` is set for CONFIGURATION alone. `size`
    is what it counts for towards every limit: characters, for speed, and a little more.
    """

    __slots__ = ("configuration", "data", "index", "kind", "size", "term")

    def __init__(
        self,
        term: int,
        index: int,
        kind: EntryKind = EntryKind.COMMAND,
        data: str = "",
        configuration: Configuration | None = None,
    ) -> None:
        self.term = term
        self.index = index
        self.kind = kind
        self.data = data
        self.configuration = configuration
        self.size = len(data) + ENTRY_OVERHEAD

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Entry)
            and self.term == other.term
            and self.index == other.index
            and self.kind == other.kind
            and self.data == other.data
            and self.configuration == other.configuration
        )

    def __hash__(self) -> int:
        return hash((self.term, self.index))

    def __repr__(self) -> str:
        return f"Entry(term={self.term}, index={self.index}, kind={self.kind!r}, data={self.data!r:.40})"


class HardState(NamedTuple):
    """What a server must not forget (§3.8), and how far it knew to have committed."""

    term: int = 0
    voted_for: ServerId | None = None
    commit_index: int = 0


class Snapshot:
    """The state machine after `last_index`, in place of the log up to there (chapter 5).

    `data` is opaque text; None means that the application keeps its own state
    (bare apply/refresh handlers), so that a lagging server has to refresh
    instead. `first_command_index` is the index of the first COMMAND entry ever
    committed at or below `last_index`, 0 for none: whether there is user data.
    """

    __slots__ = ("configuration", "data", "first_command_index", "last_index", "last_term")

    def __init__(
        self,
        last_index: int,
        last_term: int,
        configuration: Configuration,
        data: str | None = None,
        first_command_index: int = 0,
    ) -> None:
        self.last_index = last_index
        self.last_term = last_term
        self.configuration = configuration
        self.data = data
        self.first_command_index = first_command_index

    def __repr__(self) -> str:
        size = "none" if self.data is None else len(self.data)
        return f"Snapshot(last_index={self.last_index}, last_term={self.last_term}, data={size})"


class Committed(NamedTuple):
    """Where a command took effect: the entry's term and log index."""

    term: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
