"""What all tests share: where imports come from, and how hypothesis behaves."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

with contextlib.suppress(ImportError):
    # Bound before the working copy goes on the path: an installed wheel is what gets tested.
    import webraft_web  # noqa: F401

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# No deadline: nothing here asserts how long anything takes on whatever machine this is.
settings.register_profile(
    "webraft", deadline=None, database=DirectoryBasedExampleDatabase(ROOT / ".cache" / "hypothesis")
)
settings.load_profile("webraft")

_FIGURES: list[str] = []


@pytest.fixture
def report() -> Callable[[str], None]:
    """Return what takes a line with a measured figure, shown when all tests are over: none is a verdict."""
    return _FIGURES.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures."""
    if _FIGURES:
        terminalreporter.section("measured")
        for line in _FIGURES:
            terminalreporter.line(line)
