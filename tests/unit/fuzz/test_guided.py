"""The long form: hostile input guided by the branches that it reaches."""

import pytest

from tests.fuzz.command import main


@pytest.mark.long
def test_what_guided_fuzzing_tries_breaks_nothing() -> None:
    """As `python3 tests fuzz` without arguments."""
    pytest.importorskip("atheris", reason="atheris, which guides the fuzzing, is not there for this Python")
    assert main([]) == 0
