"""RFC 6902: checks patches and applies them to a document, in place and atomically.

jsonpatch applies them, from 1.47 on, whose results are the RFC's. Ours is what
it leaves open: how strictly a patch is read, and two bounds without which not
all replicas could follow. Documents nest at most `MAX_DEPTH` levels, so that
none meets its recursion limit (jsonpatch takes two frames a level, three before
Python 3.12), and a patch copies no more than a command can carry, so that a
document grows no faster than the log.

A single `add` or `replace`, which is what most entries are, is done here: it
takes a seventh of jsonpatch's time (3 µs against 23), which is most of what an
entry costs in Pyodide. A differential test holds it to jsonpatch's results.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from contextlib import suppress
from typing import Any, Final

from jsonpatch import JsonPatch, JsonPatchException, JsonPatchTestFailed
from jsonpointer import JsonPointer, JsonPointerException

from webraft_web.core.errors import BadArgumentError
from webraft_web.document.values import Json, encode, is_within_depth
from webraft_web.json_text import MAX_DEPTH

Operations = list[dict[str, Any]]
"""A patch as RFC 6902 writes it."""

MAX_COPIED_SIZE: Final = 8 * 1024 * 1024
"""Characters of JSON that the `copy` operations of one patch may copy, all together."""

_MEMBERS: Final = {
    "add": ("op", "path", "value"),
    "remove": ("op", "path"),
    "replace": ("op", "path", "value"),
    "move": ("op", "from", "path"),
    "copy": ("op", "from", "path"),
    "test": ("op", "path", "value"),
}
_INDEX: Final = re.compile("0|[1-9][0-9]{0,14}")
_IMPOSSIBLE: Final = {"op": "remove", "path": ""}
_NO_PLACE: Final = "the document has no such place"
_NO_SUCH_VALUE: Final = "the document does not hold that value there"


class Conflict(Exception):  # noqa: N818 - an outcome of a well-formed patch, not anyone's error
    """An operation cannot apply to this document.

    The reason is kept by every replica, so it is not jsonpatch's wording, which
    may change with its version.

    Fields:
        position: Of the operation in its patch.
    """

    def __init__(self, reason: str, position: int = 0) -> None:
        super().__init__(reason)
        self.position = position


_FAILURES: Final = (Conflict, JsonPatchException, JsonPointerException)


def parse_pointer(text: object) -> list[str]:
    """Split a JSON Pointer into its unescaped parts; none stands for the whole document.

    Raises:
        BadArgumentError: If it is not one (RFC 6901, 3).
    """
    if not isinstance(text, str):
        raise BadArgumentError(f"a JSON Pointer is a string, not {type(text).__name__}")
    root, *names = text.split("/")
    if not root and "~" not in text:
        return names  # nothing to unescape: at a tenth of jsonpointer's time, twice for every operation
    try:
        parts: list[str] = JsonPointer(text).parts
    except JsonPointerException as error:
        raise BadArgumentError(
            f"{text[:80]!r} is no JSON Pointer, which is empty or starts with '/', "
            f"and writes '~' as '~0' and '/' in names as '~1': {error}"
        ) from None
    return parts


def check_patch(operations: object, nesting: int = MAX_DEPTH) -> Operations:
    """Check the form of a patch, whatever the document, and return it.

    That JSON can carry its values is known already.

    Args:
        operations: What came from a caller, or from the log.
        nesting: No value nests deeper than this; a low one saves looking.

    Raises:
        BadArgumentError: Saying which operation is malformed, and why.
    """
    if not isinstance(operations, list | tuple):
        raise BadArgumentError(f"a patch is a list of operations, not {type(operations).__name__}")
    for position, operation in enumerate(operations):
        try:
            _check_operation(operation, nesting)
        except BadArgumentError as error:
            raise BadArgumentError(f"operation {position} of the patch: {error}") from None
    return list(operations)


def _check_operation(operation: object, nesting: int) -> None:
    if not isinstance(operation, dict):
        raise BadArgumentError(f"an operation is an object (dict), not {type(operation).__name__}")
    op = operation.get("op")
    if not isinstance(op, str) or op not in _MEMBERS:
        raise BadArgumentError(f"'op' is {op!r:.80}; RFC 6902 knows {', '.join(_MEMBERS)}")
    members = _MEMBERS[op]
    for member in members:
        if member not in operation:
            raise BadArgumentError(f"'{op}' needs a member '{member}'")
    depth = len(parse_pointer(operation["path"]))
    if depth > MAX_DEPTH:
        raise BadArgumentError(f"'path' has {depth} parts; documents nest at most {MAX_DEPTH} levels")
    if "from" in members:
        parse_pointer(operation["from"])
    value = operation["value"] if "value" in members else None
    if depth + nesting > MAX_DEPTH and not is_within_depth(value, MAX_DEPTH - depth):
        raise BadArgumentError(f"'value' would nest deeper than {MAX_DEPTH} levels in the document")


def changes_document(operations: Operations) -> bool:
    """Tell whether a patch does more than test."""
    for operation in operations:  # noqa: SIM110 - one is what most patches have, a generator costs more
        if operation["op"] != "test":
            return True
    return False


def apply_patch(document: Json, operations: Operations) -> Json:
    """Apply all operations of a checked patch in place and return the document, or change nothing.

    The document may take the operations' values over: the caller gives them up.

    Returns:
        The document, another object than before if its root was replaced.

    Raises:
        Conflict: At the first operation that cannot apply; the document is as it was.
    """
    if len(operations) == 1 and operations[0]["op"] in ("add", "replace"):
        return _add_or_replace(document, operations[0])
    try:
        return _apply_all(document, operations)
    except _FAILURES as error:
        position = bisect_left(
            range(len(operations)), True, key=lambda last: _fails(document, operations[: last + 1])
        )
        raise Conflict(_reason(error), position) from None


def difference(before: Json, after: Json) -> Operations:
    """Return operations that turn `before` into `after`; none if they are the same JSON, 1 and 1.0 being two.

    Without `move`, whose intermediate states could nest too deep.
    """
    operations: Operations = JsonPatch.from_diff(before, after, optimization=False).patch
    return operations


def resolve(document: Json, parts: list[str]) -> Json:
    """Return what a pointer refers to, uncopied.

    Raises:
        Conflict: If there is nothing.
    """
    for part in parts:
        if type(document) is dict and part in document:
            document = document[part]
        elif type(document) is list:
            document = document[_index(part, len(document) - 1)]
        else:
            raise Conflict(_NO_PLACE)
    return document


def _add_or_replace(document: Json, operation: dict[str, Any]) -> Json:
    """Do a patch's only operation; failing before its one change, it leaves nothing to undo."""
    is_add, value = operation["op"] == "add", operation["value"]
    parts = parse_pointer(operation["path"])
    if not parts:
        return value
    container, last = resolve(document, parts[:-1]), parts[-1]
    if type(container) is dict and (is_add or last in container):
        container[last] = value
    elif type(container) is list and is_add:
        end = len(container)
        container.insert(end if last == "-" else _index(last, end), value)
    elif type(container) is list:
        container[_index(last, len(container) - 1)] = value
    else:
        raise Conflict(_NO_PLACE)
    return document


