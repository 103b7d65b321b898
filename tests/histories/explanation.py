"""Says why a history is not linearizable, in lines that a person can follow."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import Final, NamedTuple

from tests.histories.models import Part, State
from tests.histories.operation import Operation, shorten
from tests.histories.search import OutOfBudgetError, Search

_MOST_STATES: Final = 8
_LAST_OPERATIONS: Final = 8
_MOST_UNDER_WAY: Final = 20
_PREFIX_BUDGET: Final = 100_000


class Stuck(NamedTuple):
    """Where a prefix of a history ends that is linearizable, and the rest does not fit.

    Fields:
        operation: The one whose return no order of what was called before it accounts for.
        explained: How many operations returned before.
        returned: How many did in the whole history.
        order: In which operations took effect up to there, as far as that matters; one of many such orders.
        states: What orders lead to.
        is_every: Whether `states` are those of every order.
        under_way: What else was under way at that moment, in the order of calls.
    """

    operation: Operation
    explained: int
    returned: int
    order: list[Operation]
    states: list[State]
    is_every: bool
    under_way: list[Operation]


def find_stuck(part: Part, search: Search, uncertainty: float) -> Stuck:
    """Find out where a history goes wrong, from the search that has failed."""
    returned = sorted(
        (one for one in part.operations if one.returned is not None), key=lambda one: one.returned
    )
    is_every = part.model.narrowed(part.operations) is part.model
    if is_every:
        operation = search.stuck_at
    else:
        operation, search = _find_stuck_in_prefixes(part, returned, uncertainty)
    under_way = [
        one
        for one in sorted(part.operations, key=lambda one: one.call)
        if one is not operation
        and one.call <= operation.returned + 2 * uncertainty
        and (one.returned is None or one.returned >= operation.returned)
    ]
    return Stuck(
        operation, returned.index(operation), len(returned), search.order, search.states, is_every, under_way
    )


def _find_stuck_in_prefixes(
    part: Part, returned: list[Operation], uncertainty: float
) -> tuple[Operation, Search]:
    """Return the first operation with which no order is found any more, and the search just before it."""

    def search_for(count: int) -> Search | None:
        known = set(map(id, returned[:count]))
        prefix = [
            one if id(one) in known else replace(one, returned=None, output=None) for one in part.operations
        ]
        search = Search(prefix, part.model.narrowed(prefix), uncertainty, _PREFIX_BUDGET)
        try:
            return search if search.succeeds() else None
        except OutOfBudgetError:
            return None

    # What is linearizable has only prefixes that are.
    explained = bisect_left(range(1, len(returned) + 1), True, key=lambda count: search_for(count) is None)
    search = search_for(explained)
    assert search is not None, "the empty prefix is linearizable"
    return returned[explained], search


def explain(name: str, stuck: Stuck) -> str:
    """Describe where it got stuck; `name` is the part's, empty if there is but one."""
    effective = {(one.process, one.call) for one in stuck.order}
    states = [f"  {shorten(state)}" for state in stuck.states[:_MOST_STATES]]
    if len(stuck.states) > len(states):
        states.append(f"  and {len(stuck.states) - len(states)} more")
    choice = " one of" * (len(stuck.states) > 1)
    where = f"{name}: " if name else ""
    lines = [
        f"{where}{stuck.explained} of {stuck.returned} answers can be explained, but not also",
        f"  {stuck.operation}",
    ]
    if stuck.is_every:
        lines += [f"since every order so far leads to{choice}", *states]
    if stuck.order:
        lines.append("One such order ends with")
        lines += [f"  {one}" for one in stuck.order[-_LAST_OPERATIONS:]]
    if not stuck.is_every:
        lines += [f"which leads to{choice}", *states]
    if stuck.under_way:
        lines.append("Under way at that moment, or never answered:")
        lines += [
            f"  {one}{', which has taken effect' * ((one.process, one.call) in effective)}"
            for one in stuck.under_way[:_MOST_UNDER_WAY]
        ]
    if len(stuck.under_way) > _MOST_UNDER_WAY:
        lines.append(f"  and {len(stuck.under_way) - _MOST_UNDER_WAY} more")
    return "\n".join(lines)
