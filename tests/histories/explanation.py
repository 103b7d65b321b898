"""Says why a history is not linearizable, in lines that a person can follow."""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.histories.models import State
from tests.histories.operation import Operation, shorten

_MOST_STATES: Final = 8
_LAST_OPERATIONS: Final = 8


class Stuck(NamedTuple):
    """Where the longest prefix of a history ends that can be linearized.

    Fields:
        operation: The one whose return no order accounts for.
        order: In which operations took effect up to there, as far as it matters; one of many such orders.
        pending: What else was under way then.
        states: All that the data can have been in then.
        known: How many operations have returned, in the whole history.
    """

    operation: Operation
    order: list[Operation]
    pending: list[Operation]
    states: list[State]
    known: int


def explain(name: str, stuck: Stuck) -> str:
    """Describe where it got stuck; `name` is the part's, empty if there is but one."""
    operation, order, pending, states, known = stuck
    effective = set(map(id, order))
    shown = [shorten(state) for state in states[:_MOST_STATES]]
    more = len(states) - len(shown)
    lines = [
        f"{f'{name}: ' if name else ''}no order accounts for",
        f"  {operation}",
        f"when it returns, after {len(order)} of {known} operations; the value can only have been",
        f"  {' or '.join(shown)}{f' or one of {more} more' if more else ''}",
    ]
    if order:
        lines.append("one order up to there ends with")
        lines += [f"  {one}" for one in order[-_LAST_OPERATIONS:]]
    others = [one for one in pending if one is not operation]
    if others:
        lines.append("under way at that moment, or never answered:")
        lines += [f"  {one}{', counted above' if id(one) in effective else ''}" for one in others]
    return "\n".join(lines)
