"""One operation of a history: what a client asked, what it was told, and when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

Json = Any

_WIDTH: Final = 120


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation whose effect, if it has one, falls between its call and its return.

    One that certainly had no effect is not part of a history.

    Fields:
        process: Who asked. Its times are exact among themselves, whatever the clocks' uncertainty.
        call: When, on any scale that all operations share.
        returned: When the answer came; None if the outcome is unknown: it may
            take effect at any time after the call, or never.
        input: A list: the function's name, then its arguments, as the model takes them.
        output: The answer, as the model takes it; None if the outcome is unknown.
    """

    process: int | str
    call: float
    returned: float | None
    input: list[Json]
    output: Json = None

    def __str__(self) -> str:
        name, *arguments = self.input
        asked = " ".join([name, *(shorten(one) for one in arguments if one is not None)])
        answer = "?" if self.returned is None else shorten(self.output)
        until = "" if self.returned is None else _time(self.returned)
        return f"process {self.process}  [{_time(self.call)}..{until}]  {asked} -> {answer}"


def shorten(value: Json) -> str:
    """Return a value as people read it, without its middle if it is long."""
    if value is None:
        return "nil"
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH // 2]}...{text[-_WIDTH // 2 :]}"


def _time(time: float) -> str:
    return f"{time:.2f}".removesuffix(".00")
