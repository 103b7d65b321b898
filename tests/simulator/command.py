"""`python3 tests simulate`: runs seeds until one fails, or enough have not."""

from __future__ import annotations

import argparse
import json
import logging
import math
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from multiprocessing import Pool

from demo.toolchain.places import CACHE
from tests.simulator.peer_cluster import PeerCluster
from tests.simulator.simulation import Outcome, Simulation, Verdict
from tests.simulator.site_cluster import SiteCluster

KEPT = CACHE / "simulated"
EXIT_CODES = {Verdict.OK: 0, Verdict.SAFETY: 3, Verdict.LIVENESS: 4}
INTERRUPTED = 130
PROGRESS_S = 5
SHOWN_EVENTS = 60
SHOWN_LENGTH = 150

DESCRIPTION = f"""\
Runs whole clusters of 1 to 7 servers on a virtual clock, with the real driver, codec and
journal, under loss, crashes, partitions, zombies, full disks and changing members. After
every step the properties of Raft are checked, at the end whether the cluster recovers and
whether what its clients saw is linearizable. A seed fixes everything: its runs are equal.

Exit code: 0 if nothing was found, {EXIT_CODES[Verdict.SAFETY]} if safety was violated, \
{EXIT_CODES[Verdict.LIVENESS]} if liveness was.
"""


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.disable(logging.CRITICAL)  # what servers log is expected here; what they do is checked
    try:
        return _run(options)
    finally:
        logging.disable(logging.NOTSET)


def _run(options: argparse.Namespace) -> int:
    begun = time.monotonic()
    explored: Counter[str] = Counter()
    simulated_s = busy_s = 0.0
    shown_at = begun
    try:
        for outcome, took_s in _outcomes(options):
            explored += outcome.counts
            simulated_s += outcome.simulated_ms / 1000
            busy_s += took_s
            if outcome.verdict is not Verdict.OK or options.trace:
                _show(outcome, options)
            if outcome.verdict is not Verdict.OK:
                _sum_up(explored, simulated_s, busy_s)
                say(f"{explored['runs'] - 1} passed, 1 failed")
                return EXIT_CODES[outcome.verdict]
            if time.monotonic() - shown_at >= PROGRESS_S:
                shown_at = time.monotonic()
                say(
                    f"{shown_at - begun:6.0f} s  seed {outcome.seed}  {explored['runs']} runs, "
                    f"{simulated_s / 3600:.2f} h of cluster time, nothing found"
                )
            if options.minutes is not None and time.monotonic() - begun >= 60 * options.minutes:
                break
    except KeyboardInterrupt:
        say("\nInterrupted.")
        _sum_up(explored, simulated_s, busy_s)
        return INTERRUPTED
    _sum_up(explored, simulated_s, busy_s)
    say(f"{explored['runs']} passed, 0 failed")
    return 0


def simulation_of(seed: int, torment_s: float | None = None) -> Simulation:
    """Return the run that belongs to a seed: every third one is of peers."""
    return PeerCluster(seed, torment_s) if seed % 3 == 0 else SiteCluster(seed, torment_s)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 tests simulate",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1, help="the first seed, the next ones follow; 1")
    much = parser.add_mutually_exclusive_group()
    much.add_argument(
        "--minutes", type=_minutes, help="for how long to begin new runs; without it, see --runs"
    )
    much.add_argument("--runs", type=_positive, default=1, help="how many seeds to run; 1")
    parser.add_argument("--jobs", type=_positive, default=1, help="how many processes work at it; 1")
    parser.add_argument("--trace", action="store_true", help="print each run's last events, failed or not")
    return parser


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _minutes(text: str) -> float:
    if not 0 < (minutes := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no time to search for")
    return minutes


def _outcomes(options: argparse.Namespace) -> Iterator[tuple[Outcome, float]]:
    """Yield outcomes in the order of their seeds, each with the seconds that it took."""
    seeds = count(options.seed) if options.minutes else range(options.seed, options.seed + options.runs)
    if options.jobs == 1:
        yield from map(_timed, seeds)
        return
    # Ctrl-C is the parent's to handle: it ends the others.
    with Pool(options.jobs, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        # As many at a time as keep everybody busy: an endless sequence cannot be handed over whole.
        batch = 8 * options.jobs
        for first in count(options.seed, batch):
            chosen = [seed for seed in range(first, first + batch) if seed in seeds or options.minutes]
            yield from pool.imap(_timed, chosen)
            if not chosen:
                return


def _timed(seed: int) -> tuple[Outcome, float]:
    begun = time.process_time()
    outcome = simulation_of(seed).run()
    return outcome, time.process_time() - begun


def _show(outcome: Outcome, options: argparse.Namespace) -> None:
    """Print a run's last events, its verdict, and how to see it again."""
    shown = len(outcome.trace) if options.trace else SHOWN_EVENTS
    say(f"\nThe last {min(shown, len(outcome.trace))} events of seed {outcome.seed}:")
    for at_ms, what, detail in outcome.trace[-shown:]:
        say(f"{at_ms / 1000:10.3f}  {what}  {_readable(detail)}".rstrip())
    say(f"\nseed {outcome.seed}: {outcome.verdict.value}, trace {outcome.digest:08x}")
    if outcome.reason:
        say(outcome.reason)
    if outcome.verdict is Verdict.SAFETY:
        _keep(outcome)
    say(f"Once more, with more of what came before: python3 tests simulate --seed {outcome.seed} --trace\n")


def _keep(outcome: Outcome) -> None:
    """Write down what the clients saw, for `python3 tests histories`."""
    directory = KEPT / f"seed-{outcome.seed}"
    directory.mkdir(parents=True, exist_ok=True)
    for number, history in enumerate(outcome.histories, 1):
        history.dump(directory / f"{number}.jsonl")
    say(f"What the clients saw: python3 tests histories {directory}")


def _readable(detail: str) -> str:
    """Return a text of the network in fewer signs."""
    if not detail.startswith("["):
        return detail
    *_, kind, messages = json.loads(detail)
    if isinstance(kind, str) and kind != "raft":
        return f"{kind} {json.dumps(messages)[:SHOWN_LENGTH]}"
    texts = []
    for name, _, _, term, *fields in messages:
        text = json.dumps(fields)[1:-1]
        texts.append(f"{name} of term {term}: {text[:SHOWN_LENGTH]}{'…' * (len(text) > SHOWN_LENGTH)}")
    return "; ".join(texts)


def _sum_up(explored: Counter[str], simulated_s: float, busy_s: float) -> None:
    """Say how much was explored."""
    faults = {name: number for name, number in explored.items() if name.startswith("fault: ")}
    say("\nExplored")
    for name in sorted(set(explored) - set(faults)):
        say(f"  {explored[name]:>9,} {name}")
    struck = ", ".join(
        f"{name.removeprefix('fault: ')} {number:,}" for name, number in sorted(faults.items())
    )
    say(f"  {sum(faults.values()):>9,} faults: {struck}")
    if busy_s:
        rate = simulated_s / busy_s
        say(
            f"  {simulated_s / 3600:.2f} h of cluster time, {rate:.0f} times as fast as real time on one core"
        )


def say(line: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
