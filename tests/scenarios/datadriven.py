"""Reads scenario files: commands, a line of dashes, and the output expected.

The format is that of cockroachdb's `datadriven` package. `#` begins a comment, a
blank line ends the expected output unless that stands between doubled lines of dashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SEPARATOR = "----"
_WORD = re.compile(r"[^\s(]*(?:\([^)]*\))?\S*")


class ScenarioError(Exception):
    """A scenario cannot be read, or asks for something that makes no sense; says where."""


@dataclass(frozen=True)
class Argument:
    """`key`, `key=value` or `key=(value, value)`."""

    key: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Directive:
    """One command of a scenario, with the line it stands on and what it is to print."""

    line: int
    text: str
    name: str
    arguments: tuple[Argument, ...]
    input: str
    expected: str

    @property
    def words(self) -> list[str]:
        """The arguments that are no `key=value`."""
        return [argument.key for argument in self.arguments if not argument.values]

    def values(self, key: str) -> list[str]:
        """All values given for `key`; none if it is absent."""
        return [value for argument in self.arguments if argument.key == key for value in argument.values]


def read_scenario(path: Path) -> Iterator[Directive]:
    """Yield the commands of a file, in order.

    Raises:
        ScenarioError: The file is not of this format.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"cannot be read: {error}") from error
    position = 0
    while position < len(lines):
        if not lines[position].strip() or lines[position].startswith("#"):
            position += 1
            continue
        begun = position
        text, position = _command_text(lines, position)
        given: list[str] = []
        while position < len(lines) and lines[position] != _SEPARATOR:
            given.append(lines[position])
            position += 1
        if position == len(lines):
            raise ScenarioError(f"line {begun + 1}: no line {_SEPARATOR!r} follows the command {text!r}")
        expected, position = _expected(lines, position + 1)
        name, *words = split_words(text)
        arguments = tuple(_argument(word) for word in words)
        yield Directive(begun + 1, text, name, arguments, "\n".join(given), "\n".join(expected))


def _command_text(lines: list[str], position: int) -> tuple[str, int]:
    """Join the lines of a command; all but the last end with a backslash."""
    text = lines[position].strip()
    position += 1
    while text.endswith("\\") and position < len(lines):
        text = f"{text[:-1].rstrip()} {lines[position].strip()}"
        position += 1
    return text, position


def _expected(lines: list[str], position: int) -> tuple[list[str], int]:
    is_doubled = lines[position : position + 1] == [_SEPARATOR]
    expected: list[str] = []
    if is_doubled:
        position += 1
        while lines[position : position + 2] != [_SEPARATOR, _SEPARATOR]:
            if position >= len(lines):
                raise ScenarioError(f"two lines {_SEPARATOR!r} have to end an output that two begin")
            expected.append(lines[position])
            position += 1
        return expected, position + 2
    while position < len(lines) and lines[position].strip():
        expected.append(lines[position])
        position += 1
    return expected, position


def split_words(text: str) -> list[str]:
    """Split at spaces outside of parentheses."""
    return [word for word in _WORD.findall(text) if word]


def _argument(word: str) -> Argument:
    key, equals, value = word.partition("=")
    if not equals:
        return Argument(word)
    if value.startswith("(") and value.endswith(")"):
        return Argument(key, tuple(one.strip() for one in value[1:-1].split(",")))
    return Argument(key, (value,))
