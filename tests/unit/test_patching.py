"""Patches: held to jsonpatch's results, errors included; atomic; bounded whatever jsonpatch is installed."""

import copy
import json
import tracemalloc

import jsonpatch
import jsonpointer
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from webraft_web import patching
from webraft_web.core.errors import BadArgumentError
from webraft_web.json_text import MAX_DEPTH, clone, is_within_depth
from webraft_web.patching import (
    Conflict,
    apply_patch,
    check_patch,
    difference,
    parse_pointer,
    resolve,
)

# Few names, so that pointers often hit something; among them all that look like indexes but are none.
NAMES = st.sampled_from(["a", "b", "0", "1", "2", "-", "~", "/", "", "01", "+1", "-1", "1.0", "²", "9" * 30])
SCALARS = st.sampled_from([None, True, False, 0, 1, 1.0, -0.0, 0.5, "", "a", "1", "ab"])
VALUES = st.recursive(
    SCALARS, lambda item: st.lists(item, max_size=3) | st.dictionaries(NAMES, item, max_size=3), max_leaves=8
)


@st.composite
def pointers(draw, document):
    """Draw a pointer that leads somewhere in `document`, or a step or two beyond."""
    parts = []
    while isinstance(document, dict | list) and document and draw(st.booleans()):
        keys = list(document) if isinstance(document, dict) else list(range(len(document)))
        parts.append(draw(st.sampled_from(keys)))
        document = document[parts[-1]]
    if isinstance(document, list) and draw(st.booleans()):
        parts.append(len(document))
    return jsonpointer.JsonPointer.from_parts(parts + draw(st.lists(NAMES, max_size=2))).path


@st.composite
def documents_and_patches(draw, ops=("add", "remove", "replace", "move", "copy", "test"), max_size=5):
    """Draw a document, and operations that often apply to it."""
    document = draw(VALUES)
    patch = []
    for op in draw(st.lists(st.sampled_from(ops), min_size=1, max_size=max_size)):
        operation = {"op": op, "path": draw(pointers(document))}
        if op in ("move", "copy"):
            operation["from"] = draw(pointers(document))
        elif op != "remove":
            operation["value"] = draw(VALUES)
        patch.append(operation)
    return document, patch


def check_against_jsonpatch(document, patch):
    """The same document down to the order of members, or a conflict at the same operation and no change."""
    expected, patched = document, clone(document)
    failed = conflict = None
    try:
        expected = jsonpatch.apply_patch(document, patch)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        failed = error
    try:
        patched = apply_patch(patched, check_patch(copy.deepcopy(patch)))
    except Conflict as error:
        conflict = error
    assert (conflict is None) == (failed is None), conflict or failed
    assert json.dumps(patched) == json.dumps(expected)
    if conflict is not None:
        jsonpatch.apply_patch(document, patch[: conflict.position])
        with pytest.raises((jsonpatch.JsonPatchException, jsonpointer.JsonPointerException)):
            jsonpatch.apply_patch(document, patch[: conflict.position + 1])


@given(documents_and_patches(("add", "replace"), max_size=1))
@settings(max_examples=500)
@example(([1], [{"op": "replace", "path": "/1", "value": 1}]))
@example(([1], [{"op": "replace", "path": "/-", "value": 1}]))
@example(([1], [{"op": "add", "path": "/-", "value": 2}]))
@example(([1], [{"op": "add", "path": "/1", "value": 1}]))
@example(([1], [{"op": "add", "path": "/2", "value": 1}]))
@example(([1], [{"op": "add", "path": "/00", "value": 1}]))
@example(([1], [{"op": "add", "path": "/" + "9" * 5000, "value": 1}]))
@example(([1], [{"op": "add", "path": "", "value": {}}]))
@example(({"a": 1}, [{"op": "replace", "path": "/b", "value": 1}]))
@example(("text", [{"op": "add", "path": "/0", "value": 1}]))
def test_a_single_add_or_replace_does_what_jsonpatch_does(document_and_patch):
    """It is applied without it; the result, its order and its conflicts are the same."""
    check_against_jsonpatch(*document_and_patch)


