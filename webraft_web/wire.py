"""Messages, entries and stored batches as JSON-able lists, and back.

Encoding trusts its argument; decoding trusts nothing: whatever is not exactly
what the encoder would have made raises RemoteProtocolError, before anybody acts
on any part of it. Types are strict (True is not 1), sizes are bounded. Whether
the numbers make sense *here* is the core's to judge.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, NamedTuple

from webraft_web.core import message as m
from webraft_web.core import validation
from webraft_web.core.entry import Configuration, Entry, EntryKind, HardState, Snapshot
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.core.message import Message
from webraft_web.core.ready import Feed
from webraft_web.core.validation import seen
from webraft_web.storage.base import Batch, Identity

WIRE_VERSION: Final = 3
"""Raised whenever a list changes its meaning; peers of another version are refused."""

MAX_INTEGER: Final = validation.MAX_NUMBER
"""What JavaScript's numbers carry exactly."""
MAX_ID_LENGTH: Final = validation.MAX_ID_LENGTH
MAX_SERVERS: Final = validation.MAX_SERVERS
MAX_ENTRIES: Final = 65_536
"""Entries, or commands, in one message; a stored batch may hold more."""
MAX_COMMAND_LENGTH: Final = 64 * 1024 * 1024
MAX_SNAPSHOT_LENGTH: Final = 256 * 1024 * 1024

_PLAIN_LENGTH: Final = 4
_CONFIGURATION_LENGTH: Final = 5
_KINDS: Final = tuple(EntryKind)
_PROPOSED_KINDS: Final = (EntryKind.COMMAND, EntryKind.HOUSEKEEPING, EntryKind.YIELD)


def encode_message(message: Message) -> list[Any]:
    """Return `[class name, sender, receiver, term, *fields]`."""
    layout = _LAYOUTS[type(message).__name__]
    encoded: list[Any] = [type(message).__name__, message.sender, message.receiver, message.term]
    for field, value in zip(layout.fields, message.fields(), strict=True):
        encoded.append(value if field.encode is None else field.encode(value))
    return encoded


def decode_message(value: object) -> Message:
    """Undo `encode_message`; RemoteProtocolError for anything else."""
    if type(value) is not list or len(value) < _PLAIN_LENGTH:
        raise _unexpected(value, "a message: a list of its name, sender, receiver, term and fields")
    name = value[0]
    layout = _LAYOUTS.get(name) if type(name) is str else None
    if layout is None:
        raise _unexpected(name, "the name of a message")
    if len(value) != _PLAIN_LENGTH + len(layout.fields):
        raise _unexpected(value, f"a {name} of {_PLAIN_LENGTH + len(layout.fields)}")
    fields = [field.decode(part) for field, part in zip(layout.fields, value[_PLAIN_LENGTH:], strict=True)]
    return layout.message(_id(value[1]), _id(value[2]), _integer(value[3]), *fields)


def encode_entry(entry: Entry) -> list[Any]:
    """Return `[term, index, kind, data]`, and the configuration at the end where there is one."""
    encoded: list[Any] = [entry.term, entry.index, int(entry.kind), entry.data]
    if entry.configuration is not None:
        encoded.append(encode_configuration(entry.configuration))
    return encoded


def decode_entry(value: object) -> Entry:
    """Undo `encode_entry`; RemoteProtocolError for anything else."""
    if type(value) is not list or not _PLAIN_LENGTH <= len(value) <= _CONFIGURATION_LENGTH:
        raise _unexpected(value, "an entry: a list of term, index, kind and data")
    term, index, kind, data = value[:_PLAIN_LENGTH]
    if not (
        type(term) is int and 0 < term <= MAX_INTEGER and type(index) is int and 0 < index <= MAX_INTEGER
    ):
        raise RemoteProtocolError(
            f"an entry has term {seen(term)} and index {seen(index)}, both must be positive"
        )
    if type(kind) is not int or not 0 <= kind < len(_KINDS):
        raise _unexpected(kind, "an entry's kind")
    if type(data) is not str or len(data) > MAX_COMMAND_LENGTH:
        raise _unexpected(data, f"an entry's data: text of at most {MAX_COMMAND_LENGTH} characters")
    if data and kind in (EntryKind.NO_OP, EntryKind.CONFIGURATION):
        raise _unexpected(data, "no data in a no-op or configuration")
    if (kind == EntryKind.CONFIGURATION) != (len(value) == _CONFIGURATION_LENGTH):
        raise _unexpected(value, "a configuration in a configuration entry, and in no other")
    configuration = decode_configuration(value[4]) if kind == EntryKind.CONFIGURATION else None
    return Entry(term, index, _KINDS[kind], data, configuration)


def encode_configuration(configuration: Configuration) -> list[Any]:
    """Return `[voters, non_voting]`."""
    return [list(configuration.voters), list(configuration.non_voting)]


