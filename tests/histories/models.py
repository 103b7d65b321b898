"""What histories are checked against: sequential data whose every operation has one result.

A model turns an operation into a function on states, which the checker calls
often. States are hashable, and equal only if no operation can tell them apart.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Sequence
from enum import Enum
from functools import cache
from typing import Any, Final, NamedTuple, Protocol

from jsonpatch import JsonPatch, JsonPatchException
from jsonpointer import JsonPointer, JsonPointerException

from tests.histories.operation import Json, Operation

State = Hashable
Transition = Callable[[Any], State]


class Impossible(Enum):
    """What a transition returns in place of a state that it cannot lead to."""

    IMPOSSIBLE = "impossible"


IMPOSSIBLE: Final = Impossible.IMPOSSIBLE


class Part(NamedTuple):
    """Operations that no other operation of the history can affect, with the model of what they touch."""

    name: str
    model: Model
    operations: list[Operation]


class Model(Protocol):
    """What the checker needs to know about data."""

    initial: State

    def split(self, operations: Sequence[Operation]) -> list[Part]:
        """Return parts of a history that is linearizable exactly if each part is."""

    def narrowed(self, operations: Sequence[Operation]) -> Model:
        """Return a model that may rule out states which some answer, early or late, contradicts.

        It decides as this one does, with fewer dead ends. What it cannot tell is how far
        the history goes well.
        """

    def is_read(self, operation: Operation) -> bool:
        """Tell whether this operation, with this answer, leaves every state as it is."""

    def transition(self, operation: Operation) -> Transition:
        """Return what maps a state to the next, or to IMPOSSIBLE if the answer contradicts the state.

        Raises:
            ValueError: If the model knows no such operation.
        """


class Register:
    """Independent registers, known by their keys, of any values that JSON has.

    Inputs and outputs:
        ["read", key]: its value.
        ["write", key, value]: anything.
        ["cas", key, old, new]: true if it held `old` and now holds `new`, false if it held something else.
        ["increment", key, amount]: the new value.
        ["append", key, text]: anything; nothing counts as no text.

    Args:
        initial: What each holds at first: nothing; 0 makes them counters.
    """

    def __init__(self, initial: Json = None) -> None:
        self.initial = _frozen(initial)

    def split(self, operations: Sequence[Operation]) -> list[Part]:
        parts: dict[str, list[Operation]] = {}
        for operation in operations:
            parts.setdefault(_text(operation.input[1]), []).append(operation)
        return [Part("" if key == "null" else f"key {key}", self, part) for key, part in parts.items()]

    def narrowed(self, operations: Sequence[Operation]) -> Model:
        reads = [one.output for one in operations if one.input[0] == "read" and one.output is not None]
        is_growing = {one.input[0] for one in operations} == {"read", "append"}
        if not is_growing or not all(isinstance(read, str) for read in reads):
            return self
        return _GrowingRegister(self.initial, max(reads, key=len, default=""))

    def is_read(self, operation: Operation) -> bool:
        name, is_known = operation.input[0], operation.returned is not None
        return name == "read" or (name == "cas" and is_known and not operation.output)

    def transition(self, operation: Operation) -> Transition:
        name, _, *arguments = operation.input
        first, *rest = [_frozen(one) for one in arguments] or [None]
        is_known = operation.returned is not None
        output = _frozen(operation.output)
        if name == "read":
            return lambda state: state if state == output or not is_known else IMPOSSIBLE
        if name == "write":
            return lambda _: first
        if name == "cas":
            return _compare_and_set(first, rest[0], bool(operation.output) if is_known else None)
        if name == "increment":
            return lambda state: state + first if state + first == output or not is_known else IMPOSSIBLE
        if name == "append":
            return lambda state: (state or "") + first
        raise ValueError(f"a register has no operation {name!r}")


class _GrowingRegister(Register):
    """A register of text that is only appended to, so that one long read tells what came first."""

    def __init__(self, initial: Json, longest: str) -> None:
        super().__init__(initial)
        self._longest = longest

    def transition(self, operation: Operation) -> Transition:
        append = super().transition(operation)
        if operation.input[0] == "read":
            return append
        longest = self._longest

        def step(state: str | None) -> State:
            after = append(state)
            return after if after.startswith(longest) or longest.startswith(after) else IMPOSSIBLE

        return step


def _compare_and_set(old: State, new: State, answer: bool | None) -> Transition:
    if answer is None:
        return lambda state: new if state == old else state
    if answer:
        return lambda state: new if state == old else IMPOSSIBLE
    return lambda state: state if state != old else IMPOSSIBLE


class Document:
    """A JSON document, as `SharedDocument` offers it; a state is its canonical text.

    Inputs and outputs:
        ["read", pointer]: the value there, null if there is none. "" is the whole document.
        ["patch", operations]: true if they were applied, false on a conflict.
        ["update", pointer, before, after]: anything. The function was given `before`
            there and returned `after`, whatever the rest of the document.
        ["increment", pointer, amount]: the new value there, where nothing counts as 0:
            an update of which more can be said while its outcome is unknown.

    Args:
        initial: The document at first, `{}` for None.
    """

    def __init__(self, initial: Json = None) -> None:
        self._document = {} if initial is None else initial
        self.initial = _text(self._document)

    def split(self, operations: Sequence[Operation]) -> list[Part]:
        """Split by top-level key; keys that one operation touches together stay together."""
        whole = [Part("", self, list(operations))]
        keys_of = [_keys(operation) for operation in operations]
        if None in keys_of or not isinstance(self._document, dict):
            return whole
        groups = _connected(keys for keys in keys_of if keys)
        parts: dict[frozenset[str], Part] = {}
        for operation, keys in zip(operations, keys_of, strict=True):
            group = groups[min(keys)] if keys else frozenset()
            if group not in parts:
                model = Document({key: value for key, value in self._document.items() if key in group})
                parts[group] = Part(f"key {', '.join(sorted(group))}", model, [])
            parts[group].operations.append(operation)
        return list(parts.values()) or whole

    def narrowed(self, operations: Sequence[Operation]) -> Model:
        return self

    def is_read(self, operation: Operation) -> bool:
        name, *arguments = operation.input
        if name == "patch":
            is_conflict = operation.returned is not None and not operation.output
            return is_conflict or all(one["op"] == "test" for one in arguments[0])
        return name == "read" or (name == "update" and _text(arguments[1]) == _text(arguments[2]))

    def transition(self, operation: Operation) -> Transition:
        return cache(self._transition(operation))  # a search comes back to the same few states

    def _transition(self, operation: Operation) -> Transition:
        name, *arguments = operation.input
        is_known = operation.returned is not None
        if name == "patch":
            return _patching(_text(arguments[0]), bool(operation.output) if is_known else None)
        if name == "read":
            return _reading(JsonPointer(arguments[0]), _text(operation.output) if is_known else None)
        if name == "update":
            return _updating(JsonPointer(arguments[0]), _text(arguments[1]), _text(arguments[2]))
        if name == "increment":
            return _incrementing(
                JsonPointer(arguments[0]), arguments[1], operation.output if is_known else None
            )
        raise ValueError(f"a document has no operation {name!r}")


def _patching(patch: str, answer: bool | None) -> Transition:
    def step(state: str) -> State:
        try:
            # The patch is read anew each time, since its values become part of the document.
            after = _text(JsonPatch(json.loads(patch)).apply(json.loads(state), in_place=True))
        except (JsonPatchException, JsonPointerException):
            return IMPOSSIBLE if answer is True else state
        return IMPOSSIBLE if answer is False else after

    return step


def _reading(pointer: JsonPointer, expected: str | None) -> Transition:
    if expected is None or not pointer.parts:
        return lambda state: state if expected in (None, state) else IMPOSSIBLE
    return lambda state: state if _text(pointer.get(json.loads(state), None)) == expected else IMPOSSIBLE


def _updating(pointer: JsonPointer, before: str, after: str) -> Transition:
    def step(state: str) -> State:
        document = json.loads(state)
        if _text(pointer.get(document, None)) != before:
            return IMPOSSIBLE
        return _text(_put(document, pointer, json.loads(after)))

    return step


def _incrementing(pointer: JsonPointer, amount: int, expected: int | None) -> Transition:
    def step(state: str) -> State:
        document = json.loads(state)
        value = (pointer.get(document, None) or 0) + amount
        return _text(_put(document, pointer, value)) if expected in (None, value) else IMPOSSIBLE

    return step


def _put(document: Json, pointer: JsonPointer, value: Json) -> Json:
    return pointer.set(document, value, inplace=True) if pointer.parts else value


def _keys(operation: Operation) -> set[str] | None:
    """Return the top-level keys that an operation touches, None for all."""
    name, first, *_ = operation.input
    pointers = [first]
    if name == "patch":
        pointers = [one[member] for one in first for member in ("path", "from") if member in one]
    parts = [JsonPointer(pointer).parts[:1] for pointer in pointers]
    return {part[0] for part in parts} if all(parts) else None


def _connected(sets: Iterable[set[str]]) -> dict[str, frozenset[str]]:
    """Return for each key the group of those that sets in common tie together."""
    groups: dict[str, frozenset[str]] = {}
    for keys in sets:
        group = frozenset().union(keys, *(groups.get(key, ()) for key in keys))
        for key in group:
            groups[key] = group
    return groups


def _text(value: Json) -> str:
    """Write JSON so that equal documents are equal texts, 1 and 1.0 being two."""
    return _ENCODE(value)


def _frozen(value: Json) -> State:
    """Make a register's value hashable, and keep 1, 1.0 and true apart."""
    return value if value is None or type(value) in (int, str) else ("json", _text(value))


_ENCODE: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode

MODELS: Final = {"register": Register, "document": Document}
"""By the names that recorded histories carry."""
