"""`python3 tests chaos`: tabs of a real browser die, sleep, hang and come back while they use one room."""

from __future__ import annotations

import argparse
import random
import signal
from collections.abc import Sequence
from typing import Final

from demo.toolchain.progress import SetupError, say
from tests import setup
from tests.chaos.run import run
from tests.chaos.schedule import FEW, TABS

_INTERRUPTED: Final = 130


def main(arguments: Sequence[str]) -> int:
    """Run chaos; returns 0 if all was well, else 1."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what ends this ends its browser, too
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    try:
        setup.ensure_chromium()
        say(f"Seed {seed}: it fixes what is done when. What the browser makes of it, no seed fixes.")
        outcome = run(seed, 60 * options.minutes, say, tabs=options.tabs)
    except KeyboardInterrupt:
        say("Interrupted.")
        return _INTERRUPTED
    except SetupError as error:
        say(f"\n{error}\n")
        return 1
    if outcome.problems:
        say(
            "\n".join(
                [
                    "Done so far:",
                    *(f"  {action.pause_s:4.2f} s later: {action}" for action in outcome.actions),
                ]
            )
        )
    say("\n".join(outcome.figures))
    if outcome.problems:
        say("\n".join(f"✗ {problem}" for problem in outcome.problems))
        size = f"--minutes {options.minutes:g} --tabs {options.tabs}"
        say(f"Again: python3 tests chaos --seed {seed} {size}")
    say(f"The history: python3 tests histories {outcome.file}")
    say(f"{int(not outcome.problems)} passed, {int(bool(outcome.problems))} failed")
    return 1 if outcome.problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 tests chaos",
        description="Open, close, kill, freeze, hide, reload, block and navigate random tabs of a real "
        "browser, and kill the browser itself, while all tabs use one room; then check that what they saw "
        "is linearizable, that nothing acknowledged was lost and nothing took effect twice.",
    )
    parser.add_argument(
        "--seed", type=int, help="of what is done when; when exactly it hits is the browser's (random)"
    )
    parser.add_argument("--minutes", type=float, default=2, help="how long (%(default)s)")
    parser.add_argument(
        "--tabs", type=_count, default=TABS, metavar="N", help=f"at most, {FEW} or more (%(default)s)"
    )
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < FEW:
        raise argparse.ArgumentTypeError(f"chaos takes {FEW} tabs or more")
    return count