def _index(part: str, last: int) -> int:
    """Read an array index, which has neither sign nor leading zeros (RFC 6901, 4)."""
    if _INDEX.fullmatch(part) is None or int(part) > last:
        raise Conflict(_NO_PLACE)
    return int(part)


def _apply_all(document: Json, operations: Operations) -> Json:
    allowance = _Allowance()
    guarded = [
        operation | {"from": _Source(operation, allowance)}
        if operation["op"] in ("copy", "move")
        else operation
        for operation in operations
    ]
    return JsonPatch(guarded).apply(document, in_place=True, atomic=True)


def _fails(document: Json, operations: Operations) -> bool:
    """Tell whether one of these cannot apply; the document stays as it is, since the last one never can."""
    try:
        _apply_all(document, [*operations, _IMPOSSIBLE])
    except JsonPatchException as error:
        return error.op.operation is not _IMPOSSIBLE
    except _FAILURES:
        pass
    return True


def _reason(error: Exception) -> str:
    if isinstance(error, Conflict):
        return str(error)
    return _NO_SUCH_VALUE if isinstance(error, JsonPatchTestFailed) else _NO_PLACE


class _Allowance:
    """How much a patch may still copy."""

    def __init__(self) -> None:
        self.size = MAX_COPIED_SIZE


class _Source(JsonPointer):
    """Where a `copy` or `move` takes its value from: looked up by jsonpatch, refused here if too much.

    The one moment to do so: what is there depends on the operations before.
    """

    def __init__(self, operation: dict[str, Any], allowance: _Allowance) -> None:
        super().__init__(operation["from"])
        depth = len(JsonPointer(operation["path"]).parts)
        self._is_deepening = depth > len(self.parts)
        self._room = MAX_DEPTH - depth
        self._allowance = allowance if operation["op"] == "copy" else None

    def to_last(self, doc: Json) -> tuple[Json, Any]:
        """Return the container and key of the value.

        Raises:
            Conflict: If the document must not take the value.
        """
        container, key = super().to_last(doc)
        with suppress(LookupError, TypeError):  # if nothing is there, jsonpatch says so
            self._check(container if key is None else container[key])
        return container, key

    def _check(self, value: Json) -> None:
        # What moves up or sideways cannot make the document deeper.
        if self._is_deepening and not is_within_depth(value, self._room):
            raise Conflict(f"the document would nest deeper than {MAX_DEPTH} levels")
        if self._allowance is not None:
            self._allowance.size -= len(encode(value))
            if self._allowance.size < 0:
                raise Conflict(f"one patch copies at most {MAX_COPIED_SIZE} characters of JSON")
