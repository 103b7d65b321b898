"""The search behind `checker.check`: Wing and Gong's, made just in time as Lowe has it.

It goes through calls and returns in the order of time and lets an operation
take effect only when one that returns next needs it: either that one itself,
or others under way before it. What it has tried and failed is remembered by
what the rest depends on: the place in time, which of the operations under way
have taken effect, and the state.

Three observations keep histories with crashes and timeouts within reach:
- What only reads may do so at the first moment that fits, with no alternative to try.
- Operations of unknown outcome need never take effect. Where a search failed,
  one that has used up more of them, all else being equal, fails, too; so those
  that use few go first.
- Of two with equal inputs the earlier may always go first.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from tests.histories.models import IMPOSSIBLE, Model, State, Transition
from tests.histories.operation import Operation


class OutOfBudgetError(Exception):
    """The search took more steps than it was granted."""


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


class Search:
    """Whether one part of a history is linearizable.

    Args:
        operations: In any order.
        model: What they are about.
        uncertainty: See `checker.check`.
        budget: How many transitions to try.

    Fields:
        steps: How many have been tried.
    """

    def __init__(
        self, operations: Sequence[Operation], model: Model, uncertainty: float, budget: int
    ) -> None:
        self._budget = budget
        self._initial = model.initial
        self._events = _timeline(operations, model, uncertainty)
        self._tried: dict[tuple[int, int, State], list[int]] = {}
        self._furthest: list[_Node] = []
        self.steps = 0

    def succeeds(self) -> bool:
        """Search depth first, so that a history that is linearizable is mostly found to be at once.

        Raises:
            OutOfBudgetError: If the answer is not known by then.
        """
        first = self._proceed(_Node(0, 0, 0, self._initial, None))
        stack = [iter([first] if self._is_new(first) else [])]
        while stack:
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
            elif node.position == len(self._events):
                return True
            else:
                stack.append(self._ways_past(node))
        return False

    @property
    def order(self) -> list[Operation]:
        """In which order operations took effect, as far as the search got: one of many such orders."""
        order: list[Operation] = []
        path = self._furthest[0].path
        while path is not None:
            order.append(path.operation)
            path = path.before
        return order[::-1]

    @property
    def states(self) -> list[State]:
        """All states that the data can have been in where the search got furthest."""
        return list(dict.fromkeys(node.state for node in self._furthest))

    @property
    def stuck_at(self) -> Operation:
        """The operation whose return the search did not get past."""
        return self._events[self._furthest[0].position].entry.operation

    def _is_new(self, node: _Node) -> bool:
        """Tell whether there is anything to gain from a node, and take note of it."""
        tried = self._tried.setdefault((node.position, node.done, node.state), [])
        if any(node.used & used == used for used in tried):
            return False
        tried.append(node.used)
        if not self._furthest or node.position > self._furthest[0].position:
            self._furthest = []
        if not self._furthest or node.position == self._furthest[0].position:
            self._furthest.append(node)
        return True

    def _ways_past(self, node: _Node) -> Iterator[_Node]:
        """Return the nodes behind the return that this one is at, those that took the fewest steps first."""
        queue = deque([node])
        while queue:
            for following in self._successors(queue.popleft()):
                if self._is_new(following):
                    if following.position > node.position:
                        yield following
                    else:
                        queue.append(following)

    def _successors(self, node: _Node) -> Iterator[_Node]:
        """Let one more of the operations under way take effect that change something."""
        event = self._events[node.position]
        needed = () if event.entry.is_read else (event.entry,)
        for entry in (*needed, *event.changes):
            if not entry.bit & node.done and not _waits(entry, node.position, node.done):
                after = self._step(entry, node.state)
                if after is not IMPOSSIBLE:
                    path = _Path(node.path, entry.operation)
                    yield self._proceed(node._replace(done=node.done | entry.bit, state=after, path=path))
        kinds = set()
        for entry in event.open:
            if (
                not entry.bit & node.used
                and entry.kind not in kinds
                and not _waits(entry, node.position, node.done)
            ):
                kinds.add(entry.kind)
                after = self._step(entry, node.state)
                if after not in (IMPOSSIBLE, node.state):
                    path = _Path(node.path, entry.operation)
                    yield self._proceed(node._replace(used=node.used | entry.bit, state=after, path=path))

    def _step(self, entry: _Entry, state: State) -> State:
        self.steps += 1
        if self.steps > self._budget:
            raise OutOfBudgetError
        return entry.transition(state)

    def _proceed(self, node: _Node) -> _Node:
        """Let reads take effect that can, and go on to the return of an operation that has not."""
        position, done, used, state, path = node
        events = self._events
        reads = events[position].reads if position < len(events) else []
        while True:
            for entry in reads:
                if entry.bit & done or _waits(entry, position, done):
                    continue
                if self._step(entry, state) is not IMPOSSIBLE:
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


def _timeline(operations: Sequence[Operation], model: Model, uncertainty: float) -> list[_Event]:
    """Put calls and returns in order; what happens at one time overlaps, so calls come first."""
    moments: list[tuple[float, bool, int]] = []
    operations = [one for one in operations if one.returned is not None or not model.is_read(one)]
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
        transition = model.transition(operation)
        if operation.returned is None:
            kind = json.dumps(operation.input, sort_keys=True)
            entry = _Entry(operation, transition, False, 1 << len(open_), kind, after)
            open_.append(entry)
        else:
            bit = heappop(free) if free else 1 << len(pending)
            entry = _Entry(operation, transition, model.is_read(operation), bit, "", after)
            pending[number] = entry
        events.append(_Event(entry, True, [entry] if entry.is_read else [], [], []))
    return events