@given(documents_and_patches())
@settings(max_examples=300)
@example(({"a": 1}, [{"op": "test", "path": "/a", "value": True}]))
@example(({"a": [True]}, [{"op": "test", "path": "/a", "value": [1]}]))
@example(({"a": [1]}, [{"op": "test", "path": "/a", "value": [1.0]}]))
@example(([1], [{"op": "remove", "path": ""}]))
@example(([1], [{"op": "copy", "from": "/-", "path": "/0"}]))
@example(({"a": {"b": 1}}, [{"op": "move", "from": "/a", "path": "/a/b"}]))
@example(([[1], [2]], [{"op": "move", "from": "/0", "path": "/0/0"}]))
@example(({"a": {}}, [{"op": "copy", "from": "", "path": "/a/b"}]))
@example(({"a": 1, "b": 2}, [{"op": "remove", "path": "/a"}, {"op": "test", "path": "", "value": 0}]))
def test_patches_do_what_jsonpatch_does_to_a_copy(document_and_patch):
    """Although the document is patched in place, and not by it."""
    check_against_jsonpatch(*document_and_patch)


@given(st.data())
def test_pointers_lead_where_jsonpointer_says(data):
    """To the same value, or to nothing, which the end of an array is as well."""
    document = data.draw(VALUES)
    pointer = data.draw(pointers(document))
    try:
        expected = jsonpointer.resolve_pointer(document, pointer)
    except jsonpointer.JsonPointerException:
        expected = jsonpointer.EndOfList
    if isinstance(expected, jsonpointer.EndOfList) or expected is jsonpointer.EndOfList:
        with pytest.raises(Conflict):
            resolve(document, parse_pointer(pointer))
    else:
        assert resolve(document, parse_pointer(pointer)) is expected


@given(before=VALUES, after=VALUES)
@example(before=[1, 2, 3], after=[2, 3])
@example(before={"a": 1}, after={"a": True})
@example(before={"a": 1}, after={"a": 1.0})
@example(before=[[1], [2]], after=[[2], [1], [2]])
def test_a_difference_turns_one_document_into_the_other(before, after):
    """Exactly, types included, and it is empty only for the same document."""
    found = difference(before, after)
    patched = apply_patch(clone(before), check_patch(clone(found)))
    assert json.dumps(patched, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert (not found) == (json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True))


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


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def test_no_operation_nests_a_document_too_deep():
    """Added, moved or copied: refused at the same depth on every Python, and as deep as that works."""
    path = "/0" * (MAX_DEPTH - 1)
    with pytest.raises(BadArgumentError):
        check_patch([{"op": "add", "path": path, "value": [[]]}])
    check_patch([{"op": "add", "path": path, "value": []}])
    document = {"deep": nested(MAX_DEPTH - 1), "a": {}}
    for op in ("move", "copy"):
        patch = [{"op": "add", "path": "/b", "value": 1}, {"op": op, "from": "/deep", "path": "/a/b"}]
        with pytest.raises(Conflict, match="deeper") as caught:
            apply_patch(document, check_patch(patch))
        assert caught.value.position == 1
    assert document == {"deep": nested(MAX_DEPTH - 1), "a": {}}
    doubling = [{"op": "copy", "from": "", "path": "/a"}] * 3
    assert is_within_depth(apply_patch({}, check_patch(doubling)), 4)


def test_the_deepest_document_can_be_patched_by_every_operation():
    """Within Python's usual recursion limit."""
    deepest = nested(MAX_DEPTH - 1)
    patch = [
        {"op": "add", "path": "/a", "value": deepest},
        {"op": "test", "path": "/a", "value": deepest},
        {"op": "copy", "from": "/a", "path": "/b"},
        {"op": "move", "from": "/b", "path": "/c"},
        {"op": "replace", "path": "/a", "value": deepest},
        {"op": "remove", "path": "/c"},
    ]
    assert apply_patch({}, check_patch(patch)) == {"a": deepest}
    assert [operation["op"] for operation in difference({"a": deepest}, {"b": deepest})] == ["remove", "add"]


