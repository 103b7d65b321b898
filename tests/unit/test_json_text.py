"""What a command may be: values that JSON carries unchanged, and text that every replica reads alike."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webraft_web import BadArgumentError
from webraft_web.json_text import MAX_DEPTH, MAX_SAFE_INTEGER, MAX_TEXT_DEPTH, decode, encode, to_json_text

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@given(values)
def test_what_is_accepted_decodes_to_an_equal_value(value):
    """Every replica reads what was proposed."""
    assert json.loads(to_json_text(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        2**53,
        -(2**53),
        10**5000,
        {1: "a"},
        {None: "a"},
        {"a": {2: 3}},
        b"bytes",
        {1, 2},
        object(),
        [object()],
        1j,
        ...,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_carry_is_refused(value):
    """Before anything is sent, as a LocalProtocolError that is a ValueError too."""
    with pytest.raises(BadArgumentError):
        to_json_text(value)
    with pytest.raises(BadArgumentError):
        to_json_text({"nested": [value]})


def test_values_that_nest_too_deep_or_contain_themselves_are_refused():
    """Instead of a RecursionError here, or on another replica with a smaller stack."""
    endless = []
    endless.append(endless)
    deep = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    to_json_text(deep)
    for value in (endless, [deep]):
        with pytest.raises(BadArgumentError, match="deeper"):
            to_json_text(value)


def test_the_limits_themselves_are_accepted():
    """±(2^53-1) are the last integers that JavaScript tells from their neighbours."""
    assert json.loads(to_json_text([MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER])) == [2**53 - 1, 1 - 2**53]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "-Infinity",
        "1e999",
        "9007199254740992",
        "-9007199254740992",
        "9" * 5000,
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        "[" * (MAX_TEXT_DEPTH + 1) + "]" * (MAX_TEXT_DEPTH + 1),
    ],
    ids=lambda text: text[:20],
)
def test_text_that_not_every_replica_could_read_is_refused(text):
    """As a ValueError, whatever limit of Python's it would have met."""
    with pytest.raises(ValueError, match=r"."):
        decode(text)


@given(values)
def test_values_survive_their_text(value):
    """Also those no one would write down: lone surrogates stay what they were."""
    assert json.dumps(decode(encode(value))) == json.dumps(value)
    assert decode(encode("\ud800 ä 😀")) == "\ud800 ä 😀"
    assert decode(encode([2**53 - 1, -(2**53) + 1])) == [2**53 - 1, -(2**53) + 1]
    assert decode("[" * MAX_TEXT_DEPTH + "]" * MAX_TEXT_DEPTH)
    assert len(decode("[" + "[]," * MAX_TEXT_DEPTH + "0]")) == MAX_TEXT_DEPTH + 1, "many, but not deep"
