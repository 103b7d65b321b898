"""JSON values inside documents: how they are read, bounded and copied.

What an application may hand in is `json_text`'s business. This is the other
side: every replica reads the same text, and all must come to the same value or
refuse it alike, whatever their Python's version, settings and recursion limit.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

from webraft_web.json_text import MAX_SAFE_INTEGER

_CONTAINERS: Final = (dict, list, tuple)
_MAX_INTEGER_TEXT: Final = len(str(-MAX_SAFE_INTEGER))

Json = Any
"""A plain JSON value: dict with str keys, list, str, int, float, bool or None, no subclasses."""


def is_within_depth(value: object, depth: int) -> bool:
    """Tell whether arrays and objects in `value` nest at most `depth` levels; tuples count as arrays."""
    if not isinstance(value, _CONTAINERS):
        return True
    if depth <= 0:
        return False
    items = value.values() if isinstance(value, dict) else value
    return all(is_within_depth(item, depth - 1) for item in items if isinstance(item, _CONTAINERS))


def nesting_bound(text: str) -> int:
    """Return a number that no value in this JSON text nests deeper than, without looking closely."""
    return text.count("[") + text.count("{")


def encode(value: Json) -> str:
    """Write a plain JSON value as text, in ASCII and without spaces."""
    return _ENCODER.encode(value)


def decode(text: str) -> Json:
    """Read JSON text strictly.

    Raises:
        ValueError: If it is not JSON, or holds numbers that a document may not.
    """
    # An integer that is too large has more digits in a row than this finds.
    decoder = _DECODER if _MANY_DIGITS.search(text) is None else _WARY_DECODER
    try:
        return decoder.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


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
_MANY_DIGITS: Final = re.compile(f"[0-9]{{{len(str(MAX_SAFE_INTEGER))}}}")
_DECODER: Final = json.JSONDecoder(parse_float=_read_float, parse_constant=_refuse_constant)
_WARY_DECODER: Final = json.JSONDecoder(
    parse_int=_read_integer, parse_float=_read_float, parse_constant=_refuse_constant
)


def clone(value: Json) -> Json:
    """Return a copy that shares no list or dict with `value`."""
    if type(value) is dict:
        return {key: clone(item) if type(item) in _CONTAINERS else item for key, item in value.items()}
    if type(value) is list:
        return [clone(item) if type(item) in _CONTAINERS else item for item in value]
    return value
