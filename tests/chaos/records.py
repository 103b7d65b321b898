"""What tabs told of their operations, put together and checked.

A tab tells an operation twice: some time before it begins ("planned"), and once
it is over. What is not heard of a second time may or may not have taken effect.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from tests.histories.operation import Operation
from tests.histories.recorder import History
from tests.tabs.clocks import joined

GENESIS: Final = ("n0", "n1", "r0", "r1")
"""The keys of the document at first; each is 0."""
_SHOWN: Final = 10


@dataclass
class Visit:
    """One document of one tab, from when it joined the room.

    Fields:
        process: The tab's id in the room.
        bounds: Between which values its clock's difference to the own one was, at several times.
        planned: What has not ended yet, by the operations' names.
        done: What was answered, with what was planned.
        unknown: What ended without anybody's knowing how.
        failed: What certainly has no effect.
    """

    process: str
    bounds: list[tuple[float, float]]
    planned: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    unknown: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, event: dict[str, Any]) -> None:
        """Take in what the tab told of an operation."""
        if event["kind"] == "planned":
            self.planned[event["name"]] = event
            return
        plan = self.planned.pop(event["name"])
        if event["kind"] == "done":
            self.done.append((plan, event))
        else:
            {"unknown": self.unknown, "failed": self.failed}[event["kind"]].append(plan)

    @property
    def shift(self) -> float:
        """What to add to this tab's times."""
        return sum(joined(self.bounds)) / 2

    @property
    def uncertainty(self) -> float:
        """By how much that may be wrong."""
        lowest, highest = joined(self.bounds)
        return (highest - lowest) / 2

    def operations(self) -> list[Operation]:
        """Return all that may have an effect, on the own clock."""
        shift = self.shift
        answered = [
            Operation(
                self.process,
                event["call"] + shift,
                event["returned"] + shift,
                plan["input"],
                event["output"],
            )
            for plan, event in self.done
        ]
        unanswered = [
            Operation(self.process, plan["now"] + shift, None, plan["input"])
            for plan in (*self.unknown, *self.planned.values())
        ]
        return answered + unanswered


class Records:
    """All visits, and what was read in the end.

    Args:
        visits: In any order.
        final: Documents read after all operations had ended: when it was asked, when it was
            answered, and the document.
    """

    def __init__(self, visits: list[Visit], final: list[tuple[float, float, dict[str, Any]]]) -> None:
        self._visits = visits
        self._final = final

    def history(self) -> History:
        """Return what the checker of histories takes."""
        uncertainty = max((visit.uncertainty for visit in self._visits), default=0)
        history = History("register", uncertainty=uncertainty)
        for key in GENESIS:
            history.add(Operation("genesis", 0, 0, ["write", key, 0]))
        for visit in self._visits:
            for operation in visit.operations():
                history.add(operation)
        for number, (call, returned, document) in enumerate(self._final):
            for key, value in document.items():
                seen = "".join(value) if isinstance(value, list) else value
                history.add(Operation(f"final {number}", call, returned, ["read", key], seen))
        return history

    def acknowledged_at(self) -> list[float]:
        """Return when writes were acknowledged, in order and milliseconds."""
        return sorted(
            event["returned"] + visit.shift
            for visit in self._visits
            for plan, event in visit.done
            if plan["input"][0] != "read" and event["output"] is not False
        )

    def find_lost_and_doubled(self) -> list[str]:
        """Return what is wrong with the final documents, in lines for people."""
        documents = [document for _, _, document in self._final]
        problems = [
            f"tabs end with different documents: {one!r:.300}" for one in documents[1:] if one != documents[0]
        ]
        held = Counter(entry for value in documents[0].values() if isinstance(value, list) for entry in value)
        acknowledged = {
            plan["input"][2] for visit in self._visits for plan, _ in visit.done if _appends(plan)
        }
        open_ = {
            plan["input"][2]
            for visit in self._visits
            for plan in (*visit.unknown, *visit.planned.values())
            if _appends(plan)
        }
        return [
            *problems,
            *_shortened("lost although acknowledged", acknowledged - held.keys()),
            *_shortened("there more than once", {entry for entry, count in held.items() if count > 1}),
            *_shortened("there although it was not to be", held.keys() - acknowledged - open_),
        ]


def _appends(plan: dict[str, Any]) -> bool:
    return plan["input"][0] == "append"


def _shortened(what: str, entries: set[str]) -> list[str]:
    names = sorted(entries)
    more = f" and {len(names) - _SHOWN} more" * (len(names) > _SHOWN)
    return [f"{what}: {', '.join(names[:_SHOWN])}{more}"] if names else []