def decode_configuration(value: object) -> Configuration:
    """Undo `encode_configuration`; RemoteProtocolError for anything else."""
    voters, non_voting = _parts(value, 2, "a configuration: lists of voters and non-voting members")
    for group in (voters, non_voting):
        if type(group) is not list or len(group) > MAX_SERVERS:
            raise _unexpected(group, f"a list of at most {MAX_SERVERS} server ids")
        for server_id in group:
            _id(server_id)
    configuration = Configuration(tuple(voters), tuple(non_voting))
    if encode_configuration(configuration) != value:
        raise _unexpected(value, "a configuration that names each server once, in order")
    return configuration


def encode_snapshot(snapshot: Snapshot) -> list[Any]:
    """Return `[last_index, last_term, configuration, data, first_command_index]`."""
    configuration = encode_configuration(snapshot.configuration)
    return [
        snapshot.last_index,
        snapshot.last_term,
        configuration,
        snapshot.data,
        snapshot.first_command_index,
    ]


def decode_snapshot(value: object) -> Snapshot:
    """Undo `encode_snapshot`; RemoteProtocolError for anything else."""
    last_index, last_term, configuration, data, first_command_index = _parts(value, 5, "a snapshot")
    if _integer(first_command_index) > _integer(last_index):
        raise _unexpected(first_command_index, f"a first command at or before {last_index}")
    return Snapshot(
        last_index,
        _integer(last_term),
        decode_configuration(configuration),
        _snapshot_data(data),
        first_command_index,
    )


def encode_feed(feed: Feed) -> list[Any]:
    """Return `[term, leader_id, prev_index, entries, configuration]`."""
    entries = _encode_entries(feed.entries)
    return [feed.term, feed.leader_id, feed.prev_index, entries, encode_configuration(feed.configuration)]


def decode_feed(value: object) -> Feed:
    """Undo `encode_feed`; RemoteProtocolError for anything else."""
    term, leader_id, prev_index, entries, configuration = _parts(value, 5, "a feed")
    feed = Feed(
        _integer(term),
        None if leader_id is None else _id(leader_id),
        _integer(prev_index),
        _message_entries(entries),
        decode_configuration(configuration),
    )
    if feed.entries and feed.entries[0].index != feed.prev_index + 1:
        raise _unexpected(feed.entries[0].index, f"entries that follow index {feed.prev_index}")
    return feed


def encode_batch(batch: Batch) -> list[Any]:
    """Return `[reset, identity, hard_state, snapshot, entries]`."""
    return [
        batch.reset,
        None if batch.identity is None else [*batch.identity[:4], list(batch.identity.dissolved)],
        None if batch.hard_state is None else list(batch.hard_state),
        None if batch.snapshot is None else encode_snapshot(batch.snapshot),
        _encode_entries(batch.entries),
    ]


def decode_batch(value: object) -> Batch:
    """Undo `encode_batch`; RemoteProtocolError for anything else."""
    reset, identity, hard_state, snapshot, entries = _parts(value, 5, "a stored batch")
    return Batch(
        _flag(reset),
        None if identity is None else _identity(identity),
        None if hard_state is None else _hard_state(hard_state),
        None if snapshot is None else decode_snapshot(snapshot),
        _entries(entries),
    )


def _unexpected(value: object, expected: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"saw {seen(value)}, expected {expected}")


def _parts(value: object, count: int, expected: str) -> list[Any]:
    if type(value) is not list or len(value) != count:
        raise _unexpected(value, f"{expected}, a list of {count}")
    return value


