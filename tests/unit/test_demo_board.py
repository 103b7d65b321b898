"""The board of the demo as plain data: what its patches do, alone and against one another."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonpatch import JsonPatch, JsonPatchException

from demo.site.board import cards as board
from demo.site.board.history import SHORT_ID_LENGTH, History
from demo.site.board.order import between, is_key, spread

SITE = Path(board.__file__).parents[1]


def apply(document: dict[str, Any], change: board.Change) -> dict[str, Any]:
    changed: dict[str, Any] = JsonPatch(change.operations).apply(copy.deepcopy(document))
    return changed


def texts(document: dict[str, Any], column: str) -> list[str]:
    cards = board.cards_of(document)
    return [cards[card_id]["text"] for card_id in board.column_ids(cards, column)]


def add(document: dict[str, Any], column: str, *new_texts: str) -> dict[str, Any]:
    for text in new_texts:
        document = apply(document, board.add_card(board.cards_of(document), column, text))
    return document


def find(document: dict[str, Any], text: str) -> str:
    return next(card_id for card_id, card in document["cards"].items() if card["text"] == text)


def move(document: dict[str, Any], text: str, column: str, before: str | None) -> board.Change:
    before_id = before and find(document, before)
    return board.move_card(board.cards_of(document), find(document, text), column, before_id)


@pytest.fixture
def document() -> dict[str, Any]:
    return add({"cards": {}}, "todo", "a", "b", "c")


@given(st.lists(st.integers(min_value=0, max_value=1_000), max_size=120))
def test_there_is_room_for_a_key_between_any_two(positions):
    """Wherever cards are put, again and again, their keys keep the order in which they were put."""
    keys: list[str] = []
    for position in positions:
        at = position % (len(keys) + 1)
        key = between(keys[at - 1] if at else "", keys[at] if at < len(keys) else None)
        assert is_key(key)
        keys.insert(at, key)
    assert keys == sorted(set(keys))


def test_a_hundred_cards_one_below_the_other_need_short_keys():
    """Adding at one end, which is what people do most, does not make keys grow with every card."""
    assert len(spread("", None, 100)[-1]) <= 8


@pytest.mark.parametrize("value", ["", "0", "a0", "é", "a b", 7, None])
def test_what_could_not_order_cards_is_no_key(value):
    """A key that ends in the lowest digit, or holds no digits, would leave no room or fail later."""
    assert not is_key(value)


def test_a_new_card_goes_to_the_end_of_its_column(document):
    """Adding keeps what is there and trims what was typed."""
    assert texts(add(document, "todo", "  d \n"), "todo") == ["a", "b", "c", "d"]


def test_the_picture_of_a_pending_change_is_what_its_patch_does(document):
    """What shows before the room has decided is what the room will show if it agrees."""
    cards = board.cards_of(document)
    changes = [
        board.add_card(cards, "done", "d"),
        board.edit_card(cards, find(document, "b"), "b", "B"),
        move(document, "c", "doing", None),
        move(document, "c", "todo", "a"),
        board.delete_card(find(document, "a"), "a"),
    ]
    for change in changes:
        shown = {card_id: card for card_id, card in {**cards, **change.outcome}.items() if card}
        assert shown == board.cards_of(apply(document, change))


@pytest.mark.parametrize(
    ("text", "before", "expected"),
    [("c", "a", "cab"), ("a", None, "bca"), ("a", "c", "bac"), ("b", "b", "acb")],
)
def test_a_card_goes_above_the_card_it_was_dropped_on(document, text, before, expected):
    """A move within a column leaves the others as they were; above itself, it goes to the end."""
    assert "".join(texts(apply(document, move(document, text, "todo", before)), "todo")) == expected


def test_two_moves_of_one_card_do_not_conflict(document):
    """The later of two concurrent moves wins, and nothing is refused."""
    first, second = move(document, "b", "doing", None), move(document, "b", "done", None)
    merged = apply(apply(document, first), second)
    assert (texts(merged, "doing"), texts(merged, "done")) == ([], ["b"])


def test_changes_to_different_cards_do_not_conflict(document):
    """Adding, moving, editing and deleting, all decided on the same picture, all take effect."""
    cards = board.cards_of(document)
    changes = [
        board.delete_card(find(document, "a"), "a"),
        board.edit_card(cards, find(document, "b"), "b", "B"),
        move(document, "c", "todo", "a"),
        board.add_card(cards, "todo", "d"),
    ]
    for change in changes:
        document = apply(document, change)
    assert texts(document, "todo") == ["c", "B", "d"]


def test_two_cards_put_into_one_gap_at_once_can_be_told_apart(document):
    """Equal keys, made by two tabs at the same moment, do not keep a third card from between them."""
    document = add(document, "done", "x", "y", "z")
    changes = [move(document, text, "todo", "b") for text in ("x", "y")]
    for change in changes:
        document = apply(document, change)
    first, second = texts(document, "todo")[1:3]
    document = apply(document, move(document, "z", "todo", second))
    assert texts(document, "todo") == ["a", first, "z", second, "b", "c"]


def test_an_edit_of_a_text_that_changed_meanwhile_is_refused(document):
    """The second of two concurrent edits must not overwrite what its writer has not seen."""
    cards = board.cards_of(document)
    card_id = find(document, "a")
    document = apply(document, board.edit_card(cards, card_id, "a", "mine"))
    with pytest.raises(JsonPatchException):
        apply(document, board.edit_card(cards, card_id, "a", "yours"))


def test_a_card_that_changed_meanwhile_is_not_deleted(document):
    """Nobody deletes a text that they have not read."""
    card_id = find(document, "a")
    document = apply(document, board.edit_card(board.cards_of(document), card_id, "a", "news"))
    with pytest.raises(JsonPatchException):
        apply(document, board.delete_card(card_id, "a"))


def test_a_deleted_card_comes_back_where_it_was(document):
    """Undo restores text, column and place."""
    card_id = find(document, "b")
    card = board.cards_of(document)[card_id]
    gone = apply(document, board.delete_card(card_id, "b"))
    assert texts(apply(gone, board.put_card(card_id, card)), "todo") == ["a", "b", "c"]


def test_what_is_no_card_is_left_out():
    """Other programs may write into the room: the page shows what it understands."""
    strange = {
        "1": 7,
        "2": {"text": "x", "column": "attic", "order": "V"},
        "3": {"text": "x", "column": "todo"},
    }
    assert board.cards_of({"cards": strange}) == {}


@pytest.mark.parametrize("document", [None, [], {}, {"cards": []}, {"columns": {}}])
def test_a_room_that_holds_something_else_is_no_board(document):
    """The page must not patch into a document that is not its own."""
    assert not board.is_board(document)


def test_a_new_room_shows_what_to_try():
    """The starter board is a board whose every card is shown."""
    starter = board.starter_board()
    assert board.is_board(starter)
    assert board.cards_of(starter) == starter["cards"]


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_card_needs_a_text(document, text):
    """Neither a new nor an edited card can be blank."""
    with pytest.raises(ValueError, match="text"):
        board.add_card({}, "todo", text)
    with pytest.raises(ValueError, match="text"):
        board.edit_card(board.cards_of(document), find(document, "a"), "a", text)


def status(**changes: Any) -> dict[str, Any]:
    base = {
        "tab": "aaaa1",
        "tabs": ["aaaa1"],
        "runner": "aaaa1",
        "leader": "site",
        "address": "site",
        "term": 2,
    }
    return {**base, **changes}


def told(history: History) -> list[str]:
    return [event["text"] for event in history.events]


def test_the_log_tells_who_came_went_and_led():
    """Only what differs from one status to the next becomes a line."""
    history = History(now_ms=lambda: 5.0)
    history.observe(status())
    history.observe(status())
    history.observe(status(tabs=["aaaa1", "bbbb2"]))
    history.observe(status(tabs=["bbbb2", "aaaa1"], leader=None, runner=None))
    history.observe(status(tabs=["aaaa1"], runner="aaaa1", term=3))
    assert told(history) == [
        "this tab joined as aaaa",
        "tab aaaa leads, term 2",
        "tab bbbb joined",
        "no tab leads just now",
        "tab bbbb left",
        "tab aaaa leads, term 3",
    ]


def test_since_when_a_tab_has_led_before_this_one_came_is_not_guessed():
    """A tab that finds another leading knows that it leads, not since when."""
    history = History(now_ms=lambda: 5.0)
    history.observe(status(runner="bbbb2", tabs=["aaaa1", "bbbb2"]))
    assert (history.leading_tab, history.leads_since) == ("bbbb2", None)
    history.observe(status())
    assert (history.leading_tab, history.leads_since) == ("aaaa1", 5.0)


def test_the_page_and_its_program_agree():
    """What JavaScript and HTML say again of the program is what the program says."""
    html = (SITE / "index.html").read_text("utf-8")
    assert tuple(re.findall(r'data-column="(\w+)"', html)) == board.COLUMNS
    assert set(re.findall(r'maxlength="(\d+)"', html)) == {str(board.MAX_TEXT_LENGTH)}
    assert f"tab.slice(0, {SHORT_ID_LENGTH})" in (SITE / "panel.js").read_text("utf-8")
    program = re.search(r"const PROGRAM = (\[.*?\]);", (SITE / "boot.js").read_text("utf-8"))
    assert program is not None
    assert set(json.loads(program[1])) == {file.name for file in (SITE / "board").glob("*.py")}


def test_the_page_asks_nobody_else_for_anything():
    """No address but relative ones, and no data that could become markup."""
    for file in [*SITE.glob("*.js"), *SITE.glob("*.html"), *SITE.glob("*.css")]:
        text = file.read_text("utf-8")
        assert not re.search(r"(?:src|href|import|url)\W{1,3}(?:https?:)?//", text), file
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", text), file
