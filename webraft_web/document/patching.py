"""RFC 6902: checks patches and applies them to a document, in place and atomically.

The results are those of jsonpatch 1.47 with `in_place=True, atomic=True`, errors
included; a differential test holds them together. It is not jsonpatch that runs
here for two reasons: it takes 30 µs and more per operation, which is most of
what an entry costs in Pyodide, and what it does to a patch that nests too deep
depends on the recursion limit of the Python it runs on, while replicas must
agree on every patch. `get` of JSON Pointer (RFC 6901) lives here as well.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from webraft_web.core.errors import BadArgumentError
from webraft_web.document.values import Json, clone, encode, is_equal, is_within_depth
from webraft_web.json_text import MAX_DEPTH

Parts = tuple[str, ...]
"""The unescaped reference tokens of a JSON Pointer; empty for the whole document."""

_MEMBERS: Final = {
    "add": ("op", "path", "value"),
    "remove": ("op", "path"),
    "replace": ("op", "path", "value"),
    "move": ("op", "from", "path"),
    "copy": ("op", "from", "path"),
    "test": ("op", "path", "value"),
}
_MAX_INDEX_TEXT: Final = 15
_MAX_SHOWN: Final = 80


class Operation(NamedTuple):
    """One checked operation; `source` is what its 'from' points to."""

    op: str
    path: Parts
    value: Json = None
    source: Parts = ()


class Conflict(Exception):  # noqa: N818 - an outcome of a well-formed patch, not anyone's error
    """An operation cannot apply to this document.

    Fields:
        position: Of the operation in its patch, set by `apply_patch`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.position = 0


def parse_pointer(text: object) -> Parts:
    """Split a JSON Pointer into its unescaped parts.

    Raises:
        BadArgumentError: If it is not one (RFC 6901, 3).
    """
    if not isinstance(text, str):
        raise BadArgumentError(f"a JSON Pointer is a string, not {type(text).__name__}")
    if not text:
        return ()
    if text[0] != "/":
        raise BadArgumentError(f"the JSON Pointer {text[:80]!r} must be empty or start with '/'")
    parts = text[1:].split("/")
    if "~" not in text:
        return tuple(parts)
    return tuple(_unescape(part, text) for part in parts)


def _unescape(part: str, pointer: str) -> str:
    if part.count("~") != part.count("~0") + part.count("~1"):
        raise BadArgumentError(f"the JSON Pointer {pointer[:80]!r} must write '~' as '~0' (and '/' as '~1')")
    return part.replace("~1", "/").replace("~0", "~")


def check_patch(operations: object, nesting: int = MAX_DEPTH) -> list[Operation]:
    """Check the form of a patch, whatever the document, and return it ready to apply.

    Values are taken over, not copied. That JSON can carry them is known already.

    Args:
        operations: What came from a caller, or from the log.
        nesting: No value nests deeper than this; a low one saves looking.

    Raises:
        BadArgumentError: Saying which operation is malformed, and why.
    """
    if not isinstance(operations, list | tuple):
        raise BadArgumentError(f"a patch is a list of operations, not {type(operations).__name__}")
    checked = []
    for position, operation in enumerate(operations):
        try:
            checked.append(_check_operation(operation, nesting))
        except BadArgumentError as error:
            raise BadArgumentError(f"operation {position} of the patch: {error}") from None
    return checked


def _check_operation(operation: object, nesting: int) -> Operation:
    if not isinstance(operation, dict):
        raise BadArgumentError(f"an operation is an object (dict), not {type(operation).__name__}")
    op = operation.get("op")
    if not isinstance(op, str) or op not in _MEMBERS:
        raise BadArgumentError(f"'op' is {op!r:.80}; RFC 6902 knows {', '.join(_MEMBERS)}")
    members = _MEMBERS[op]
    for member in members:
        if member not in operation:
            raise BadArgumentError(f"'{op}' needs a member '{member}'")
    path = parse_pointer(operation["path"])
    if len(path) > MAX_DEPTH:
        raise BadArgumentError(f"'path' has {len(path)} parts; documents nest at most {MAX_DEPTH} levels")
    if "from" in members:
        return Operation(op, path, None, parse_pointer(operation["from"]))
    value = operation.get("value") if "value" in members else None
    if len(path) + nesting > MAX_DEPTH and not is_within_depth(value, MAX_DEPTH - len(path)):
        raise BadArgumentError(f"'value' would nest deeper than {MAX_DEPTH} levels in the document")
    return Operation(op, path, value)


def changes_document(operations: list[Operation]) -> bool:
    """Tell whether a patch does more than test."""
    return any(operation.op != "test" for operation in operations)


def apply_patch(document: Json, operations: list[Operation]) -> Json:
    """Apply all operations in place and return the document, or change nothing.

    The document takes the operations' values over: the caller gives them up.

    Returns:
        The document, another object than before if its root was replaced.

    Raises:
        Conflict: At the first operation that cannot apply; the document is as it was.
    """
    if len(operations) == 1 and operations[0].op != "move":
        # Nothing to undo: each of these either fails before its one change or succeeds.
        return _apply(document, operations[0], None)
    undo = _Undo()
    for position, operation in enumerate(operations):
        try:
            document = _apply(document, operation, undo)
        except Conflict as conflict:
            undo.roll_back()
            conflict.position = position
            raise
    return document


