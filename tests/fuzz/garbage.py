"""Values that no field expects."""

from __future__ import annotations

from typing import Any, Final

from tests.fuzz.choices import Choices
from webraft_web.core.entry import Configuration, Entry, EntryKind
from webraft_web.core.message import Heartbeat


class Odd:
    """An object of no known class that cannot even be described."""

    def __repr__(self) -> str:
        raise AssertionError("a foreign value was asked to describe itself")


class Texty(str):
    """Text whose length is not what it says."""

    __slots__ = ()

    def __len__(self) -> int:
        return 3

    def __repr__(self) -> str:
        raise AssertionError("a foreign value was asked to describe itself")


class Numbery(int):
    """A number that compares as it likes."""

    def __le__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        raise AssertionError("a foreign value was asked to describe itself")


class Listy(list[Any]):
    """A list that has something else to say every time."""

    def __iter__(self) -> Any:
        return iter([self.pop()] if len(self) else [])


def nested(depth: int) -> Any:
    """Return a list in a list in a list…"""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


NUMBERS: Final = (-1, 0, 1, 2, 3, 2**31, 2**32, 2**52, 2**53 - 2, 2**53 - 1, 2**53, 2**63, 2**70, 10**5000)
_FLOATS: Final = (0.0, 1.0, -0.0, 0.5, 1e308, float("nan"), float("inf"))
_JSON: Final = (None, True, False, "", "a", "b", "leader", [], {}, "x" * 1025)


def number(choices: Choices) -> int:
    return choices.pick(NUMBERS)


def json_value(choices: Choices, depth: int = 3) -> Any:
    """Return anything that may come out of a JSON text."""
    kind = choices.below(8)
    if kind == 0:
        return choices.pick(_FLOATS)
    if kind == 1:
        return choices.text()
    if kind <= 3:
        return number(choices)
    if kind == 4 and depth:
        return [json_value(choices, depth - 1) for _ in range(choices.below(5))]
    if kind == 5 and depth:
        return {choices.text(): json_value(choices, depth - 1) for _ in range(choices.below(4))}
    if kind == 6 and choices.one_in(16):
        return nested(3000)
    value = choices.pick(_JSON)
    return value.copy() if isinstance(value, list | dict) else value


def any_value(choices: Choices) -> Any:
    """Return anything that may stand in a field of an object made by hand."""
    kind = choices.below(4)
    if kind == 0:
        return json_value(choices)
    if kind == 1:
        configuration = Configuration(("a", "b"), ("c",))
        setattr(configuration, choices.pick(("voters", "non_voting")), json_value(choices))
        return configuration
    if kind == 2:
        entry = Entry(choices.below(4), choices.below(9))
        setattr(entry, choices.pick(Entry.__slots__), json_value(choices))
        return [entry] if choices.one_in(2) else entry
    odd = (
        Odd(),
        Odd,
        object(),
        Texty("b"),
        Numbery(2),
        Listy(["x"]),
        b"x",
        (),
        ("a",),
        {"a"},
        lambda: None,
        [Odd()],
        [Texty("x")],
        Heartbeat("b", "a", 1, 0),
        *EntryKind,
    )
    return choices.pick(odd)
