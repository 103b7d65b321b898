"""Each target of `python3 tests fuzz`, briefly and without guidance."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.choices import MAX_LENGTH, Choices
from tests.fuzz.roles import ROLES
from tests.fuzz.stepping import check_goes_on, check_invariants
from tests.fuzz.targets import TARGETS

INPUTS = st.binary(min_size=MAX_LENGTH // 2, max_size=MAX_LENGTH)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=200, derandomize=True)
@given(data=INPUTS)
def test_no_input_breaks_anything(name: str, data: bytes) -> None:
    """Replay a failure with `python3 tests fuzz NAME --replay HEX`, the data's hex()."""
    TARGETS[name](Choices(data))


@pytest.mark.long
@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=5000)
@given(data=INPUTS)
def test_no_input_breaks_anything_however_long_it_is_tried(name: str, data: bytes) -> None:
    """Other inputs every time."""
    TARGETS[name](Choices(data))


@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_sound_to_begin_with(role) -> None:
    """Otherwise what breaks would not be the messages' doing."""
    server = role()
    check_invariants(server)
    check_goes_on(server)
