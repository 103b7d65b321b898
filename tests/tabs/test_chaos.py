"""Chaos in real tabs, for a short while and for a long one; more of it is `python3 tests chaos`."""

from __future__ import annotations

import pytest

from tests.chaos.run import run


def check(seed: int, seconds: float, report, *, least: int = 0) -> None:
    """Have chaos for a while, and fail with all there is to know."""
    lines: list[str] = []
    outcome = run(seed, seconds, lines.append, least=least)
    done = [f"{action.pause_s:.2f} s later: {action}" for action in outcome.actions]
    assert outcome.problems == [], "\n".join([*done, *lines, *outcome.figures, f"history: {outcome.file}"])
    report(f"chaos from seed {seed}: " + "\n".join(outcome.figures))


def test_chaos_for_a_short_while(report) -> None:
    """Nothing acknowledged is lost or doubled, all is linearizable, and who lives recovers.

    This seed begins with some of everything, a restart of the browser included.
    """
    check(6489, 0, report, least=16)


@pytest.mark.long
@pytest.mark.parametrize("seed", [2, 3])
def test_chaos_for_longer(seed: int, report) -> None:
    """The same, with time for deaths and restarts to meet."""
    check(seed, 120, report)
