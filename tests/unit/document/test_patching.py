"""Patches: held to jsonpatch's results, errors included; atomic; the same at any recursion limit."""

import copy
import json

import jsonpatch
import jsonpointer
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from webraft_web.core.errors import BadArgumentError
from webraft_web.document.difference import difference
from webraft_web.document.patching import Conflict, apply_patch, check_patch, parse_pointer
from webraft_web.document.values import clone, decode, encode, is_equal, is_within_depth
from webraft_web.json_text import MAX_DEPTH

# Few names, so that pointers often hit something; among them all that look like indexes but are none.
NAMES = st.sampled_from(["a", "b", "0", "1", "2", "-", "~", "/", "", "01", "+1", "-1", "1.0", "²", "9" * 30])
SCALARS = st.sampled_from([None, True, False, 0, 1, 1.0, -0.0, 0.5, "", "a", "1", "ab"])
VALUES = st.recursive(
    SCALARS, lambda item: st.lists(item, max_size=3) | st.dictionaries(NAMES, item, max_size=3), max_leaves=8
)
POINTERS = st.lists(NAMES, max_size=3).map(
    lambda parts: "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
)


def operations(**members):
    return st.fixed_dictionaries({"path": POINTERS, **members})


OPERATIONS = st.one_of(
    operations(op=st.sampled_from(["add", "replace", "test"]), value=VALUES),
    operations(op=st.just("remove")),
    operations(op=st.sampled_from(["move", "copy"]), **{"from": POINTERS}),
)


@given(document=VALUES, patch=st.lists(OPERATIONS, max_size=4))
@example(document={"a": 1}, patch=[{"op": "test", "path": "/a", "value": True}])
@example(document={"a": [True]}, patch=[{"op": "test", "path": "/a", "value": [1]}])
@example(document={"a": [1]}, patch=[{"op": "test", "path": "/a", "value": [1.0]}])
@example(document=[1], patch=[{"op": "add", "path": "", "value": {}}])
@example(document=[1], patch=[{"op": "remove", "path": ""}])
@example(document="text", patch=[{"op": "add", "path": "/0", "value": 1}])
@example(document=[1], patch=[{"op": "replace", "path": "/-", "value": 1}])
@example(document=[1], patch=[{"op": "add", "path": "/1", "value": 1}])
@example(document=[1], patch=[{"op": "add", "path": "/2", "value": 1}])
@example(document={"a": {"b": 1}}, patch=[{"op": "move", "from": "/a", "path": "/a/b"}])
@example(document={"a": {}}, patch=[{"op": "copy", "from": "", "path": "/a/b"}])
@example(
    document={"a": 1, "b": 2}, patch=[{"op": "remove", "path": "/a"}, {"op": "test", "path": "", "value": 0}]
)
def test_patches_do_what_jsonpatch_does(document, patch):
    """The same document down to the order of members, or a conflict at the same operation and no change."""
    expected, patched = copy.deepcopy(document), clone(document)
    failed = conflict = None
    try:
        expected = jsonpatch.apply_patch(expected, copy.deepcopy(patch), in_place=True, atomic=True)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        failed = error
    try:
        patched = apply_patch(patched, check_patch(copy.deepcopy(patch)))
    except Conflict as error:
        conflict = error
    assert (conflict is None) == (failed is None), conflict or failed
    if getattr(failed, "op", None) is not None:
        assert patch[conflict.position] == failed.op.operation
    assert json.dumps(patched) == json.dumps(expected)


@given(first=VALUES, second=VALUES)
def test_equality_is_jsonpatchs(first, second):
    """Numbers by value, true never 1, whatever they are in."""
    assert is_equal(first, second) is jsonpatch._json_equal(first, second)


