"""Runs a scenario and compares everything that it prints but log lines."""

from __future__ import annotations

import difflib
import re
import traceback
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.scenarios.datadriven import ScenarioError, read_scenario
from tests.scenarios.environment import Environment, UnsupportedError

_LOG_LINE = re.compile(r"\s*(DEBUG|INFO|WARN|ERROR|FATAL)\b")
_FIRST_HUNK = re.compile(r"@@ -1[ ,]")
_CONTEXT = 5
_HALF = "a leader that hears exactly half of the voters goes on: it may shrink the configuration to them"
_MEMBERSHIP = "is in force once it is appended, not once it is applied, as it has not been everywhere"


class Outcome(Enum):
    """How a scenario came out; the value is the mark in the report."""

    PASSED = "✓"
    FAILED = "✗"
    SKIPPED = "~"


@dataclass(frozen=True)
class Verdict:
    """What became of one scenario: `reason` in a line, `details` in as many as it takes."""

    outcome: Outcome
    reason: str = ""
    details: str = ""


def judge(path: Path) -> Verdict:
    """Run the scenario in a file until something differs: what comes after that would tell nothing."""
    environment = Environment()
    place = str(path)
    is_empty = True
    try:
        for directive in read_scenario(path):
            is_empty = False
            place = f"{path}:{directive.line}: {directive.text}"
            expected = _without_log_lines(directive.expected)
            change = environment.change_under_way
            got = environment.handle(directive).rstrip()
            change = environment.change_under_way or change
            if expected == "ok (quiet)" and environment.is_quiet:
                expected = "ok"
            if got != expected:
                return _differing(environment, change, place, expected, got)
    except UnsupportedError as error:
        return Verdict(Outcome.SKIPPED, f"not supported: {error}", place)
    except ScenarioError as error:
        return Verdict(Outcome.FAILED, str(error), place)
    except Exception:  # noqa: BLE001  # whatever breaks in the core is this scenario's failure, not the end
        return Verdict(Outcome.FAILED, "the core broke", f"{place}\n{traceback.format_exc()}")
    if is_empty:
        return Verdict(Outcome.FAILED, "there is no command in it", place)
    return Verdict(Outcome.PASSED)


def _without_log_lines(text: str) -> str:
    """Return what is left; a command that printed nothing else prints "ok"."""
    lines = [line.rstrip() for line in text.splitlines() if not _LOG_LINE.match(line)]
    return "\n".join(lines).rstrip() or "ok"


def _differing(environment: Environment, change: str, place: str, expected: str, got: str) -> Verdict:
    """Tell whether a difference is one by design.

    Args:
        environment: After the command that printed something else.
        change: Of the membership, if one was under way at that command.
        place: Of the command.
        expected: What etcd prints.
        got: What this core's servers print.
    """
    diff = difflib.unified_diff(
        expected.splitlines(), got.splitlines(), "expected", "got", lineterm="", n=_CONTEXT
    )
    lines = ["…" if line.startswith("@@") else line for line in diff if not _FIRST_HUNK.match(line)]
    details = "\n".join([place, *lines])
    if change:
        return Verdict(Outcome.SKIPPED, f"differs by design: {change} {_MEMBERSHIP}", details)
    if any(node.has_led_with_half for node in environment.nodes.values()):
        return Verdict(Outcome.SKIPPED, f"differs by design: {_HALF}", details)
    return Verdict(Outcome.FAILED, "differs", details)
