"""`python3 tests scenarios [DIR…]`: one line for each scenario, and the difference where there is one."""

from __future__ import annotations

import argparse
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from demo.toolchain.progress import say
from tests.scenarios.verdict import Outcome, judge

ROOT = Path(__file__).resolve().parents[2]
ETCDS = ROOT / "tests" / "data" / "etcd-interaction"
OURS = ROOT / "tests" / "scenarios" / "cases"
_INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Run all scenarios of some folders; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python3 tests scenarios",
        description="Run etcd's interaction scenarios; everything they print is compared but log lines.",
        epilog="Exit code: 0 if none failed, 1 if one did, 2 if there was nothing to run.",
    )
    parser.add_argument(
        "places",
        metavar="DIR",
        nargs="*",
        type=Path,
        default=[ETCDS, OURS],
        help="a folder of scenarios, *.txt, or one such file; without any, etcd's and our own",
    )
    places = parser.parse_args(arguments).places
    missing = [place for place in places if not place.exists()]
    if missing:
        say(f"There is no folder {missing[0]}.")
        return 2
    found = {place: scenarios_in(place) for place in places}
    empty = [place for place in places if not found[place]]
    if empty:
        say(f"There is no scenario, a file called *.txt, in {empty[0]}.")
        return 2
    tally: Counter[Outcome] = Counter()
    try:
        for place, paths in found.items():
            say(str(place.relative_to(ROOT) if place.is_relative_to(ROOT) else place))
            for path in paths:
                tally[_report(place, path)] += 1
    except KeyboardInterrupt:
        say("\nInterrupted.")
        return _INTERRUPTED
    skipped = f", {tally[Outcome.SKIPPED]} skipped" if tally[Outcome.SKIPPED] else ""
    say(f"\n{tally[Outcome.PASSED]} passed, {tally[Outcome.FAILED]} failed{skipped}")
    return int(bool(tally[Outcome.FAILED]))


def scenarios_in(place: Path) -> list[Path]:
    """Return the scenarios of a folder and of those within it, in order; a file stands for itself.

    A link to nowhere counts as one, which fails: something is missing.
    """
    return sorted(path for path in place.rglob("*.txt") if not path.is_dir()) if place.is_dir() else [place]


def _report(place: Path, path: Path) -> Outcome:
    verdict = judge(path)
    name = path.name if path == place else str(path.relative_to(place))
    say(f"  {verdict.outcome.value} {name}" + (f": {verdict.reason}" if verdict.reason else ""))
    if verdict.details:
        say(textwrap.indent(verdict.details, "      "))
    return verdict.outcome
