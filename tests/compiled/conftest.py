"""The wheels, or why there is none: a machine that cannot compile skips what needs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compiled.building import CannotBuildError, native_wheel, pyodide_wheel


@pytest.fixture(scope="session")
def native() -> Path:
    """Return the wheel compiled for this Python."""
    return _or_skip(native_wheel)


@pytest.fixture(scope="session")
def for_pyodide() -> Path:
    """Return the wheel compiled for Pyodide."""
    return _or_skip(pyodide_wheel)


def _or_skip(build: Callable[[], Path]) -> Path:
    try:
        return build()
    except CannotBuildError as error:
        pytest.skip(str(error))
