"""Fixtures for browsers on computers of their own: the pages and the server are those of the suite `tabs`."""

from __future__ import annotations

import pytest

from tests.network.namespaces import why_not
from tests.tabs.conftest import site

__all__ = ["site"]


@pytest.fixture(scope="session", autouse=True)
def _there_are_namespaces() -> None:
    if reason := why_not():
        pytest.skip(reason)
