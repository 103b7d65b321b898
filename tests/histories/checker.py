"""Decides whether a history is linearizable: Wing and Gong's search, made just in time as Lowe has it.

The search goes through calls and returns in the order of time and lets an
operation take effect only when one that returns next needs it: either that
one itself, or another under way before it. What it has tried and failed is
remembered by what the rest depends on: the place in time, which of the operations
under way have taken effect, and the state.

Three observations keep histories with crashes and timeouts within reach:
- What only reads may do so at the first moment that fits, with no alternative to try.
- Operations of unknown outcome need never take effect. Where a search failed,
  one that has used up more of them, all else being equal, fails, too.
- Of two with equal inputs the earlier may always go first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from heapq import heappop, heappush
from typing import Final, NamedTuple

from tests.histories.explanation import Stuck, explain
from tests.histories.models import IMPOSSIBLE, Model, Part, State, Transition
from tests.histories.operation import Operation

DEFAULT_BUDGET: Final = 5_000_000
"""Transitions tried before giving up; some ten seconds of a small model's."""


class Verdict(Enum):
    """What a check comes to; the values are those of `verdicts.tsv`."""

    LINEARIZABLE = "linearizable"
    NOT_LINEARIZABLE = "not linearizable"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Result:
    """What a check found.

    Fields:
        verdict: UNKNOWN if the budget ran out, and nothing else was found wrong.
        steps: Transitions tried.
        explanation: Where it got stuck, in lines for people; empty if it is linearizable.
    """

    verdict: Verdict
    steps: int
    explanation: str = ""

    @property
    def is_linearizable(self) -> bool:
        """Whether it certainly is."""
        return self.verdict is Verdict.LINEARIZABLE


def check(
    operations: Sequence[Operation], model: Model, *, uncertainty: float = 0, budget: int = DEFAULT_BUDGET
) -> Result:
    """Decide whether the operations can have taken effect one at a time, each between its call and return.

    The same input gives the same result, steps and explanation included.

    Args:
        operations: In any order.
        model: What the data does.
        uncertainty: By how much each time may be wrong when compared to another process's.
            One operation comes before another of the same process if its recorded return is
            before the other's call, and else if they are more than twice this apart.
        budget: Transitions to try at most, over all parts.

    Raises:
        ValueError: If the model knows no such operation.
    """
    steps = 0
    unknown = ""
    for part in model.split(operations):
        search = _Search(part, uncertainty, budget - steps)
        verdict = search.run()
        steps += search.steps
        if verdict is Verdict.NOT_LINEARIZABLE:
            return Result(verdict, steps, explain(part.name, search.stuck))
        if verdict is Verdict.UNKNOWN:
            unknown = f"gave up after {steps} steps{' at ' * bool(part.name)}{part.name}"
            break
    return Result(Verdict.UNKNOWN if unknown else Verdict.LINEARIZABLE, steps, unknown)


class _Entry(NamedTuple):
    """An operation as the search sees it.

    Fields:
        bit: In `done`, reused once the operation has returned; in `used` if it is open.
        kind: Equal for open operations that ask for the same.
        after: Operations of the same process that come first although their widened
            intervals overlap with this one's: where each one's return is, and its bit.
    """

    operation: Operation
    transition: Transition
    is_read: bool
    bit: int
    kind: str
    after: list[tuple[int, int]]


class _Event(NamedTuple):
    """A call or, with what else is under way then in the order of calls, a return."""

    entry: _Entry
    is_call: bool
    reads: list[_Entry]
    changes: list[_Entry]
    open: list[_Entry]


class _Path(NamedTuple):
    before: _Path | None
    operation: Operation


class _Node(NamedTuple):
    """A place in the search: `position` is that of a return which the operation is not ready for.

    Fields:
        done: Which operations under way have taken effect.
        used: Which open ones have.
        path: What took effect, the last first.
    """

    position: int
    done: int
    used: int
    state: State
    path: _Path | None


