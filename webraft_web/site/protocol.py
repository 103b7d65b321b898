"""What the tabs of one browser say to each other on their room's channel.

A text is its recipients (tabs' ids between commas, or nothing for everybody), a
newline, and a JSON list: version, the sender's tab, the kind, then the kind's
fields in order. The recipients stand first so that a tab skips what is not for
it without parsing: every text reaches every tab.

The tables at the end are the whole protocol. Other tabs may run another release
of this package, so everything is checked before it is believed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from webraft_web import json_text, wire
from webraft_web.core.entry import EntryKind, Snapshot
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.core.ready import Feed

VERSION: Final = 3
MAX_TEXT_SIZE: Final = 128 * 1024 * 1024
MAX_ID_SIZE: Final = 256
MAX_LIST_SIZE: Final = 10_000
MAX_INTEGER: Final = 2**53 - 1
ORDERS: Final = ("recover", "yield", "leave")
ROLES: Final = ("leader", "candidate", "follower")


class Hello(NamedTuple):
    """A tab came: who runs the server, and what is new since `applied` in `cluster`?"""

    cluster: str
    applied: int


class Bye(NamedTuple):
    """A tab goes."""


class Need(NamedTuple):
    """A tab lacks what follows `applied` in `cluster` ("" with 0 for nothing at all)."""

    cluster: str
    applied: int


class Commands(NamedTuple):
    """Commands to append to the log of `cluster`, all of one kind.

    They may arrive twice: the log knows them again, by numbers that mean something in it alone.
    """

    cluster: str
    kind: EntryKind
    commands: list[str]


class ReadRequest(NamedTuple):
    """A tab wants a read index (§6.4)."""

    request_id: int


class Hidden(NamedTuple):
    """Nobody has looked at the runner's page for long: at whose does somebody?"""


class Visible(NamedTuple):
    """Somebody looks at the sender's page: a runner that nobody looks at should make way."""


class Offer(NamedTuple):
    """The runner would make way for this tab: it may take the lock."""


class Order(NamedTuple):
    """Somebody asked for something that only the server can do, if it is still of this cluster.

    Fields:
        what: "recover" mints a new cluster, "yield" gives this one up for another, "leave" ends
            this browser's membership.
        cluster: The cluster that is meant.
        other: For "yield", the cluster to join.
    """

    what: str
    cluster: str
    other: str = ""


class Left(NamedTuple):
    """This browser is a member no more."""


class Forget(NamedTuple):
    """The room is being deleted in this browser: all tabs let go of it."""


class Starting(NamedTuple):
    """The sender holds the lock and is reading the journal: a sign of life, no more."""


class Beat(NamedTuple):
    """The runner's sign of life, from its own clock and never as an answer; and what it knows.

    Fields:
        run: Numbers the runners of one store: a higher one has taken over from all lower ones.
        cluster: The cluster's id.
        address: This browser's server.
        role: Its role in the cluster.
        leader: Address of the cluster's leader, or "".
        term: Its current term.
        commit: What of the log is committed, and persisted here.
        is_settled: Whether `commit` covers everything acknowledged before this runner began,
            as far as this browser alone can know.
        members: Addresses and whether they vote.
        missing: Addresses that a quorum waits for.
        tabs: The ids of this browser's tabs in the room.
        links: What was measured lately of the connections to other browsers, by address.
    """

    run: int
    cluster: str
    address: str
    role: str
    leader: str
    term: int
    commit: int
    is_settled: bool
    members: dict[str, str]
    missing: list[str]
    tabs: list[str]
    links: dict[str, dict[str, Any]]


class Entries(NamedTuple):
    """Committed entries for all observers, once per batch; or what some of them lacked."""

    run: int
    cluster: str
    feed: Feed


class Document(NamedTuple):
    """The whole state machine, for tabs that lack too much."""

    run: int
    cluster: str
    snapshot: Snapshot


class ReadAnswer(NamedTuple):
    """The state at `read_index` of `cluster` is new enough for the read."""

    run: int
    cluster: str
    request_id: int
    read_index: int


class Refused(NamedTuple):
    """These commands were certainly not appended; `is_overload` says that there were too many."""

    run: int
    is_overload: bool
    commands: list[str]


Text = (
    Hello
    | Bye
    | Need
    | Commands
    | ReadRequest
    | Hidden
    | Visible
    | Offer
    | Order
    | Left
    | Forget
    | Starting
    | Beat
    | Entries
    | Document
    | ReadAnswer
    | Refused
)


class Envelope(NamedTuple):
    """A text that was understood, and the tab that sent it."""

    sender: str
    content: Text


def encode(sender: str, content: Text, recipients: str = "") -> str:
    """Return the text that carries `content` to `recipients`, or to everybody."""
    kind, fields = _KINDS_BY_TYPE[type(content)]
    values = [field.encode(value) for field, value in zip(fields, content, strict=True)]
    return f"{recipients}\n{_dumps([VERSION, sender, kind, *values])}"


