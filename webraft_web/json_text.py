"""JSON values: which of them text carries unchanged, how they are written, read, bounded and copied.

Its own file because every layer that takes values from the application asks
the same question: will each replica, in Python and in JavaScript, read what was
written here? `to_json_text` answers it. All who read a text must then come to
the same value or refuse it alike, whatever their Python's version, settings and
recursion limit; `decode` sees to that.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
from typing import Any, Final, NoReturn

from webraft_web.core.errors import BadArgumentError

Json = Any
"""A plain JSON value: dict with str keys, list, str, int, float, bool or None, no subclasses."""

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""The greatest integer that JavaScript's numbers carry exactly."""

MAX_DEPTH: Final = 200
"""Nesting that every JSON parser copes with, Pyodide's small stack included."""

MAX_TEXT_DEPTH: Final = MAX_DEPTH + 8
"""Nesting of text that carries such values inside others, as commands and snapshots do."""

_PLAIN: Final = (str, bool)
_ARRAYS: Final = (list, tuple)
_CONTAINERS: Final = (dict, *_ARRAYS)
_SCALARS: Final = frozenset((str, int, float, bool, type(None)))
_TOO_DEEP: Final = f"nested deeper than {MAX_TEXT_DEPTH} levels"
_MAX_INTEGER_TEXT: Final = len(str(-MAX_SAFE_INTEGER))


def to_json_text(value: object) -> str:
    """Return `value` as JSON text that decodes to an equal value anywhere.

    Raises:
        BadArgumentError: If JSON cannot carry it: other types, NaN and infinities,
            integers beyond ±(2^53-1), keys that are not text, circular or too deep.
    """
    _check(value, 0)
    return encode(value)


def _check(value: object, depth: int) -> None:
    if value is None or isinstance(value, _PLAIN):
        return
    if isinstance(value, int):
        if not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            raise BadArgumentError(
                f"an integer of {value.bit_length()} bits is beyond ±(2^53-1), JSON cannot carry it exactly"
            )
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise BadArgumentError(f"JSON cannot carry the number {value!r}")
    elif depth >= MAX_DEPTH:
        raise BadArgumentError(f"the value is nested deeper than {MAX_DEPTH} levels, or contains itself")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise BadArgumentError(
                    f"JSON's keys are text, got {reprlib.repr(key)} of type {type(key).__name__}"
                )
            if type(item) is not str:  # as most are, and a call for each would be most of the work
                _check(item, depth + 1)
    elif isinstance(value, _ARRAYS):
        for item in value:
            _check(item, depth + 1)
    else:
        raise BadArgumentError(
            f"JSON cannot carry a value of type {type(value).__name__}: {reprlib.repr(value)}"
        )


def encode(value: Json) -> str:
    """Write a plain JSON value as text, in ASCII and without spaces."""
    return _ENCODER.encode(value)


def decode(text: str) -> Json:
    """Read JSON text strictly.

    Raises:
        ValueError: If it is not JSON, nests deeper than `MAX_TEXT_DEPTH`, or holds
            numbers that a document may not.
    """
    # An integer that is too large has more digits in a row than this finds.
    decoder = _DECODER if _MANY_DIGITS.search(text) is None else _WARY_DECODER
    try:
        value = decoder.decode(text)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    # How deep a decoder goes depends on Python's version: from 1000 levels to tens of thousands.
    if nesting_bound(text) > MAX_TEXT_DEPTH and not is_within_depth(value, MAX_TEXT_DEPTH):
        raise ValueError(_TOO_DEEP)
    return value


def _read_integer(text: str) -> int:
    # The length first: how many digits int() accepts depends on Python's version and settings.
    if len(text) <= _MAX_INTEGER_TEXT:
        value = int(text)
        if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            return value
    raise ValueError("an integer beyond ±(2^53-1)")


def _read_float(text: str) -> float:
    value = float(text)
    if math.isfinite(value):
        return value
    raise ValueError("a number too large for a float")


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_ENCODER: Final = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":"))
# Written so that `re` looks for one digit first, which takes a quarter of the time in a large text.
_MANY_DIGITS: Final = re.compile(f"[0-9](?=[0-9]{{{len(str(MAX_SAFE_INTEGER)) - 1}}})")
_DECODER: Final = json.JSONDecoder(parse_float=_read_float, parse_constant=_refuse_constant)
_WARY_DECODER: Final = json.JSONDecoder(
    parse_int=_read_integer, parse_float=_read_float, parse_constant=_refuse_constant
)


def are_equal(one: Json, other: Json) -> bool:
    """Tell whether values are the same to `test` (RFC 6902, 4.6): numbers by value, true only with true."""
    if type(one) is dict:
        if type(other) is not dict or one.keys() != other.keys():
            return False
        pairs = [(one[name], other[name]) for name in one]
    elif isinstance(one, _ARRAYS):
        if not isinstance(other, _ARRAYS) or len(one) != len(other):
            return False
        pairs = list(zip(one, other, strict=True))
    else:
        return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
    for value, counterpart in pairs:  # noqa: SIM110 - all() would take of Pyodide's small stack at each level
        if not are_equal(value, counterpart):
            return False
    return True


def is_within_depth(value: object, depth: int) -> bool:
    """Tell whether arrays and objects in `value` nest at most `depth` levels; tuples count as arrays."""
    level = [value] if isinstance(value, _CONTAINERS) else []
    while (
        level and depth > 0
    ):  # level by level: a document has few of them, and a call for each value costs most
        depth -= 1
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if type(item) not in _SCALARS and isinstance(item, _CONTAINERS)
        ]
    return not level


def nesting_bound(text: str) -> int:
    """Return a number that no value in this JSON text nests deeper than, without looking closely."""
    return text.count("[") + text.count("{")


def clone(value: Json) -> Json:
    """Return a copy that shares no list or dict with `value`."""
    if type(value) is dict:
        return {key: clone(item) if type(item) in _CONTAINERS else item for key, item in value.items()}
    if type(value) is list:
        return [clone(item) if type(item) in _CONTAINERS else item for item in value]
    return value