class _Search:
    def __init__(self, part: Part, uncertainty: float, budget: int) -> None:
        self._budget = budget
        self._initial = part.model.initial
        self._events = _timeline(part, uncertainty)
        self._failed: dict[tuple[int, int, State], list[int]] = {}
        self._furthest: list[_Node] = []
        self.steps = 0

    def run(self) -> Verdict:
        """Search depth first, so that a history that is linearizable is mostly found to be at once."""
        stack = [iter([self._proceed(_Node(0, 0, 0, self._initial, None))])]
        while stack:
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
            elif node.position == len(self._events):
                return Verdict.LINEARIZABLE
            elif self.steps > self._budget:
                return Verdict.UNKNOWN
            elif self._is_new(node):
                stack.append(self._successors(node))
        return Verdict.NOT_LINEARIZABLE

    @property
    def stuck(self) -> Stuck:
        """Where the search got furthest."""
        first = self._furthest[0]
        event = self._events[first.position]
        order: list[Operation] = []
        path = first.path
        while path is not None:
            order.append(path.operation)
            path = path.before
        known = sum(not event.is_call for event in self._events)
        pending = [entry.operation for entry in (*event.reads, *event.changes, *event.open)]
        states = list(dict.fromkeys(node.state for node in self._furthest))
        return Stuck(event.entry.operation, order[::-1], pending, states, known)

    def _is_new(self, node: _Node) -> bool:
        failed = self._failed.setdefault((node.position, node.done, node.state), [])
        if any(node.used & used == used for used in failed):
            return False
        failed.append(node.used)
        if not self._furthest or node.position > self._furthest[0].position:
            self._furthest = []
        if not self._furthest or node.position == self._furthest[0].position:
            self._furthest.append(node)
        return True

    def _successors(self, node: _Node) -> Iterator[_Node]:
        """Let one operation under way take effect, in every way that can help."""
        position, done, used, state, path = node
        event = self._events[position]
        needed = () if event.entry.is_read else (event.entry,)
        for entry in (*needed, *event.changes):
            if not entry.bit & done and not _waits(entry, position, done):
                self.steps += 1
                after = entry.transition(state)
                if after is not IMPOSSIBLE:
                    yield self._proceed(
                        _Node(position, done | entry.bit, used, after, _Path(path, entry.operation))
                    )
        kinds = set()
        for entry in event.open:
            if not entry.bit & used and entry.kind not in kinds and not _waits(entry, position, done):
                kinds.add(entry.kind)
                self.steps += 1
                after = entry.transition(state)
                if after is not IMPOSSIBLE and after != state:
                    yield self._proceed(
                        _Node(position, done, used | entry.bit, after, _Path(path, entry.operation))
                    )

    def _proceed(self, node: _Node) -> _Node:
        """Let reads take effect that can, and go on to the return of an operation that has not."""
        position, done, used, state, path = node
        events = self._events
        reads = events[position].reads if position < len(events) else []
        while True:
            for entry in reads:
                if not entry.bit & done and not _waits(entry, position, done):
                    self.steps += 1
                    if entry.transition(state) is not IMPOSSIBLE:
                        done |= entry.bit
                        path = _Path(path, entry.operation)
            if position == len(events):
                break
            event = events[position]
            if event.is_call:
                reads = event.reads
            elif event.entry.bit & done:
                done ^= event.entry.bit
                reads = []
            else:
                break
            position += 1
        return _Node(position, done, used, state, path)


def _waits(entry: _Entry, position: int, done: int) -> bool:
    """Tell whether an earlier operation of the same process has yet to take effect."""
    return any(position <= returns and not done & bit for returns, bit in entry.after)


def _timeline(part: Part, uncertainty: float) -> list[_Event]:
    """Put calls and returns in order; what happens at one time overlaps, so calls come first."""
    moments: list[tuple[float, bool, int]] = []
    operations = [one for one in part.operations if one.returned is not None or not part.model.is_read(one)]
    for number, operation in enumerate(operations):
        moments.append((operation.call - uncertainty, False, number))
        if operation.returned is not None:
            moments.append((operation.returned + uncertainty, True, number))
    moments.sort()
    returns = {number: position for position, (_, is_return, number) in enumerate(moments) if is_return}
    events: list[_Event] = []
    pending: dict[int, _Entry] = {}
    free: list[int] = []
    open_: list[_Entry] = []
    for _, is_return, number in moments:
        operation = operations[number]
        if is_return:
            entry = pending[number]
            events.append(
                _Event(
                    entry,
                    False,
                    [one for one in pending.values() if one.is_read],
                    [one for one in pending.values() if not one.is_read and one is not entry],
                    open_.copy(),
                )
            )
            del pending[number]
            heappush(free, entry.bit)
            continue
        after = [
            (returns[other], one.bit)
            for other, one in pending.items()
            if one.operation.process == operation.process and one.operation.returned < operation.call
        ]
        transition = part.model.transition(operation)
        if operation.returned is None:
            kind = json.dumps(operation.input, sort_keys=True)
            entry = _Entry(operation, transition, False, 1 << len(open_), kind, after)
            open_.append(entry)
        else:
            bit = heappop(free) if free else 1 << len(pending)
            entry = _Entry(operation, transition, part.model.is_read(operation), bit, "", after)
            pending[number] = entry
        events.append(_Event(entry, True, [entry] if entry.is_read else [], [], []))
    return events
