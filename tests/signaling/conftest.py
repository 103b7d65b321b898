"""The servers that the tests of signalling share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.signaling.processes import KINDS, Program, program


@pytest.fixture(scope="session", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Program]:
    """Return one server after the other; at the end it must still be there."""
    with program(request.param) as running:
        yield running
        assert running.is_running, running.output


@pytest.fixture(scope="session")
def bundled() -> Iterator[Program]:
    """Return a server of the kind that comes with the demo."""
    with program("bundled") as running:
        yield running
        assert running.is_running, running.output