def decode(text: str, tab: str) -> Envelope | None:
    """Understand a text; None if it is for another tab than `tab`.

    Raises:
        RemoteProtocolError: If it is of another version, or makes no sense.
    """
    if len(text) > MAX_TEXT_SIZE:
        raise RemoteProtocolError(f"a text of {len(text)} characters came; at most {MAX_TEXT_SIZE} are read")
    recipients, _, body = text.partition("\n")
    if recipients and tab not in recipients.split(","):
        return None
    try:
        parts = json_text.decode(body)
    except ValueError as error:
        raise RemoteProtocolError(f"a text that is no JSON came: {text[:80]!r}") from error
    try:
        version, sender, kind, *values = parts
    except (TypeError, ValueError) as error:
        raise RemoteProtocolError(f"a text without version, sender and kind came: {text[:80]!r}") from error
    if version != VERSION:
        raise RemoteProtocolError(
            f"a tab speaks version {str(version)[:20]} of the tabs' protocol, this one speaks {VERSION}: "
            f"reload the older one"
        )
    known = _KINDS.get(kind) if isinstance(kind, str) else None
    if known is None or len(values) != len(known[1]):
        raise RemoteProtocolError(f"a text of an unknown kind or length came: {text[:80]!r}")
    content_type, fields = known
    decoded = [field.decode(value) for field, value in zip(fields, values, strict=True)]
    return Envelope(_id(sender), content_type(*decoded))


_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class _Field(NamedTuple):
    """How one field travels: to JSON, and back with every check."""

    encode: Callable[[Any], object]
    decode: Callable[[object], Any]


def _same(value: object) -> object:
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_ID_SIZE:
        raise RemoteProtocolError(f"expected a short string, got {str(value)[:80]!r}")
    return value


def _id(value: object) -> str:
    if not _text(value):
        raise RemoteProtocolError("expected an id, got an empty string")
    return str(value)


def _integer(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise RemoteProtocolError(f"expected an integer from 0 to 2**53-1, got {str(value)[:80]!r}")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise RemoteProtocolError(f"expected true or false, got {str(value)[:80]!r}")
    return value


def _role(value: object) -> str:
    if value not in ROLES:
        raise RemoteProtocolError(f"expected a role, got {str(value)[:80]!r}")
    return str(value)


def _ids(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_LIST_SIZE:
        raise RemoteProtocolError(f"expected a list of ids, got {str(value)[:80]!r}")
    return [_id(item) for item in value]


def _order(value: object) -> str:
    if value not in ORDERS:
        raise RemoteProtocolError(f"expected an order, got {str(value)[:80]!r}")
    return str(value)


def _members(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MAX_LIST_SIZE:
        raise RemoteProtocolError(f"expected members, got {str(value)[:80]!r}")
    for address, rights in value.items():
        _id(address)
        if rights not in ("voter", "non_voting"):
            raise RemoteProtocolError(f"expected 'voter' or 'non_voting', got {str(rights)[:80]!r}")
    return value


def _links(value: object) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or len(value) > MAX_LIST_SIZE:
        raise RemoteProtocolError(f"expected links, got {str(value)[:80]!r}")
    for address, figures in value.items():
        _id(address)
        if not isinstance(figures, dict):
            raise RemoteProtocolError(f"expected a link's statistics, got {str(figures)[:80]!r}")
    return value


def _command_kind(value: object) -> EntryKind:
    if value not in (EntryKind.COMMAND, EntryKind.HOUSEKEEPING) or isinstance(value, bool):
        raise RemoteProtocolError(f"a tab may not propose entries of kind {str(value)[:80]!r}")
    return EntryKind(_integer(value))


def _commands(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RemoteProtocolError(f"expected a list of commands, got {str(value)[:80]!r}")
    return value


_INTEGER = _Field(_same, _integer)
_ID = _Field(_same, _id)
_TEXT = _Field(_same, _text)
_IDS = _Field(_same, _ids)
_BOOLEAN = _Field(_same, _boolean)
_COMMANDS = _Field(_same, _commands)

_KINDS: dict[str, tuple[Callable[..., Text], tuple[_Field, ...]]] = {
    "hello": (Hello, (_TEXT, _INTEGER)),
    "bye": (Bye, ()),
    "need": (Need, (_TEXT, _INTEGER)),
    "commands": (Commands, (_ID, _Field(int, _command_kind), _COMMANDS)),
    "read": (ReadRequest, (_INTEGER,)),
    "hidden": (Hidden, ()),
    "visible": (Visible, ()),
    "offer": (Offer, ()),
    "order": (Order, (_Field(_same, _order), _ID, _TEXT)),
    "left": (Left, ()),
    "forget": (Forget, ()),
    "starting": (Starting, ()),
    "beat": (
        Beat,
        (
            _INTEGER,
            _ID,
            _ID,
            _Field(_same, _role),
            _TEXT,
            _INTEGER,
            _INTEGER,
            _BOOLEAN,
            _Field(_same, _members),
            _IDS,
            _IDS,
            _Field(_same, _links),
        ),
    ),
    "entries": (Entries, (_INTEGER, _ID, _Field(wire.encode_feed, wire.decode_feed))),
    "document": (Document, (_INTEGER, _ID, _Field(wire.encode_snapshot, wire.decode_snapshot))),
    "answer": (ReadAnswer, (_INTEGER, _ID, _INTEGER, _INTEGER)),
    "refused": (Refused, (_INTEGER, _BOOLEAN, _COMMANDS)),
}
_KINDS_BY_TYPE: dict[object, tuple[str, tuple[_Field, ...]]] = {
    content_type: (kind, fields) for kind, (content_type, fields) in _KINDS.items()
}