def _integer(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise _unexpected(value, "an integer from 0 to 2^53-1")
    return value


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise _unexpected(value, "true or false")
    return value


def _id(value: object) -> str:
    if type(value) is not str or not 0 < len(value) <= MAX_ID_LENGTH:
        raise _unexpected(value, f"an id: text of 1 to {MAX_ID_LENGTH} characters")
    return value


def _reason(value: object) -> str:
    if type(value) is not str or len(value) > MAX_ID_LENGTH:
        raise _unexpected(value, f"a reason: text of at most {MAX_ID_LENGTH} characters")
    return value


def _command(value: object) -> str:
    if type(value) is not str or len(value) > MAX_COMMAND_LENGTH:
        raise _unexpected(value, f"a command: text of at most {MAX_COMMAND_LENGTH} characters")
    return value


def _commands(value: object) -> list[str]:
    if type(value) is not list or not 0 < len(value) <= MAX_ENTRIES:
        raise _unexpected(value, f"a list of 1 to {MAX_ENTRIES} commands")
    return [_command(command) for command in value]


def _proposed_kind(value: object) -> EntryKind:
    if type(value) is not int or value not in _PROPOSED_KINDS:
        raise _unexpected(value, "a kind of entry that may be proposed")
    return _KINDS[value]


def _snapshot_data(value: object) -> str | None:
    if value is not None and (type(value) is not str or len(value) > MAX_SNAPSHOT_LENGTH):
        raise _unexpected(value, f"null or a snapshot's data: at most {MAX_SNAPSHOT_LENGTH} characters")
    return value


def _encode_entries(entries: Any) -> list[Any]:
    return [encode_entry(entry) for entry in entries]


def _entries(value: object) -> list[Entry]:
    """Decode entries that follow one another, as they do in every log."""
    if type(value) is not list:
        raise _unexpected(value, "a list of entries")
    entries = [decode_entry(entry) for entry in value]
    for entry, successor in pairwise(entries):
        if successor.index != entry.index + 1 or successor.term < entry.term:
            raise RemoteProtocolError(
                f"an entry (term {successor.term}, index {successor.index}) cannot follow "
                f"(term {entry.term}, index {entry.index})"
            )
    return entries


def _message_entries(value: object) -> list[Entry]:
    if type(value) is not list or len(value) > MAX_ENTRIES:
        raise _unexpected(value, f"a list of at most {MAX_ENTRIES} entries")
    return _entries(value)


def _optional_configuration(value: object) -> Configuration | None:
    return None if value is None else decode_configuration(value)


def _encode_optional_configuration(configuration: Configuration | None) -> list[Any] | None:
    return None if configuration is None else encode_configuration(configuration)


def _identity(value: object) -> Identity:
    if type(value) is list and len(value) == _PLAIN_LENGTH:
        value = [*value, []]  # as the first release stored it
    address, incarnation, cluster_id, may_found, dissolved = _parts(value, 5, "an identity")
    cluster_id = None if cluster_id is None else _id(cluster_id)
    if type(dissolved) is not list or len(dissolved) > MAX_SERVERS:
        raise _unexpected(dissolved, f"a list of at most {MAX_SERVERS} clusters")
    return Identity(
        _id(address), _id(incarnation), cluster_id, _flag(may_found), tuple([_id(one) for one in dissolved])
    )


def _hard_state(value: object) -> HardState:
    term, voted_for, commit_index = _parts(value, 3, "a hard state")
    return HardState(_integer(term), None if voted_for is None else _id(voted_for), _integer(commit_index))


class _Field(NamedTuple):
    """How one field travels; `encode` None means as it is."""

    decode: Callable[[object], Any]
    encode: Callable[[Any], Any] | None = None


class _Layout(NamedTuple):
    """A message's class and its fields, in the constructor's order."""

    message: Callable[..., Message]
    fields: tuple[_Field, ...] = ()


_INTEGER: Final = _Field(_integer)
_FLAG: Final = _Field(_flag)

_LAYOUTS: Final = {
    layout.message.__name__: layout
    for layout in (
        _Layout(m.RequestVote, (_INTEGER, _INTEGER, _FLAG)),
        _Layout(m.RequestVoteResponse, (_FLAG,)),
        _Layout(m.PreVote, (_INTEGER, _INTEGER)),
        _Layout(m.PreVoteResponse, (_FLAG,)),
        _Layout(m.AppendEntries, (_INTEGER, _INTEGER, _Field(_message_entries, _encode_entries), _INTEGER)),
        _Layout(m.AppendEntriesResponse, (_FLAG, _INTEGER, _INTEGER, _INTEGER)),
        _Layout(m.Heartbeat, (_INTEGER, _INTEGER)),
        _Layout(m.HeartbeatResponse, (_INTEGER,)),
        _Layout(
            m.InstallSnapshot,
            (
                _INTEGER,
                _INTEGER,
                _Field(decode_configuration, encode_configuration),
                _INTEGER,
                _INTEGER,
                _Field(_snapshot_data),
                _FLAG,
            ),
        ),
        _Layout(m.InstallSnapshotResponse, (_INTEGER, _INTEGER)),
        _Layout(m.TimeoutNow),
        _Layout(m.Propose, (_INTEGER, _Field(_commands), _Field(_proposed_kind, int))),
        _Layout(m.ProposeResponse, (_INTEGER, _INTEGER, _INTEGER, _Field(_reason))),
        _Layout(m.ReadIndex, (_INTEGER,)),
        _Layout(m.ReadIndexResponse, (_INTEGER, _INTEGER)),
        _Layout(m.ConfirmRefresh, (_INTEGER, _INTEGER)),
        _Layout(
            m.ConfirmRefreshResponse,
            (
                _INTEGER,
                _INTEGER,
                _Field(_optional_configuration, _encode_optional_configuration),
                _INTEGER,
                _INTEGER,
                _INTEGER,
            ),
        ),
    )
}
