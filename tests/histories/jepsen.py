"""Reads histories of registers as Jepsen writes them: a line for each call and each return.

    INFO  jepsen.util - 2	:invoke	:cas	[3 0]
    INFO  jepsen.util - 2	:ok	:cas	[3 0]

The log's prefix may be missing, as in `history.txt`; a line may be a map, as in
`history.edn`; with maps, operations may also be `:get`, `:put` and `:append`.
Values `[key value]` are those of independent registers.

What an answer means: `:ok` took effect; `:fail` did not, and is no part of the
history, but that a compare-and-set which failed for no reason given found
another value; `:info`, or no answer, may have taken effect at any time after
its call, or never. Times are line numbers.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.histories.edn import Keyword, Symbol, read_all
from tests.histories.operation import Json, Operation
from tests.histories.recorder import History

_PREFIX: Final = re.compile(r".*?\bjepsen\.util(?: -|:)\s+")
_OTHERS: Final = re.compile(
    r"\s*$"  # nothing,
    r"|.*?\b(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b"  # what other parts of a program log,
    r"|\s+at |\s*\.\.\. |Caused by: |[\w.$]+(?:Exception|Error)\b"  # and the traces of exceptions
)
_FUNCTIONS: Final = {
    "read": "read",
    "write": "write",
    "cas": "cas",
    "get": "read",
    "put": "write",
    "append": "append",
}
_TYPES: Final = ("invoke", "ok", "fail", "info")


class _Line(NamedTuple):
    """What one line says; `has_error` if it gives a reason for a failure."""

    number: int
    process: int
    type: str
    function: str
    key: Json
    value: Json
    has_error: bool


def read_history(path: Path) -> History:
    """Read one file.

    Raises:
        ValueError: If a line cannot be understood; names file and line.
    """
    lines: list[_Line] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, text in enumerate(file, 1):
            try:
                line = _read_line(number, text)
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}, in: {text.strip():.200}") from None
            if line is not None:
                lines.append(line)
    if not lines:
        raise ValueError(f"{path}:1: there is no operation in this file")
    try:
        return _pair(_with_keys(lines))
    except _LineError as error:
        raise ValueError(f"{path}:{error.number}: {error}") from None


class _LineError(Exception):
    """A line does not fit those before it."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


def _read_line(number: int, text: str) -> _Line | None:
    prefix = _PREFIX.match(text)
    if prefix is None and _OTHERS.match(text):
        return None
    values = read_all(text[prefix.end() if prefix else 0 :])
    if len(values) == 1 and isinstance(values[0], dict):
        fields = values[0]
    elif len(values) >= 4:
        fields = dict(zip(("process", "type", "f", "value"), values, strict=False))
        fields |= {"error": values[4:]} if values[4:] else {}
    else:
        raise ValueError("expected a process, :invoke, :ok, :fail or :info, a function and a value")
    process, kind, function = (fields.get(name) for name in ("process", "type", "f"))
    if isinstance(process, Keyword):
        return None  # `:nemesis`, which disturbs the system and asks it nothing
    if type(process) is not int:
        raise ValueError(f"a process is a number, not {process!r:.40}")
    if not isinstance(kind, Keyword) or kind not in _TYPES:
        raise ValueError(f"expected :invoke, :ok, :fail or :info, not {kind!r:.40}")
    if not isinstance(function, Keyword) or function not in _FUNCTIONS:
        raise ValueError(f"the functions known here are :{', :'.join(_FUNCTIONS)}, not {function!r:.40}")
    value = fields.get("value")
    if type(value) is Symbol:
        raise ValueError(f"a value is data, not {value!r:.40}")
    has_error = fields.get("error") is not None or isinstance(value, Keyword)
    if function in {"get", "put"} and value == "":
        value = None  # a key that was never put reads as empty text
    return _Line(number, process, kind, _FUNCTIONS[function], fields.get("key"), value, has_error)


def _with_keys(lines: list[_Line]) -> list[_Line]:
    """Split values `[key value]`, if that is what they are: what a read asks for tells."""
    calls = [line for line in lines if line.type == "invoke"]
    if not any(line.function == "read" and isinstance(line.value, list) for line in calls):
        return lines
    for line in calls:
        if not _is_pair(line.value):
            raise _LineError(line.number, f"expected [key value] as in other lines, not {line.value!r:.80}")
    return [
        line._replace(key=line.value[0], value=line.value[1]) if _is_pair(line.value) else line
        for line in lines
    ]


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2


def _pair(lines: list[_Line]) -> History:
    """Match calls and returns. A process that asks anew got no answer to what it asked before."""
    history = History("register")
    calls: dict[int, _Line] = {}
    for line in lines:
        if line.type == "invoke":
            _add(history, calls.pop(line.process, None), None)
            if line.function == "cas" and not _is_pair(line.value):
                raise _LineError(line.number, f":cas needs [old new], not {line.value!r:.80}")
            calls[line.process] = line
            continue
        call = calls.pop(line.process, None)
        if call is None:
            raise _LineError(line.number, f"process {line.process} is answered, and has asked nothing")
        if call.function != line.function:
            raise _LineError(
                line.number, f"the answer to :{call.function} of line {call.number} is :{line.function}"
            )
        _add(history, call, line)
    for call in calls.values():
        _add(history, call, None)
    return history


def _add(history: History, call: _Line | None, answer: _Line | None) -> None:
    if call is None:
        return
    arguments = {"read": [], "cas": call.value}.get(call.function, [call.value])
    asked = [call.function, call.key, *arguments]
    if answer is None or answer.type == "info":
        history.add(Operation(call.process, call.number, None, asked))
    elif answer.type == "ok":
        output = {"read": answer.value, "cas": True}.get(call.function)
        history.add(Operation(call.process, call.number, answer.number, asked, output))
    elif call.function == "cas" and not answer.has_error:
        history.add(Operation(call.process, call.number, answer.number, asked, output=False))
