"""Decides whether a history is linearizable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tests.histories.explanation import explain, find_stuck
from tests.histories.models import Model
from tests.histories.operation import Operation
from tests.histories.search import OutOfBudgetError, Search

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
        verdict: UNKNOWN if the budget ran out, and nothing was found wrong elsewhere.
        steps: Transitions tried for it.
        explanation: Where it got stuck, in lines for people; empty if it is linearizable.
        stuck: The operation whose return nothing accounts for, though all is well before it.
    """

    verdict: Verdict
    steps: int
    explanation: str = ""
    stuck: Operation | None = None

    def __str__(self) -> str:
        return f"{self.verdict.value}\n{self.explanation}".rstrip()

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
        budget: Transitions to try at most, in each part.

    Raises:
        ValueError: If the model knows no such operation.
    """
    steps = 0
    too_hard: list[str] = []
    for part in model.split(operations):
        search = Search(part.operations, part.model.narrowed(part.operations), uncertainty, budget)
        try:
            is_linearizable = search.succeeds()
        except OutOfBudgetError:
            too_hard.append(f"gave up after {budget} steps{' at ' * bool(part.name)}{part.name}")
            is_linearizable = True
        steps += search.steps
        if not is_linearizable:
            stuck = find_stuck(part, search, uncertainty)
            return Result(Verdict.NOT_LINEARIZABLE, steps, explain(part.name, stuck), stuck.operation)
    if too_hard:
        return Result(Verdict.UNKNOWN, steps, "\n".join(too_hard))
    return Result(Verdict.LINEARIZABLE, steps)