def test_a_patch_copies_a_bounded_amount(monkeypatch):
    """A few operations that double a document again and again would stop every replica."""
    doubling = [{"op": "copy", "from": "", "path": "/-"}] * 20  # enough to fail, not to exhaust the memory
    monkeypatch.setattr(patching, "MAX_COPIED_SIZE", 1000)
    document = [1]
    with pytest.raises(Conflict, match="copies at most") as caught:
        apply_patch(document, check_patch(doubling))
    assert caught.value.position == 7, "3 characters, then 7, 15, 31, 63, 127 and 255; not 511 more"
    assert document == [1]
    assert apply_patch(document, check_patch(doubling[:3]))
    moves = [{"op": "move", "from": "/0", "path": "/1"}] * 1000
    assert apply_patch(["a", "b"], check_patch(moves)) == ["a", "b"], "what moves does not grow"


def test_no_library_takes_part_in_what_replicas_do(monkeypatch):
    """Each may have another version: 1.33, Pyodide's own, finds 1 and true equal."""
    monkeypatch.setattr(jsonpatch, "JsonPatch", None)
    monkeypatch.setattr(jsonpointer, "JsonPointer", None)
    patch = [
        {"op": "copy", "from": "/a", "path": "/b"},
        {"op": "test", "path": "/b", "value": [1]},
        {"op": "move", "from": "/a", "path": "/b/0"},
        {"op": "replace", "path": "/b/1", "value": 2},
        {"op": "remove", "path": "/b/0"},
        {"op": "add", "path": "/c", "value": 3},
    ]
    assert apply_patch({"a": [1]}, check_patch(patch)) == {"b": [2], "c": 3}
    with pytest.raises(Conflict):
        apply_patch({"~/": [True]}, check_patch([{"op": "test", "path": "/~0~1", "value": [1]}]))


def test_the_way_back_from_a_long_patch_takes_little_memory():
    """One copy of an object's members, not one for each that is removed."""
    document = {str(number): number for number in range(2000)}
    patch = [{"op": "remove", "path": f"/{name}"} for name in document]
    patch += [{"op": "add", "path": "/1", "value": 0}, {"op": "remove", "path": "/0"}]
    before, patch = clone(document), check_patch(patch)
    tracemalloc.start()
    try:
        with pytest.raises(Conflict) as caught:
            apply_patch(document, patch)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.position == 2001
    assert list(document.items()) == list(before.items())


def test_a_patch_shares_nothing_between_places_of_the_document():
    """A change to what was copied, or to what one patch added, shows in one place alone."""
    shared = {"n": 1}
    patch = [
        {"op": "add", "path": "/a", "value": shared},
        {"op": "add", "path": "/b", "value": shared},
        {"op": "copy", "from": "/a", "path": "/c"},
        {"op": "replace", "path": "/a/n", "value": 2},
    ]
    assert apply_patch({}, check_patch(patch)) == {"a": {"n": 2}, "b": {"n": 1}, "c": {"n": 1}}
    assert shared == {"n": 1}


def test_what_fails_leaves_the_order_of_members_as_it_was():
    """Also that of an object which lost one and got it back."""
    document = {"a": 1, "b": 2, "c": {"x": 1, "y": 2}}
    patch = [
        {"op": "remove", "path": "/a"},
        {"op": "move", "from": "/c/x", "path": "/c/z"},
        {"op": "add", "path": "/a", "value": 3},
        {"op": "remove", "path": "/a"},
        {"op": "test", "path": "/b", "value": 3},
    ]
    with pytest.raises(Conflict) as caught:
        apply_patch(document, check_patch(patch))
    assert caught.value.position == 4
    assert json.dumps(document) == '{"a": 1, "b": 2, "c": {"x": 1, "y": 2}}'