def resolve(document: Json, parts: Parts) -> Json:
    """Return what a pointer refers to, uncopied.

    Raises:
        Conflict: If there is nothing.
    """
    for part in parts:
        if type(document) is dict:
            if part not in document:
                raise Conflict(f"there is no member {_show(part)}")
            document = document[part]
        elif type(document) is list:
            document = document[_index(document, part, len(document) - 1)]
        else:
            raise _no_container(document, part)
    return document


class _Undo:
    """How to take back the changes of a patch, the latest first."""

    def __init__(self) -> None:
        self._steps: list[tuple[Any, ...]] = []

    def note(self, *step: Any) -> None:
        """Note a step of `roll_back`: a function and its arguments."""
        self._steps.append(step)

    def roll_back(self) -> None:
        """Take everything back; also the order of members is as before."""
        while self._steps:
            function, *arguments = self._steps.pop()
            function(*arguments)


def _restore_members(container: dict[str, Json], members: dict[str, Json]) -> None:
    container.clear()
    container.update(members)


def _apply(document: Json, operation: Operation, undo: _Undo | None) -> Json:
    op, path, value, source = operation
    if op == "add":
        return _add(document, path, value, undo)
    if op == "replace":
        return _replace(document, path, value, undo)
    if op == "remove":
        _remove(document, path, undo)
        return document
    if op == "test":
        found = resolve(document, path)
        if not is_equal(found, value):
            raise Conflict(f"the test expected {_show(value)} and found {_show(found)}")
        return document
    if op == "copy":
        copied = resolve(document, source)
        _check_deepening(copied, source, path)
        return _add(document, path, clone(copied), undo)
    return _move(document, source, path, undo)


def _add(document: Json, path: Parts, value: Json, undo: _Undo | None) -> Json:
    if not path:
        return value
    container, last = resolve(document, path[:-1]), path[-1]
    if type(container) is dict:
        if undo is not None:
            if last in container:
                undo.note(container.__setitem__, last, container[last])
            else:
                undo.note(container.__delitem__, last)
        container[last] = value
    elif type(container) is list:
        index = len(container) if last == "-" else _index(container, last, len(container))
        if undo is not None:
            undo.note(container.__delitem__, index)
        container.insert(index, value)
    else:
        raise _no_container(container, last)
    return document


def _replace(document: Json, path: Parts, value: Json, undo: _Undo | None) -> Json:
    if not path:
        return value
    container, last = resolve(document, path[:-1]), path[-1]
    key = _existing_key(container, last)
    if undo is not None:
        undo.note(container.__setitem__, key, container[key])
    container[key] = value
    return document


def _remove(document: Json, path: Parts, undo: _Undo | None) -> Json:
    """Remove what `path` refers to and return it."""
    if not path:
        raise Conflict("the whole document cannot be removed; replace it")
    container, last = resolve(document, path[:-1]), path[-1]
    key = _existing_key(container, last)
    if undo is not None:
        if type(container) is dict:
            undo.note(_restore_members, container, dict(container))
        else:
            undo.note(container.insert, key, container[key])
    return container.pop(key)


def _move(document: Json, source: Parts, path: Parts, undo: _Undo | None) -> Json:
    if len(source) < len(path) and path[: len(source)] == source:
        raise Conflict("a value cannot be moved into itself")
    value = resolve(document, source)
    if source == path:
        return document
    _check_deepening(value, source, path)
    return _add(document, path, _remove(document, source, undo), undo)


def _existing_key(container: Json, part: str) -> Any:
    """Return the key or index of an existing member or element."""
    if type(container) is dict:
        if part not in container:
            raise Conflict(f"there is no member {_show(part)}")
        return part
    if type(container) is list:
        return _index(container, part, len(container) - 1)
    raise _no_container(container, part)


def _index(container: list[Json], part: str, last: int) -> int:
    """Read an array index, which has neither sign nor leading zeros (RFC 6901, 4)."""
    if not (part.isascii() and part.isdigit()) or (part[0] == "0" and len(part) > 1):
        raise Conflict(f"{_show(part)} is no index of an existing element of an array")
    index = int(part) if len(part) <= _MAX_INDEX_TEXT else last + 1
    if index > last:
        raise Conflict(f"index {_show(part)} is outside of an array of {len(container)}")
    return index


def _check_deepening(value: Json, source: Parts, path: Parts) -> None:
    # A value that moves up, or sideways, cannot make the document deeper.
    if len(path) > len(source) and not is_within_depth(value, MAX_DEPTH - len(path)):
        raise Conflict(f"the document would nest deeper than {MAX_DEPTH} levels")


def _no_container(value: Json, part: str) -> Conflict:
    kind = "null" if value is None else type(value).__name__
    return Conflict(f"{_show(part)} cannot be looked up in a value of type {kind}")


def _show(value: Json) -> str:
    """Show a value in a message, shortened; the same on every replica."""
    if type(value) in (dict, list):
        return f"{'an object' if type(value) is dict else 'an array'} of {len(value)}"
    text = encode(value[:_MAX_SHOWN] if type(value) is str else value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
