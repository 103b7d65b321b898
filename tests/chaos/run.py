"""One run of chaos, from an empty browser to a verdict."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from demo.toolchain.places import CACHE
from tests.chaos.gaps import describe_gaps, find_gaps
from tests.chaos.records import Records
from tests.chaos.schedule import TABS, Action, draw_actions
from tests.chaos.world import ChaosError, World
from tests.tabs.chromium import Chromium
from tests.tabs.serving import serve, tab_routes

PAGES: Final = Path(__file__).parent / "pages"
FILES: Final = CACHE / "chaos"
_REPORT_EVERY_S: Final = 10
_BUDGET: Final = 500_000
"""For the checker; each part of a history that is linearizable takes some thousand steps."""


@dataclass
class Outcome:
    """What a run came to.

    Fields:
        problems: What is wrong, in lines for people; none if nothing is.
        actions: What was done, in order.
        figures: What was measured, in lines for people.
        file: The history.
    """

    file: Path
    problems: list[str] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)


def run(
    seed: int, seconds: float, say: Callable[[str], None], *, least: int = 0, tabs: int = TABS
) -> Outcome:
    """Do what the seed says for a while, and check what the tabs saw.

    Args:
        seed: Of the actions.
        seconds: How long to go on with them; bringing all tabs back and checking come on top.
        say: Takes lines on how far it is.
        least: How many actions to do however long they take.
        tabs: How many tabs there are at most.
    """
    outcome = Outcome(FILES / f"seed-{seed}.jsonl")
    final = []
    with _world() as world:
        begun = said = time.monotonic()
        try:
            for action in draw_actions(seed, tabs):
                outcome.actions.append(action)
                world.perform(action)
                now = time.monotonic()
                if now - begun >= seconds and len(outcome.actions) >= least:
                    break
                if now - said >= _REPORT_EVERY_S:
                    said = now
                    say(f"  … {now - begun:.0f} s: {_progress(outcome, world)}")
            say(f"  … ending: {_progress(outcome, world)}")
            final = world.end()
        except (ChaosError, TimeoutError) as error:
            outcome.problems.append(str(error))
    say("  … checking")
    records = Records(world.visits, final)
    _check(records, outcome)
    acknowledged = records.acknowledged_at()
    outcome.figures += [
        f"{_progress(outcome, world)}, {len(acknowledged)} writes acknowledged",
        "longest gaps between acknowledged writes, by what was done before:",
        *describe_gaps(find_gaps(world.marks, acknowledged)),
    ]
    return outcome


@contextmanager
def _world() -> Iterator[World]:
    # What may not be stored is not kept to go back to, either.
    with (
        serve({**tab_routes(), "/chaos/": PAGES}, caching="no-cache") as url,
        tempfile.TemporaryDirectory(prefix="webraft-chaos-", ignore_cleanup_errors=True) as profile,
    ):
        browser = Chromium(Path(profile))
        try:
            yield World(browser, url)
        finally:
            browser.kill()


def _check(records: Records, outcome: Outcome) -> None:
    history = records.history()
    FILES.mkdir(parents=True, exist_ok=True)
    history.dump(outcome.file)
    if not outcome.problems:
        outcome.problems += records.find_lost_and_doubled()
    result = history.check(_BUDGET)
    if not result.is_linearizable:
        outcome.problems.append(str(result))
    outcome.figures.append(
        f"history {result.verdict.value}, clocks compared to ±{history.uncertainty:.2f} ms"
    )


def _progress(outcome: Outcome, world: World) -> str:
    operations = sum(len(visit.done) for visit in world.visits)
    unknown = sum(len(visit.unknown) + len(visit.planned) for visit in world.visits)
    return (
        f"{len(outcome.actions)} actions, {len(world.visits)} documents joined, "
        f"{operations} operations answered, {unknown} unknown"
    )
