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

_FIGURE = "figure"


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return what takes a line with a measured figure, shown when all tests are over: none is a verdict."""
    # Properties reach the process that sums up, whichever the test ran in.
    return lambda line: request.node.user_properties.append((_FIGURE, line))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures."""
    reports = [one for some in terminalreporter.stats.values() for one in some]
    last = [one for one in reports if isinstance(one, pytest.TestReport) and one.when == "teardown"]
    figures = [line for one in last for name, line in one.user_properties if name == _FIGURE]
    if figures:
        terminalreporter.section("measured")
        for line in figures:
            terminalreporter.line(line)
