"""Reads the part of EDN, Clojure's notation for data, that recorded histories are written in."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_TOKEN: Final = re.compile(
    r"""[\s,]*(?:
        (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<open>\#\{|[\[({]) | (?P<close>[\])}])
      | (?P<word>[^\s,\[\](){}"]+)
      | (?P<end>$)
    )""",
    re.VERBOSE,
)
_INTEGER: Final = re.compile(r"[+-]?[0-9]+N?")
_FLOAT: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?M?")
_CLOSING: Final = {"[": "]", "(": ")", "{": "}", "#{": "}"}
_CONSTANTS: Final = {"nil": None, "true": True, "false": False}


class Keyword(str):
    """A keyword, without its colon."""

    __slots__ = ()


class Symbol(str):
    """A name that stands for something else."""

    __slots__ = ()


def read_all(text: str) -> list[Any]:
    """Return the values that a text consists of: vectors, lists and sets as lists, maps as dicts, no tags.

    Raises:
        ValueError: If it is not EDN.
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
            stack.append((word, []))
        elif kind == "close":
            opening, values = stack.pop()
            if word != _CLOSING.get(opening):
                raise ValueError(f"unexpected {word!r}")
            stack[-1][1].append(_map(values) if opening == "{" else values)
        elif kind != "end" and not word.startswith("#"):
            stack[-1][1].append(json.loads(word) if kind == "string" else _atom(word))
    if len(stack) > 1:
        raise ValueError(f"{_CLOSING[stack[-1][0]]!r} is missing")
    return stack[0][1]


def _map(values: list[Any]) -> dict[Any, Any]:
    if len(values) % 2:
        raise ValueError("a map with a key that has no value")
    keys = [json.dumps(key) if isinstance(key, list | dict) else key for key in values[::2]]
    return dict(zip(keys, values[1::2], strict=True))


def _atom(word: str) -> Any:
    if word in _CONSTANTS:
        return _CONSTANTS[word]
    if word.startswith(":"):
        return Keyword(word[1:])
    if _INTEGER.fullmatch(word):
        return int(word.rstrip("N"))
    if _FLOAT.fullmatch(word):
        return float(word.rstrip("M"))
    return Symbol(word)
