"""What servers say to one another besides Raft's messages, and the envelope that both travel in.

A payload is a JSON-able list `[version, cluster id, kind, body]`. Raft's
messages travel inside the kind `raft`, and only between members of one cluster.
The other kinds are how servers get to know each other before that: every one of
them may be lost, repeated or reordered without harm.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from webraft_web.core.entry import ServerId, address_of
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.core.validation import MAX_NUMBER, seen
from webraft_web.wire import MAX_ID_LENGTH, MAX_SERVERS, WIRE_VERSION

RAFT: Final = "raft"
"""Body: a list of encoded messages."""
HELLO: Final = "hello"
"""Body: who the sender is and what it knows, see `Hello`."""
OFFER: Final = "offer"
"""Body: [founder, receiver]. The founder will name the receiver in its first configuration, if it may."""
ACCEPT: Final = "accept"
"""Body: [acceptor]. It will follow this founding and no other; that is durable already."""
FOUND: Final = "found"
"""Body: the founding voters' ids. The cluster exists."""
OVER: Final = "over"
"""Body: see `Over`. That server was removed, or its cluster has yielded: it has to start afresh."""
LEAVE: Final = "leave"
"""Body: [server id]. The sender asks the leader to remove it."""
LEAD: Final = "lead"
"""Body: [server id]. The sender, which stays when others go, asks the leader to hand over to it."""

KINDS: Final = (RAFT, HELLO, OFFER, ACCEPT, FOUND, OVER, LEAVE, LEAD)

_URGENT: Final = ("Heartbeat", "HeartbeatResponse", "RequestVoteResponse", "PreVoteResponse")
_ENVELOPE_LENGTH: Final = 4
_HELLO_LENGTH: Final = 7


class Envelope(NamedTuple):
    """A payload taken apart; `cluster_id` None means that the sender has no cluster yet."""

    cluster_id: str | None
    kind: str
    body: list[Any]


class Hello(NamedTuple):
    """How a server introduces itself.

    Fields:
        server_id: Its present identity.
        is_blank: Its log is empty: it can still become part of any cluster.
        may_found: It may found a cluster.
        has_data: Its cluster has committed a command of the application.
        is_leader: It leads its cluster.
        members: The fixed cluster that it was told to found, None for any.
        wants_answer: It waits for the receiver's hello.
    """

    server_id: ServerId
    is_blank: bool
    may_found: bool
    has_data: bool
    is_leader: bool
    members: tuple[str, ...] | None
    wants_answer: bool


class Over(NamedTuple):
    """What a server is told that belongs to its cluster no more.

    Fields:
        server_id: That server.
        term: The sender's term.
        last_index: Where the sender's log ended: whoever was added again since is in a later configuration.
    """

    server_id: ServerId
    term: int = MAX_NUMBER
    last_index: int = MAX_NUMBER


def seal(cluster_id: str | None, kind: str, body: list[Any]) -> list[Any]:
    """Return the payload for `body`."""
    return [WIRE_VERSION, cluster_id, kind, body]


def open_payload(payload: object) -> Envelope:
    """Undo `seal`.

    Raises:
        RemoteProtocolError: If anything but the body is not as `seal` makes it.
    """
    if type(payload) is not list or len(payload) != _ENVELOPE_LENGTH:
        raise RemoteProtocolError(
            f"got a payload of type {type(payload).__name__}, "
            f"expected the list of {_ENVELOPE_LENGTH} that NodeInstance.write was given"
        )
    version, cluster_id, kind, body = payload
    if type(version) is not int or version != WIRE_VERSION:
        raise RemoteProtocolError(
            f"the peer speaks version {seen(version)} and this server version {WIRE_VERSION}: "
            "load the same release on both"
        )
    if cluster_id is not None and not _is_id(cluster_id):
        raise RemoteProtocolError("a payload's cluster id must be null or a short text")
    if type(kind) is not str or kind not in KINDS or type(body) is not list:
        raise RemoteProtocolError(f"a payload's kind is one of {', '.join(KINDS)}, and its body a list")
    return Envelope(cluster_id, kind, body)


def seal_hello(cluster_id: str | None, hello: Hello) -> list[Any]:
    """Return the payload that introduces a server."""
    members = None if hello.members is None else list(hello.members)
    return seal(cluster_id, HELLO, [*hello[:5], members, hello.wants_answer])


def read_hello(body: list[Any]) -> Hello:
    """Undo `seal_hello`; RemoteProtocolError for anything else."""
    if len(body) != _HELLO_LENGTH:
        raise RemoteProtocolError(f"a hello has {_HELLO_LENGTH} parts, got {len(body)}")
    server_id, is_blank, may_found, has_data, is_leader, members, wants_answer = body
    if not _is_id(server_id):
        raise RemoteProtocolError("a hello must name its sender")
    if not all(type(flag) is bool for flag in (is_blank, may_found, has_data, is_leader, wants_answer)):
        raise RemoteProtocolError(f"a hello of {server_id} has flags that are neither true nor false")
    if members is not None:
        members = tuple(read_ids(members))
    return Hello(server_id, is_blank, may_found, has_data, is_leader, members, wants_answer)


def read_ids(body: object, count: int | None = None) -> list[str]:
    """Return a body that is a list of ids; RemoteProtocolError for anything else."""
    if type(body) is not list or not all(_is_id(item) for item in body):
        raise RemoteProtocolError("expected a list of ids")
    if not 0 < len(body) <= MAX_SERVERS or (count is not None and len(body) != count):
        raise RemoteProtocolError(f"got {len(body)} ids, expected {count or f'1 to {MAX_SERVERS}'}")
    return body


def read_over(body: list[Any]) -> Over:
    """Return the body of an OVER, checked; RemoteProtocolError for anything else."""
    if len(body) != len(Over._fields):
        raise RemoteProtocolError(
            f"a word that a server is over has {len(Over._fields)} parts, got {len(body)}"
        )
    server_id, *numbers = body
    if not _is_id(server_id):
        raise RemoteProtocolError("a word that a server is over must name it")
    if not all(type(number) is int and 0 <= number <= MAX_NUMBER for number in numbers):
        raise RemoteProtocolError("a word that a server is over gives term and index")
    return Over(*body)


def is_urgent(payload: Any) -> bool:
    """Whether a payload, not checked yet, begins with a message that tells who is alive and who leads."""
    try:
        return payload[2] == RAFT and payload[3][0][0] in _URGENT
    except (TypeError, LookupError):
        return False


def check_sender(server_id: ServerId, address: str) -> None:
    """Hold a peer to its own address: the link says where a message came from, not its contents."""
    if address_of(server_id) != address:
        raise RemoteProtocolError(f"the link to {address!r} brought a message from {server_id!r:.80}")


def _is_id(value: object) -> bool:
    return type(value) is str and 0 < len(value) <= MAX_ID_LENGTH
