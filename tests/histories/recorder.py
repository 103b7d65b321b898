"""Records what clients do, for the checker: at once, or from a file that a failing run left behind.

A file is lines of JSON: first the model's name, its initial value and the
clocks' uncertainty, then one operation a line. `python3 tests histories` reads it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from tests.histories.checker import DEFAULT_BUDGET, Result, check
from tests.histories.models import MODELS
from tests.histories.operation import Json, Operation


class History:
    """What clients asked and were told.

    Args:
        model: A key of `MODELS`.
        initial: What its data was at first.
        clock: Called at each call and return; without one, they are counted, which
            tells their order exactly where one program sees them all.
        uncertainty: By how much clocks of different processes may disagree with the
            truth, in the clock's unit. Intervals are widened by it; the order within
            one process is taken as recorded.
    """

    def __init__(
        self,
        model: str,
        initial: Json = None,
        *,
        clock: Callable[[], float] | None = None,
        uncertainty: float = 0,
    ) -> None:
        self.model = model
        self.initial = initial
        self.uncertainty = uncertainty
        self._now: Callable[[], float] = clock or count().__next__
        self._settled: list[Operation] = []
        self._pending: dict[Call, None] = {}

    def begin(self, process: int | str, operation: Sequence[Json]) -> Call:
        """Take note that `process` is about to ask for `operation`, an input as the model takes it.

        What is neither told to have returned nor to have failed has an unknown outcome.
        """
        call = Call(self, process, self._now(), list(operation))
        self._pending[call] = None
        return call

    def add(self, operation: Operation) -> None:
        """Take an operation that was recorded elsewhere, its times on this history's scale."""
        self._settled.append(operation)

    @property
    def operations(self) -> list[Operation]:
        """All of them in the order of their calls, those under way as of unknown outcome."""
        pending = [Operation(call.process, call.begun, None, call.operation) for call in self._pending]
        return sorted(self._settled + pending, key=lambda one: one.call)

    def check(self, budget: int = DEFAULT_BUDGET) -> Result:
        """Decide whether it is linearizable; see `checker.check`."""
        model = MODELS[self.model](self.initial)
        return check(self.operations, model, uncertainty=self.uncertainty, budget=budget)

    def dump(self, path: Path) -> None:
        """Write it to a file, whose name should end with `.jsonl`."""
        header = {"model": self.model, "initial": self.initial, "uncertainty": self.uncertainty}
        lines = [header] + [
            {
                "process": one.process,
                "call": one.call,
                "returned": one.returned,
                "input": one.input,
                "output": one.output,
            }
            for one in self.operations
        ]
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> History:
        """Read what `dump` wrote.

        Raises:
            ValueError: If it is not that; names file and line.
        """
        history: History | None = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                fields = json.loads(line)
                if history is None:
                    history = cls(fields["model"], fields["initial"], uncertainty=fields["uncertainty"])
                    MODELS[history.model]
                else:
                    history.add(Operation(**fields))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}:{number}: not a line of a recorded history: {error!r}") from error
        if history is None:
            raise ValueError(f"{path}:1: the file is empty; its first line should name the model")
        return history

    def _settle(self, call: Call, operation: Operation | None) -> None:
        assert call in self._pending, "a call has one outcome"
        del self._pending[call]
        if operation is not None:
            self._settled.append(operation)

    def _returned(self, call: Call, output: Json) -> None:
        self._settle(call, Operation(call.process, call.begun, self._now(), call.operation, output))


class Call:
    """An operation under way; told its outcome once, or never.

    Fields:
        operation: May be replaced until then, where only the outcome shows what was asked:
            what an update was given and returned.
    """

    def __init__(self, history: History, process: int | str, begun: float, operation: list[Json]) -> None:
        self._history = history
        self.process = process
        self.begun = begun
        self.operation = operation

    def returned(self, output: Json = None) -> None:
        """It was answered, now."""
        self._history._returned(self, output)

    def failed(self) -> None:
        """It certainly has no effect."""
        self._history._settle(self, None)

    def unknown(self) -> None:
        """It may take effect at any time, or never."""
        self._history._settle(self, Operation(self.process, self.begun, None, self.operation))
