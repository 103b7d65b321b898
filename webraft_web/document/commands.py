"""The commands of the document as the log carries them: written by clients, read by machines.

One JSON object each. A command is read strictly, since it may come from a
hostile or newer peer: whatever this module refuses is skipped by every replica.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from webraft_web.core.entry import Entry, EntryKind
from webraft_web.core.errors import BadArgumentError
from webraft_web.json_text import (
    MAX_DEPTH,
    MAX_SAFE_INTEGER,
    Json,
    decode,
    encode,
    is_within_depth,
    nesting_bound,
    to_json_text,
)
from webraft_web.patching import Operations, check_patch

MAX_COMMAND_SIZE: Final = 8 * 1024 * 1024
"""Characters that one command may have; it travels in one message and one record."""

_MAX_NAME: Final = 64

_GENESIS_MEMBERS: Final = frozenset(("k", "data"))
_OPEN_MEMBERS: Final = frozenset(("k", "s"))
_PATCH_MEMBERS: Final = frozenset(("k", "s", "n", "w", "ops"))
_UPDATE_MEMBERS: Final = (
    frozenset(("k", "s", "n", "w", "base", "ops")),
    frozenset(("k", "s", "n", "w", "base", "data")),
)


class Genesis(NamedTuple):
    """Gives a new room its first document; void once anything has changed it."""

    document: Json


class Open(NamedTuple):
    """Opens a client session (§6.3), whose id is the index of this command's entry."""

    name: str


class Patch(NamedTuple):
    """Applies operations, or none of them if one cannot apply."""

    session: int
    number: int
    watermark: int
    operations: Operations


class Update(NamedTuple):
    """Changes the document if its version is `base`: by operations, or to `document` if those are None."""

    session: int
    number: int
    watermark: int
    base: int
    operations: Operations | None
    document: Json


Command = Genesis | Open | Patch | Update


def genesis_command(data: object) -> str:
    """Return the text of the HOUSEKEEPING command that gives a new room its first document.

    Args:
        data: The room's `initial`; None stands for `{}`.

    Raises:
        BadArgumentError: If JSON cannot carry `data`, or it is too large for one command.
    """
    text = to_json_text({} if data is None else data)
    return _check_size(f'{{"k":"genesis","data":{text}}}')


def open_command(name: str) -> str:
    """Return the text of the HOUSEKEEPING command that opens a session."""
    return encode({"k": "open", "s": name})


def patch_body(operations: object) -> str:
    """Check a patch and return what is particular to it in a command.

    Raises:
        BadArgumentError: If it is malformed or JSON cannot carry its values.
    """
    text = to_json_text(operations)  # first, since it may contain itself
    check_patch(operations, nesting_bound(text))
    return _check_size(f'"k":"patch","ops":{text}')


def update_body(base: int, operations: Operations, document: str) -> str:
    """Return what is particular to an update: its operations or the whole document, whichever is shorter.

    Args:
        base: The version that it changes.
        operations: What changes it.
        document: JSON text of the result.
    """
    text = encode(operations)
    change = f'"ops":{text}' if len(text) <= len(document) else f'"data":{document}'
    return _check_size(f'"k":"update","base":{base},{change}')


def session_command(session: int, number: int, watermark: int, body: str) -> str:
    """Complete a body to the text of a COMMAND.

    Args:
        session: Index of the entry that opened the session.
        number: Of the command within its session.
        watermark: All numbers below it are settled at the client.
        body: From `patch_body` or `update_body`.
    """
    return f'{{"s":{session},"n":{number},"w":{watermark},{body}}}'


def patch_operation(body: str, position: int) -> dict[str, Any] | None:
    """Return one operation of a `patch_body`, None if there is none at `position`."""
    operations = decode(f"{{{body}}}")["ops"]
    return operations[position] if 0 <= position < len(operations) else None


def _check_size(text: str) -> str:
    if len(text) > MAX_COMMAND_SIZE:
        raise BadArgumentError(
            f"the command has {len(text)} characters as JSON, more than {MAX_COMMAND_SIZE}; split it up"
        )
    return text


def read_command(entry: Entry) -> Command:
    """Read the command inside an entry of kind COMMAND or HOUSEKEEPING.

    Raises:
        ValueError: If it is malformed.
    """
    fields = decode(entry.data)
    if type(fields) is not dict:
        raise ValueError("a command is a JSON object")
    kind, members = fields.get("k"), fields.keys()
    if entry.kind == EntryKind.COMMAND:
        if kind == "patch" and members == _PATCH_MEMBERS:
            return Patch(*_read_numbers(fields), check_patch(fields["ops"], nesting_bound(entry.data)))
        if kind == "update" and members in _UPDATE_MEMBERS:
            return _read_update(fields, nesting_bound(entry.data))
    elif kind == "genesis" and members == _GENESIS_MEMBERS:
        return Genesis(check_document(fields["data"]))
    elif kind == "open" and members == _OPEN_MEMBERS and _is_name(fields["s"]):
        return Open(fields["s"])
    raise ValueError(f"no {entry.kind.name} has k={kind!r:.40} and the members {sorted(members)!r:.200}")


def _read_update(fields: dict[str, Json], nesting: int) -> Update:
    numbers = _read_numbers(fields)
    base = check_count(fields["base"])
    if "ops" in fields:
        return Update(*numbers, base, check_patch(fields["ops"], nesting), None)
    return Update(*numbers, base, None, check_document(fields["data"]))


def _read_numbers(fields: dict[str, Json]) -> tuple[int, int, int]:
    session, number, watermark = fields["s"], fields["n"], fields["w"]
    if 0 < check_count(watermark) <= check_count(number) and check_count(session):
        return session, number, watermark
    raise ValueError("the session is an index, and the watermark from 1 to the command's number")


def check_count(value: Json) -> int:
    """Return `value`, or raise ValueError if it is no integer from 0 to 2^53-1."""
    if type(value) is int and 0 <= value <= MAX_SAFE_INTEGER:
        return value
    raise ValueError(f"{value!r:.40} is not an integer from 0 to 2^53-1")


def check_document(document: Json) -> Json:
    """Return `document`, or raise ValueError if it nests too deep."""
    if is_within_depth(document, MAX_DEPTH):
        return document
    raise ValueError(f"a document nests at most {MAX_DEPTH} levels")


def _is_name(name: Json) -> bool:
    return type(name) is str and 0 < len(name) <= _MAX_NAME
