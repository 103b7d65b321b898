"""The core alone: proposals a second on the pure wheel and the compiled ones, and beside its peers.

Three servers in one process, 64 proposals under way, nothing persisted and nothing
sent: see core_loop.py. Everything is measured in one run, in turns, so that what
else the machine does strikes all alike; a figure is the median of all trials.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from demo.toolchain.environment import python_with
from demo.toolchain.progress import run
from tests.benchmarks.figures import Figure, Options, at_least
from tests.compiled.building import CannotBuildError, native_wheel, pure_wheel, pyodide_wheel
from tests.compiled.looking import look_in_pyodide, look_natively

TITLE = "proposals a second of the core alone: pure and compiled wheels, and beside its peers"
HERE = Path(__file__).parent
ROUNDS = 3
PROPOSALS = 30_000
IN_PYODIDE = 10_000
TRIALS = 3
"""Of one process; the first ones in Pyodide are slow, while the browser's engine still compiles."""

PURE = "pure"
COMPILED = "compiled"
TOY = "a toy of 130 lines, each proposal by itself"
BATCHING_TOY = "the same toy, all that is under way at once"
PYSYNCOBJ = "PySyncObj"
PYODIDE = "pure, in Pyodide"
PYODIDE_COMPILED = "compiled, in Pyodide"
RATIOS = (
    (COMPILED, PURE, 2.5),
    (PYODIDE_COMPILED, PYODIDE, 2.5),
    (PURE, PYSYNCOBJ, 4),
    (PURE, TOY, 0.5),
)
"""What is to be how many times as fast as what."""
IMPORTS = ((COMPILED, PURE, 1.5), (PYODIDE_COMPILED, PYODIDE, 1.5))
"""What is to be imported how many times as fast as what."""


def measure(options: Options, say: Callable[[str], None]) -> Iterator[Figure]:
    """Let all take turns, then compare their medians.

    Raises:
        SetupError: If one of them cannot be got.
    """
    rates: dict[str, list[float]] = {}
    imports: dict[str, list[float]] = {}
    subjects = _subjects(say)
    rounds = min(options.trials, ROUNDS)
    for number in range(rounds):
        for name, subject in subjects.items():
            say(f"{name}, {number + 1} of {rounds}")
            seen = subject()
            rates.setdefault(name, []).extend(seen["rates"])
            if "import_ms" in seen:
                imports.setdefault(name, []).append(seen["import_ms"])
    for name, values in rates.items():
        yield Figure(name, "/s", values)
    for faster, slower, goal in RATIOS:
        if faster in rates and slower in rates:
            times = median(rates[faster]) / median(rates[slower])
            yield Figure(f"{faster}, how many times {slower}", "", [times], at_least(goal))
    for name, values in imports.items():
        yield Figure(f"{name}, until core and wire are imported", "ms", values)
    for faster, slower, goal in IMPORTS:
        if faster in imports and slower in imports:
            times = median(imports[slower]) / median(imports[faster])
            title = f"{faster}, imported how many times as fast as {slower}"
            yield Figure(title, "", [times], at_least(goal))


def _subjects(say: Callable[[str], None]) -> dict[str, Callable[[], dict[str, Any]]]:
    peers = python_with("core-peers", HERE / "requirements-peers.txt")
    subjects = {
        PURE: lambda: look_natively(pure_wheel(), proposals=PROPOSALS, trials=TRIALS),
        TOY: lambda: _loop(Path(sys.executable), "toy_loop.py", PROPOSALS, 1),
        BATCHING_TOY: lambda: _loop(Path(sys.executable), "toy_loop.py", PROPOSALS, 64),
        PYSYNCOBJ: lambda: _loop(peers, "pysyncobj_loop.py", PROPOSALS // 3),
        PYODIDE: lambda: look_in_pyodide(pure_wheel(), proposals=IN_PYODIDE, trials=3 * TRIALS),
    }
    try:
        native = native_wheel()
        subjects[COMPILED] = lambda: look_natively(native, proposals=PROPOSALS, trials=TRIALS)
        pyodides = pyodide_wheel()
        subjects[PYODIDE_COMPILED] = lambda: look_in_pyodide(
            pyodides, proposals=IN_PYODIDE, trials=3 * TRIALS
        )
    except CannotBuildError as error:
        say(f"not all is measured: {error}")
    return subjects


def _loop(python: Path, name: str, proposals: int, *words: int) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads(run(python, HERE / name, *map(str, (proposals, TRIALS, *words))))
    return seen
