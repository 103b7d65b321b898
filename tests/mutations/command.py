"""`python3 tests mutations`: does the suite notice deliberate bugs?

Each mutant is one small change of the package, made in a copy. The tests named
with it run there until one fails, which is what they are for: a mutant that
survives shows what no test looks at. A bug that makes the tests hang or crash
is noticed too, and is shown as such. First the same tests run without any
mutant, since otherwise their failures would mean nothing.
"""

from __future__ import annotations

import argparse
import os
import re
import textwrap
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from demo.toolchain.progress import say, step
from tests.mutations.mutant import Mutant, OutOfDateError, read_list
from tests.mutations.workshop import Trial, Verdict, Workshop, by_simulator, by_tests

_INTERRUPTED = 130
_RUNS_WITHOUT = 3
"""How many seeds the simulator has to pass without any mutant."""


def main(arguments: Sequence[str]) -> int:
    """Try the mutants out; return the exit code: 0 if all are noticed."""
    everything = read_list()
    options = _read(arguments, everything)
    mutants = [mutant for mutant in everything if not options.names or mutant.name in options.names]
    if options.list:
        for mutant in mutants:
            say(f"{mutant.name}  [{mutant.rule}; {mutant.file}]\n    {mutant.breaks}")
        return 0
    begun = time.monotonic()
    try:
        with Workshop() as workshop:
            survivors = _try_all(workshop, mutants, options)
    except OutOfDateError as error:
        say(f"\n{error}\n\n0 passed, 1 failed")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted.")
        return _INTERRUPTED
    for mutant in survivors:
        say(f"\n{mutant.name} survived [{mutant.rule}]:\n  {mutant.breaks}")
    say(f"\n{time.monotonic() - begun:.0f} s")
    say(f"{len(mutants) - len(survivors)} passed, {len(survivors)} failed")
    return 1 if survivors else 0


def _read(arguments: Sequence[str], everything: Sequence[Mutant]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 tests mutations",
        description="Put deliberate bugs into copies of the package, one at a time, and see whether "
        "the tests notice. Passed means noticed.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants to try; all without any")
    parser.add_argument("--list", action="store_true", help="say what the mutants break, and try none")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time (one per processor)"
    )
    parser.add_argument("--simulator", action="store_true", help="have the simulator notice, not the tests")
    parser.add_argument("--seed", type=int, default=1, help="where the simulator begins (1)")
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="how long the simulator may look for each mutant (1)"
    )
    options = parser.parse_args(list(arguments))
    unknown = set(options.names) - {mutant.name for mutant in everything}
    if unknown:
        parser.error(f"there is no mutant called {', '.join(sorted(unknown))}; --list names them")
    return options


def _try_all(workshop: Workshop, mutants: Sequence[Mutant], options: argparse.Namespace) -> list[Mutant]:
    """Check the list, try the mutants out, report them in its order, and return the survivors."""
    for mutant in mutants:
        workshop.check_fits(mutant)
    if options.simulator:
        _check_original(workshop, by_simulator(options.seed, runs=_RUNS_WITHOUT))
        return _survivors(workshop, mutants, partial(_simulate, workshop, options), options.jobs)
    paths = list(dict.fromkeys(path for mutant in mutants for path in mutant.tests))
    _check_original(workshop, by_tests(paths))
    return _survivors(workshop, mutants, partial(_test, workshop), options.jobs)


def _check_original(workshop: Workshop, trial: Trial) -> None:
    with step("Running the same without any mutant"):
        wrong = workshop.check_original(trial.arguments)
    if wrong:
        raise OutOfDateError(f"There are failures without any mutant, so nothing can be learnt:\n{wrong}")


def _test(workshop: Workshop, mutant: Mutant) -> Verdict:
    return workshop.try_out(mutant, by_tests(mutant.tests))


def _simulate(workshop: Workshop, options: argparse.Namespace, mutant: Mutant) -> Verdict:
    verdict = workshop.try_out(mutant, by_simulator(options.seed, minutes=options.minutes))
    seed = re.match(r"seed (\d+):", verdict.by)
    if seed and workshop.check_original(by_simulator(int(seed[1]), runs=1).arguments):
        return verdict._replace(is_noticed=False, by=f"SURVIVED: seed {seed[1]} fails without it, too")
    return verdict


def _survivors(
    workshop: Workshop, mutants: Sequence[Mutant], try_out: Callable[[Mutant], Verdict], jobs: int
) -> list[Mutant]:
    survivors = []
    pool = ThreadPoolExecutor(max(1, jobs))
    try:
        running = [pool.submit(try_out, mutant) for mutant in mutants]
        for mutant, future in zip(mutants, running, strict=True):
            verdict = future.result()
            if not verdict.is_noticed:
                survivors.append(mutant)
            mark = "✓" if verdict.is_noticed else "✗"
            by = textwrap.indent(verdict.by or "SURVIVED", "    ").lstrip()
            say(f"  {mark} {mutant.name} ({verdict.seconds:.1f} s) {by}")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        workshop.stop()  # which lets those that run end at once
        pool.shutdown()
    return survivors
