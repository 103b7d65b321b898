"""Reads the part of EDN, Clojure's notation for data, that recorded histories are written in."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_TOKEN: Final = re.compile(
    r"""[\s,]*(?:
        (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<open>[\[({]) | (?P<close>[\])}])
      | (?P<word>[^\s,\[\](){}"]+)
      | (?P<end>$)
    )""",
    re.VERBOSE,
)
_INTEGER: Final = re.compile(r"[+-]?[0-9]+N?")
_FLOAT: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?M?")
_CLOSING: Final = {"[": "]", "(": ")", "{": "}"}
_CONSTANTS: Final = {"nil": None, "true": True, "false": False}


class Keyword(str):
    """A keyword, without its colon."""

    __slots__ = ()


def read_all(text: str) -> list[Any]:
    """Return the values that a text consists of: vectors and lists as lists, maps as dicts.

    Raises:
        ValueError: If it is not EDN, or has tagged values, characters, sets or symbols.
    """
    stack: list[tuple[str, list[Any]]] = [("", [])]
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise ValueError(f"a string without an end: {text[position:]:.80}")
        position = token.end()
        kind, word = token.lastgroup, token[token.lastgroup or 0]
        if kind == "open":
            stack.append((_CLOSING[word], []))
        elif kind == "close":
            closing, values = stack.pop()
            if word != closing:
                raise ValueError(f"unexpected {word!r}")
            stack[-1][1].append(_map(values) if word == "}" else values)
        elif kind != "end":
            stack[-1][1].append(json.loads(word) if kind == "string" else _atom(word))
    if len(stack) > 1:
        raise ValueError(f"{stack[-1][0]!r} is missing")
    return stack[0][1]


def _map(values: list[Any]) -> dict[Any, Any]:
    if len(values) % 2:
        raise ValueError("a map with a key that has no value")
    return dict(zip(values[::2], values[1::2], strict=True))


def _atom(word: str) -> Any:
    if word in _CONSTANTS:
        return _CONSTANTS[word]
    if word.startswith(":") and len(word) > 1:
        return Keyword(word[1:])
    if _INTEGER.fullmatch(word):
        return int(word.rstrip("N"))
    if _FLOAT.fullmatch(word):
        return float(word.rstrip("M"))
    raise ValueError(f"{word:.80} is neither a number nor a keyword")
