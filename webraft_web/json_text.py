"""Values that JSON carries unchanged, as text: what a command may be.

Its own file because every layer that takes values from the application asks
the same question: will each replica, in Python and in JavaScript, read what was
written here?
"""

from __future__ import annotations

import json
import math
import reprlib
from typing import Final

from webraft_web.core.errors import BadArgumentError

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""The greatest integer that JavaScript's numbers carry exactly."""

MAX_DEPTH: Final = 200
"""Nesting that every JSON parser copes with, Pyodide's small stack included."""

_PLAIN: Final = (str, bool)
_ARRAYS: Final = (list, tuple)
_to_text = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


def to_json_text(value: object) -> str:
    """Return `value` as JSON text that decodes to an equal value anywhere.

    Raises:
        BadArgumentError: If JSON cannot carry it: other types, NaN and infinities,
            integers beyond ±(2^53-1), keys that are not text, circular or too deep.
    """
    _check(value, 0)
    return _to_text(value)


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
