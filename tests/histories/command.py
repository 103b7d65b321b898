"""`python3 tests histories`: decides about recorded histories, and compares with the verdicts beside them."""

from __future__ import annotations

import argparse
import textwrap
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from demo.toolchain.progress import say
from tests.histories.checker import DEFAULT_BUDGET, Verdict
from tests.histories.jepsen import read_history
from tests.histories.recorder import History

DATA: Final = Path(__file__).resolve().parents[1] / "data" / "histories"
VERDICTS: Final = "verdicts.tsv"
_SUFFIXES: Final = {".log", ".txt", ".edn", ".jsonl"}
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str]) -> int:
    """Check what the command line names; returns 0 if all is as it should be, else 1."""
    options = _parser().parse_args(arguments)
    passed = failed = 0
    try:
        for path, expected in _cases(options.paths):
            if isinstance(expected, Verdict):
                is_passed = _try(path, expected, options.steps, explain=options.explain)
            else:
                is_passed = False
                say(f"✗ {expected}")
            passed += is_passed
            failed += not is_passed
    except KeyboardInterrupt:
        say("Interrupted.")
        return _INTERRUPTED
    say(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 tests histories",
        description="Decide whether recorded histories are linearizable. Where a directory holds "
        f"`{VERDICTS}` (a file's name, a tab, a verdict), that is what is expected of them; "
        "elsewhere they should be linearizable.",
    )
    parser.add_argument(
        "paths",
        metavar="DIR",
        nargs="*",
        type=Path,
        default=[DATA],
        help="directory of histories, or a single file: registers in Jepsen's form (.log, .txt, .edn), or "
        "what this project's tests have recorded (.jsonl); without any, those that come with the tests",
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=DEFAULT_BUDGET,
        metavar="N",
        help="give up on a history after this many steps, which counts as a failure (%(default)s)",
    )
    parser.add_argument(
        "--explain", action="store_true", help="say where it gets stuck also where that is expected"
    )
    return parser


def _cases(paths: Sequence[Path]) -> Iterator[tuple[Path, Verdict | str]]:
    """Return each history's file with the verdict that it should get, or with why there is none."""
    for path in paths:
        lines = read_verdicts((path if path.is_dir() else path.parent) / VERDICTS)
        verdicts = {one: verdict for one, verdict in lines if isinstance(verdict, Verdict)}
        complaints = [(one, complaint) for one, complaint in lines if isinstance(complaint, str)]
        yield from complaints
        found = {path}
        if path.is_dir():
            found = {one for one in path.iterdir() if one.suffix in _SUFFIXES} | verdicts.keys()
            if not found and not complaints:
                yield path, f"{path}: there are no histories here ({', '.join(sorted(_SUFFIXES))})"
        for one in sorted(found - {one for one, _ in complaints}):
            yield one, verdicts.get(one, Verdict.LINEARIZABLE)


def read_verdicts(path: Path) -> list[tuple[Path, Verdict | str]]:
    """Read the verdicts that the histories of a directory should get; none if there is no such file.

    Returns:
        Line by line the history and its verdict, or what is wrong with the line.
    """
    lines: list[tuple[Path, Verdict | str]] = []
    if path.exists():
        text = path.read_text(encoding="utf-8", errors="backslashreplace")
        for number, line in enumerate(text.splitlines(), 1):
            name, _, word = line.partition("\t")
            verdict: Verdict | str
            try:
                verdict = Verdict(word.strip())
            except ValueError:
                verdict = f"{path}:{number}: expected a name, a tab and a verdict, in: {line:.200}"
            lines.append((path.parent / name, verdict))
    return lines


def _try(path: Path, expected: Verdict, budget: int, *, explain: bool) -> bool:
    """Check one file, and print what came of it."""
    try:
        history = History.load(path) if path.suffix == ".jsonl" else read_history(path)
        begun = time.perf_counter()
        result = history.check(budget)
    except (OSError, ValueError, RecursionError) as error:
        say(f"✗ {path.name}: {error}")
        return False
    is_passed = result.verdict is expected
    duration_ms = (time.perf_counter() - begun) * 1000
    count = len(history.operations)
    mark = "✓" if is_passed else "✗"
    wanted = "" if is_passed else f", expected: {expected.value}"
    say(f"{mark} {path.name}  {result.verdict.value}{wanted}  ({count} operations, {duration_ms:.0f} ms)")
    if result.explanation and (explain or not is_passed):
        say(textwrap.indent(result.explanation, "    "))
    return is_passed
