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
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from demo.toolchain.progress import say, step
from tests.mutations.mutant import Mutant, OutOfDateError, read_list
from tests.mutations.workshop import Verdict, Workshop, pytest_arguments

_INTERRUPTED = 130


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
    survivors: list[Mutant] = []
    try:
        with Workshop() as workshop:
            _check_original(workshop, mutants)
            survivors = _try_all(workshop, mutants, options.jobs)
    except OutOfDateError as error:
        say(f"\n{error}\n\n0 passed, 1 failed")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted.")
        return _INTERRUPTED
    for mutant in survivors:
        say(f"\n{mutant.name} survived [{mutant.rule}]: {mutant.breaks}")
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
    options = parser.parse_args(list(arguments))
    unknown = set(options.names) - {mutant.name for mutant in everything}
    if unknown:
        parser.error(f"there is no mutant called {', '.join(sorted(unknown))}; --list names them")
    return options


def _check_original(workshop: Workshop, mutants: Sequence[Mutant]) -> None:
    for mutant in mutants:
        workshop.check_fits(mutant)
    paths = list(dict.fromkeys(path for mutant in mutants for path in mutant.tests))
    with step("Running the same tests without any mutant"):
        wrong = workshop.check_original(pytest_arguments(paths))
    if wrong:
        raise OutOfDateError(f"The tests fail without any mutant, so nothing can be learnt:\n{wrong}")


def _try_all(workshop: Workshop, mutants: Sequence[Mutant], jobs: int) -> list[Mutant]:
    """Try the mutants out, report them in the list's order, and return the survivors."""
    survivors = []
    pool = ThreadPoolExecutor(max(1, jobs))
    try:
        running = [pool.submit(partial(_try, workshop, mutant)) for mutant in mutants]
        for mutant, future in zip(mutants, running, strict=True):
            verdict = future.result()
            if not verdict.is_noticed:
                survivors.append(mutant)
            mark = "✓" if verdict.is_noticed else "✗"
            say(f"  {mark} {mutant.name} ({verdict.seconds:.1f} s) {verdict.by or 'SURVIVED'}")
    except BaseException:
        workshop.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return survivors


def _try(workshop: Workshop, mutant: Mutant) -> Verdict:
    return workshop.try_out(mutant, pytest_arguments(mutant.tests))
