"""What the models say of single operations."""

import pytest

from tests.histories.models import IMPOSSIBLE, Document, Register
from tests.histories.operation import Operation


def after(model, state, asked, output=None, *, is_known=True):
    """Return the state that follows."""
    return model.transition(Operation(0, 0, 1 if is_known else None, asked, output))(state)


@pytest.mark.parametrize(
    ("state", "asked", "output", "expected"),
    [
        (3, ["read", "x"], 3, 3),
        (3, ["read", "x"], 4, IMPOSSIBLE),
        (None, ["read", "x"], 0, IMPOSSIBLE),
        (None, ["write", "x", 4], None, 4),
        (3, ["cas", "x", 3, 4], True, 4),
        (3, ["cas", "x", 3, 4], False, IMPOSSIBLE),
        (3, ["cas", "x", 2, 4], False, 3),
        (3, ["cas", "x", 2, 4], True, IMPOSSIBLE),
        (3, ["increment", "x", 2], 5, 5),
        (3, ["increment", "x", 2], 4, IMPOSSIBLE),
        (None, ["append", "x", "a"], None, "a"),
        ("a", ["append", "x", "b"], None, "ab"),
        (1, ["read", "x"], True, IMPOSSIBLE),
        (1, ["read", "x"], 1.0, IMPOSSIBLE),
    ],
)
def test_a_register_does_what_its_documentation_says(state, asked, output, expected) -> None:
    """Each function, with an answer that fits and one that does not; values are JSON's, told apart."""
    assert after(Register(), state, asked, output) == expected


def test_registers_hold_any_json() -> None:
    """What a write put there is what a read has to return."""
    state = after(Register(), None, ["write", "x", {"a": [1], "b": 2}])
    assert after(Register(), state, ["read", "x"], {"b": 2, "a": [1]}) == state
    assert after(Register(), state, ["read", "x"], {"b": 2, "a": [1.0]}) is IMPOSSIBLE


def test_a_compare_and_set_of_unknown_outcome_does_what_the_value_lets_it() -> None:
    """It changes what it finds, or nothing."""
    assert after(Register(), 3, ["cas", "x", 3, 4], is_known=False) == 4
    assert after(Register(), 2, ["cas", "x", 3, 4], is_known=False) == 2


ADD = {"op": "add", "path": "/a", "value": 1}
TEST = {"op": "test", "path": "/a", "value": 1}


@pytest.mark.parametrize(
    ("document", "asked", "output", "expected"),
    [
        ({"a": 1}, ["read", ""], {"a": 1}, {"a": 1}),
        ({"a": 1}, ["read", ""], {"a": 2}, IMPOSSIBLE),
        ({"a": [5]}, ["read", "/a/0"], 5, {"a": [5]}),
        ({}, ["read", "/a"], None, {}),
        ({}, ["patch", [ADD]], True, {"a": 1}),
        ({}, ["patch", [ADD]], False, IMPOSSIBLE),
        ({}, ["patch", [TEST]], False, {}),
        ({}, ["patch", [TEST, ADD]], True, IMPOSSIBLE),
        ({"a": 1}, ["patch", [ADD, {"op": "remove", "path": "/b"}]], False, {"a": 1}),
        ({"a": [0]}, ["patch", [{"op": "add", "path": "/a/-", "value": []}]], True, {"a": [0, []]}),
        ({"a": 1}, ["update", "/a", 1, [2]], None, {"a": [2]}),
        ({"a": 1}, ["update", "/a", 2, 3], None, IMPOSSIBLE),
        ({"a": 1}, ["update", "", {"a": 1}, []], None, []),
        ({}, ["increment", "/n", 2], 2, {"n": 2}),
        ({"n": 1}, ["increment", "/n", 2], 2, IMPOSSIBLE),
    ],
)
def test_a_document_does_what_its_documentation_says(document, asked, output, expected) -> None:
    """Each function, with an answer that fits and one that does not."""
    expected = expected if expected is IMPOSSIBLE else Document(expected).initial
    assert after(Document(), Document(document).initial, asked, output) == expected


def test_a_patch_changes_nothing_of_itself_by_being_applied() -> None:
    """A value that a later operation of the patch changes is the same again at the next application."""
    patch = [{"op": "add", "path": "/a", "value": []}, {"op": "add", "path": "/a/-", "value": 1}]
    transition = Document().transition(Operation(0, 0, 1, ["patch", patch], output=True))
    assert transition('{"b":1}') == '{"a":[1],"b":1}'
    assert transition('{"b":2}') == '{"a":[1],"b":2}'


def test_a_document_is_split_where_no_operation_ties_keys_together() -> None:
    """Keys that one patch touches belong together, and with them whatever else touches either."""
    operations = [
        Operation(0, 0, 1, ["increment", "/a/x", 1], 1),
        Operation(0, 2, 3, ["read", "/b"], 0),
        Operation(0, 4, 5, ["patch", [{"op": "move", "from": "/c", "path": "/b/y"}]], output=True),
        Operation(0, 6, 7, ["read", "/a"], {"x": 1}),
    ]
    parts = Document({"a": {}, "b": {}, "c": 1}).split(operations)
    assert [(part.name, part.model.initial, len(part.operations)) for part in parts] == [
        ("key a", '{"a":{}}', 2),
        ("key b, c", '{"b":{},"c":1}', 2),
    ]
    chain = [Operation(0, 8, 9, ["patch", [{"op": "copy", "from": "/c", "path": "/d"}]], output=True)]
    assert [part.name for part in Document().split(operations + chain)] == ["key a", "key b, c, d"]
    assert len(Document().split([*operations, Operation(0, 8, 9, ["read", ""], {})])) == 1


@pytest.mark.parametrize("model", [Register(), Document()])
def test_a_model_refuses_what_it_does_not_know(model) -> None:
    """A misspelt operation is no operation that does nothing."""
    with pytest.raises(ValueError, match="has no operation 'raed'"):
        model.transition(Operation(0, 0, 1, ["raed", "/x"]))
