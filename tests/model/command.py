"""`python3 tests model`: has TLC check what keeps one server per browser safe, and what each rule is for.

Witnesses first (the models are not empty), then each weakening (the rule that
it drops is needed), then the designs, exhaustively within their bounds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from demo.toolchain.environment import python_with
from demo.toolchain.progress import SetupError, say
from tests.model import tlc
from tests.model.cases import Case, Expected, all_cases

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_INTERRUPTED = 130
_QUIET_S = 30


def main(arguments: Sequence[str]) -> int:
    """Check the cases asked for; returns the exit code."""
    options = _read_arguments(arguments)
    cases = [
        case for case in all_cases(is_deep=options.deep) if not options.cases or case.name in options.cases
    ]
    if options.list:
        for case in cases:
            say(f"{case.name}: {case.expected.value}\n  {case.module}, {_bounds(case)}")
        return 0
    if shutil.which("java") is None:
        say("Java is missing, so the model is skipped. On Debian: apt-get install default-jre-headless")
        say(f"0 passed, 0 failed, {len(cases)} skipped")
        return 0
    begun = time.monotonic()
    try:
        checker = tlc.Checker(tlc.find_jar(python_with("model", REQUIREMENTS)))
        passed = _check_all(cases, checker, shows_trace=options.trace)
    except SetupError as error:
        say(f"{error}")
        passed = 0
    except KeyboardInterrupt:
        say("Interrupted.")
        return _INTERRUPTED
    say(f"\n{time.monotonic() - begun:.0f} s\n{passed} passed, {len(cases) - passed} failed")
    return int(passed < len(cases))


def _read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    names = [case.name for case in all_cases()]
    parser = argparse.ArgumentParser(prog="python3 tests model", description=__doc__)
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", help="only these: a design, a weakening, a witness (default: all)"
    )
    parser.add_argument("--list", action="store_true", help="say what the cases are and their bounds")
    parser.add_argument("--trace", action="store_true", help="show how each violation comes about")
    parser.add_argument("--deep", action="store_true", help="check the designs with larger bounds, for hours")
    options = parser.parse_args(arguments)
    for name in options.cases:
        if name not in names:
            parser.error(f"there is no case {name!r}; the cases are {', '.join(map(repr, names))}")
    return options


def _check_all(cases: Sequence[Case], checker: tlc.Checker, *, shows_trace: bool) -> int:
    """Check case after case, the quick ones side by side; return how many came out as expected."""
    cores = os.cpu_count() or 1
    quick = [case for case in cases if case.expected is not Expected.HOLDS]
    passed = 0
    with ThreadPoolExecutor(cores) as pool:
        try:
            # One worker each: only then is the violation found first the one with the shortest trace.
            answers = pool.map(lambda case: _check(case, checker, 1), quick)
            for case, (outcome, seconds) in zip(quick, answers, strict=True):
                passed += report(case, outcome, seconds, shows_trace=shows_trace)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            checker.close()
            raise
    for case in cases:
        if case.expected is Expected.HOLDS:
            passed += report(case, *_check(case, checker, cores), shows_trace=shows_trace)
    return passed


def _check(case: Case, checker: tlc.Checker, workers: int) -> tuple[tlc.Outcome, float]:
    begun = time.monotonic()

    def on_progress(text: str) -> None:
        if time.monotonic() - begun > _QUIET_S:
            say(f"  … {case.name}: {tlc.read_progress(text)}")

    outcome = checker.check(case, workers, on_progress)
    return outcome, time.monotonic() - begun


def report(case: Case, outcome: tlc.Outcome, seconds: float, *, shows_trace: bool) -> bool:
    """Say how a case came out; return whether that was expected."""
    size = f"{outcome.states:,} states, depth {outcome.depth}, {seconds:.0f} s"
    if outcome.error:
        is_expected, verdict = False, outcome.error.strip()
    elif outcome.violated:
        is_expected = case.expected is not Expected.HOLDS
        what = "reached" if case.expected is Expected.REACHED else f"violates {outcome.violated}"
        verdict = f"{what} after {len(outcome.trace) - 1} steps ({size})"
    else:
        is_expected = case.expected is Expected.HOLDS and outcome.is_complete
        what = {
            Expected.HOLDS: "holds",
            Expected.BREAKS: "survives: nothing is violated",
            Expected.REACHED: "is never reached",
        }[case.expected]
        verdict = f"{what} ({size})"
    kind = {Expected.HOLDS: "design", Expected.BREAKS: "weakening", Expected.REACHED: "witness"}
    say(f"  {'✓' if is_expected else '✗'} {kind[case.expected]} “{case.name}” {verdict}")
    say(f"      {case.module}: {_bounds(case)}")
    if outcome.trace and (shows_trace or not is_expected):
        _show(outcome)
    return is_expected


def _bounds(case: Case) -> str:
    return ", ".join(f"{name} {value}" for name, value in case.constants.items() if name != "Weakened")


def _show(outcome: tlc.Outcome) -> None:
    """Print a trace: each action, and what it changed."""
    before: dict[str, str] = {}
    for number, (action, variables) in enumerate(outcome.trace):
        say(f"      {number:3} {action}")
        for name, value in variables.items():
            if value != before.get(name):
                say(f"            {name} = {value}")
        before = variables