@given(before=VALUES, after=VALUES)
@example(before=[1, 2, 3], after=[2, 3])
@example(before={"a": 1}, after={"a": True})
@example(before={"a": 1}, after={"a": 1.0})
@example(before=[[1], [2]], after=[[2], [1], [2]])
def test_a_difference_turns_one_document_into_the_other(before, after):
    """Exactly, types included, and it is empty only for the same document."""
    found = difference(before, after)
    patched = apply_patch(clone(before), check_patch(clone(found)))
    # The sign of zero is the one thing that == and JSON's text see differently.
    same = [json.dumps(value, sort_keys=True).replace("-0.0", "0.0") for value in (patched, after)]
    assert same[0] == same[1]
    assert (not found) == (
        json.dumps(before, sort_keys=True).replace("-0.0", "0.0")
        == json.dumps(after, sort_keys=True).replace("-0.0", "0.0")
    )


def test_a_difference_touches_only_what_changed():
    """One card of many: one operation, however long the list."""
    before = {"cards": [{"n": number} for number in range(500)]}
    after = clone(before)
    after["cards"].insert(250, {"n": "new"})
    assert difference(before, after) == [{"op": "add", "path": "/cards/250", "value": {"n": "new"}}]
    after = clone(before)
    after["cards"][7]["a/b~"] = True
    assert difference(before, after) == [{"op": "add", "path": "/cards/7/a~1b~0", "value": True}]


def test_members_that_an_operation_does_not_have_are_ignored():
    """RFC 6902 (4) says so."""
    patch = check_patch([{"op": "remove", "path": "/a", "value": {}, "comment": "x"}])
    assert apply_patch({"a": 1}, patch) == {}


@pytest.mark.parametrize("text", ["a", "~", "/~", "/~2", "/a~/b", "/~~0", None, 0])
def test_what_is_no_json_pointer_is_refused(text):
    """RFC 6901 (3): a leading slash, and escapes of two kinds only."""
    with pytest.raises(BadArgumentError):
        parse_pointer(text)


def test_escapes_are_undone_in_the_right_order():
    """'~01' is '~1', not '/'."""
    assert parse_pointer("/~01/~10//a~0b") == ("~1", "/0", "", "a~b")


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def test_no_operation_nests_a_document_too_deep():
    """Added, moved or copied: refused at the same depth on every Python."""
    path = "/0" * (MAX_DEPTH - 1)
    with pytest.raises(BadArgumentError):
        check_patch([{"op": "add", "path": path, "value": [[]]}])
    check_patch([{"op": "add", "path": path, "value": []}])
    document = {"deep": nested(MAX_DEPTH - 1), "a": {}}
    for op in ("move", "copy"):
        with pytest.raises(Conflict, match="deeper"):
            apply_patch(document, check_patch([{"op": op, "from": "/deep", "path": "/a/b"}]))
    doubling = [{"op": "copy", "from": "", "path": "/a"}] * 3
    assert is_within_depth(apply_patch({}, check_patch(doubling)), 4)


def test_what_fails_leaves_the_order_of_members_as_it_was():
    """Also that of an object which lost one and got it back."""
    document = {"a": 1, "b": 2, "c": {"x": 1, "y": 2}}
    patch = [
        {"op": "remove", "path": "/a"},
        {"op": "move", "from": "/c/x", "path": "/c/z"},
        {"op": "add", "path": "/a", "value": 3},
        {"op": "test", "path": "/b", "value": 3},
    ]
    with pytest.raises(Conflict) as caught:
        apply_patch(document, check_patch(patch))
    assert caught.value.position == 3
    assert json.dumps(document) == '{"a": 1, "b": 2, "c": {"x": 1, "y": 2}}'


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
    ],
    ids=lambda text: text[:20],
)
def test_text_that_not_every_replica_could_read_is_refused(text):
    """As a ValueError, whatever limit of Python's it would have met."""
    with pytest.raises(ValueError, match=r"."):
        decode(text)


@given(VALUES)
def test_values_survive_their_text(value):
    """Also those no one would write down: lone surrogates stay what they were."""
    assert json.dumps(decode(encode(value))) == json.dumps(value)
    assert decode(encode("\ud800 ä 😀")) == "\ud800 ä 😀"
    assert decode(encode([2**53 - 1, -(2**53) + 1])) == [2**53 - 1, -(2**53) + 1]
