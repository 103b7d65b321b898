"""RFC 6902: checks patches and applies them to a document, in place and atomically.

Although JSON Patch has a library, application is ours: replicas have to come to
the same document whatever version of jsonpatch each has, and no library lets
anyone set bounds between operations, where it is first known what the next one
would copy or nest. Two bounds see to it that all replicas can follow. Documents
nest at most `MAX_DEPTH` levels, so that none meets its recursion limit
(jsonpatch takes two frames a level, three before Python 3.12), and a patch
copies no more than a command can carry, so that a document grows no faster than
the log. It also takes a tenth of the library's time for a single `add` or
`replace` (1.4 µs against 14), which is what most entries are.

jsonpatch remains the judge: a differential test holds all six operations to its
results, and what makes two documents differ is left to it. It takes longer to
import than any module of this package, so that is left for the first difference;
but whoever has not installed it hears of that now.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

from webraft_web.core.errors import BadArgumentError
from webraft_web.json_text import MAX_DEPTH, Json, are_equal, clone, encode, is_within_depth

if find_spec("jsonpatch") is None:
    raise ModuleNotFoundError(
        "webraft_web needs jsonpatch, which is not installed: micropip.install('jsonpatch>=1.47') gets it",
        name="jsonpatch",
    )

Operation = dict[str, Any]
Operations = list[Operation]
"""A patch as RFC 6902 writes it."""

Undo = list[Callable[[], object]]
"""Steps that, done in reverse, take changes back."""

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
_PUTTING: Final = ("add", "replace")
_BAD_ESCAPE: Final = re.compile("~(?![01])")
_INDEX: Final = re.compile("0|[1-9][0-9]{0,14}")
_NO_PLACE: Final = "the document has no such place"
_NO_SUCH_VALUE: Final = "the document does not hold that value there"


class Conflict(Exception):  # noqa: N818 - an outcome of a well-formed patch, not anyone's error
    """An operation cannot apply to this document.

    The reason is kept by every replica, so its wording never changes.

    Fields:
        position: Of the operation in its patch.
    """

    def __init__(self, reason: str, position: int = 0) -> None:
        super().__init__(reason)
        self.position = position


def parse_pointer(text: object) -> list[str]:
    """Split a JSON Pointer into its unescaped parts; none stands for the whole document.

    Raises:
        BadArgumentError: If it is not one (RFC 6901, 3).
    """
    if not isinstance(text, str):
        raise BadArgumentError(f"a JSON Pointer is a string, not {type(text).__name__}")
    root, *names = text.split("/")
    if root or _BAD_ESCAPE.search(text):
        raise BadArgumentError(
            f"{text[:80]!r} is no JSON Pointer, which is empty or starts with '/', "
            "and writes '~' as '~0' and '/' in names as '~1'"
        )
    return [name.replace("~1", "/").replace("~0", "~") for name in names] if "~" in text else names


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
    if len(operations) == 1 and operations[0]["op"] in _PUTTING:
        return _put(document, operations[0], operations[0]["value"], [])
    application = _Application(document)
    try:
        for position, operation in enumerate(operations):
            try:
                application.apply(operation)
            except Conflict as conflict:
                conflict.position = position
                raise
    except BaseException:
        application.undo()
        raise
    return application.document


def difference(before: Json, after: Json) -> Operations:
    """Return operations that turn `before` into `after`; none if they are the same JSON, 1 and 1.0 being two.

    Without `move`, whose intermediate states could nest too deep.
    """
    from jsonpatch import JsonPatch  # noqa: PLC0415 - see the module's docstring

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


def _index(part: str, last: int) -> int:
    """Read an array index, which has neither sign nor leading zeros (RFC 6901, 4)."""
    if _INDEX.fullmatch(part) is None or int(part) > last:
        raise Conflict(_NO_PLACE)
    return int(part)


def _put(document: Json, operation: Operation, value: Json, undo: Undo) -> Json:
    """Put `value` where an operation adds or replaces, and return the document."""
    parts, is_replacing = parse_pointer(operation["path"]), operation["op"] == "replace"
    if not parts:
        return value
    container, key = resolve(document, parts[:-1]), parts[-1]
    if type(container) is dict and key in container:
        undo.append(partial(container.__setitem__, key, container[key]))
        container[key] = value
    elif type(container) is dict and not is_replacing:
        undo.append(partial(container.pop, key, None))  # gone already if removed later, see `_remove`
        container[key] = value
    elif type(container) is list and is_replacing:
        index = _index(key, len(container) - 1)
        undo.append(partial(container.__setitem__, index, container[index]))
        container[index] = value
    elif type(container) is list:
        end = len(container)
        index = end if key == "-" else _index(key, end)
        undo.append(partial(container.pop, index))
        container.insert(index, value)
    else:
        raise Conflict(_NO_PLACE)
    return document


def _refill(container: dict[str, Json], members: dict[str, Json]) -> None:
    """Give an object back the members that it had, in their order."""
    container.clear()
    container.update(members)


class _Application:
    """A patch on its way into a document, and the way back.

    Fields:
        document: As the operations so far left it; another object if they replaced its root.
    """

    def __init__(self, document: Json) -> None:
        self.document = document
        self._undo: Undo = []
        self._refilled: set[int] = set()  # the ids of objects that will get all their members back
        self._copied = 0

    def apply(self, operation: Operation) -> None:
        """Apply the next operation.

        Raises:
            Conflict: If it cannot; a `move` may have done its first half.
        """
        op = operation["op"]
        if op in _PUTTING:
            # A caller may hand in one value twice, as the text of a command never does.
            self.document = _put(self.document, operation, clone(operation["value"]), self._undo)
        elif op == "remove":
            self._remove(parse_pointer(operation["path"]))
        elif op == "test":
            self._test(operation)
        else:
            self._take(operation)

    def undo(self) -> None:
        """Make the document that was given what it was, also in the order of its members."""
        for step in reversed(self._undo):
            step()

    def _remove(self, parts: list[str]) -> None:
        if not parts:
            raise Conflict(_NO_PLACE)
        container, key = resolve(self.document, parts[:-1]), parts[-1]
        if type(container) is dict and key in container:
            if id(container) not in self._refilled:  # once: a patch may remove them all
                self._refilled.add(id(container))
                self._undo.append(partial(_refill, container, container.copy()))
            del container[key]
        elif type(container) is list:
            index = _index(key, len(container) - 1)
            self._undo.append(partial(container.insert, index, container[index]))
            del container[index]
        else:
            raise Conflict(_NO_PLACE)

    def _take(self, operation: Operation) -> None:
        """Do a `move` or a `copy`."""
        source, target = parse_pointer(operation["from"]), parse_pointer(operation["path"])
        value = resolve(self.document, source)
        is_copy = operation["op"] == "copy"
        if not is_copy and target[: len(source)] == source:
            if target == source:
                return
            raise Conflict(_NO_PLACE)  # which would go along
        # What goes up or sideways cannot make the document deeper.
        if len(target) > len(source) and not is_within_depth(value, MAX_DEPTH - len(target)):
            raise Conflict(f"the document would nest deeper than {MAX_DEPTH} levels")
        if is_copy:
            self._copied += len(encode(value))
            if self._copied > MAX_COPIED_SIZE:
                raise Conflict(f"one patch copies at most {MAX_COPIED_SIZE} characters of JSON")
            value = clone(value)
        else:
            self._remove(source)
        self.document = _put(self.document, operation, value, self._undo)

    def _test(self, operation: Operation) -> None:
        try:
            value = resolve(self.document, parse_pointer(operation["path"]))
        except Conflict:
            raise Conflict(_NO_SUCH_VALUE) from None
        if not are_equal(value, operation["value"]):
            raise Conflict(_NO_SUCH_VALUE)
