"""What a board is, as JSON, and the patches that change it.

A board is `{"cards": {id: {"text", "column", "order"}}}`. Cards live in an object
under ids that never change, not in arrays, so changes to different cards never
touch the same path: a patch conflicts only when two tabs want different things of
one card. Nothing here knows of rooms or of the page.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from .order import between, is_key, spread

COLUMNS = ("todo", "doing", "done")
MAX_TEXT_LENGTH = 500

Operation = dict[str, Any]


class Card(TypedDict):
    """One card; `order` places it among the others of its column."""

    text: str
    column: str
    order: str


@dataclass(frozen=True)
class Change:
    """One thing a person did to one card.

    Attributes:
        card_id: The card it is about.
        operations: The patch that does it.
        outcome: How the cards it touches look afterwards, None for a card that is gone:
            what the page shows until the room has decided.
    """

    card_id: str
    operations: list[Operation]
    outcome: Mapping[str, Card | None]


def starter_board() -> dict[str, dict[str, Card]]:
    """Return what a new room begins with: a few cards that show what to try."""
    texts = {
        "todo": [
            "Edit one card in two tabs at once",
            "Drag a card, or use Shift and the arrow keys",
            "Close the tab that leads, and watch another lead on",
        ],
        "doing": ["Open this board in another tab"],
    }
    cards = {}
    for column, column_texts in texts.items():
        keys = spread("", None, len(column_texts))
        for position, (text, key) in enumerate(zip(column_texts, keys, strict=True)):
            cards[f"{column}-{position}"] = Card(text=text, column=column, order=key)
    return {"cards": cards}


def is_board(document: object) -> bool:
    """Whether a room's document is a board, rather than what some other page keeps there."""
    return isinstance(document, dict) and isinstance(document.get("cards"), dict)


def cards_of(document: Any) -> dict[str, Card]:
    """Return the document's cards; what is not a card as this page writes them is left out."""
    return {card_id: card for card_id, card in document["cards"].items() if _is_card(card)}


def column_ids(cards: Mapping[str, Card], column: str) -> list[str]:
    """Return the ids of a column's cards from top to bottom; equal keys are ordered by id."""
    ids = [card_id for card_id, card in cards.items() if card["column"] == column]
    return sorted(ids, key=lambda card_id: (cards[card_id]["order"], card_id))


def add_card(cards: Mapping[str, Card], column: str, text: str) -> Change:
    """Put a new card at the end of a column."""
    ids = column_ids(cards, column)
    order = between(cards[ids[-1]]["order"] if ids else "", None)
    return put_card(secrets.token_hex(6), Card(text=_clean(text), column=_known(column), order=order))


def put_card(card_id: str, card: Card) -> Change:
    """Put a card where it says, under an id of its own: a new one, or one that was deleted."""
    if not _is_card(card):
        raise ValueError(f"{card!r} is no card: expected a text, one of {COLUMNS} and an order key")
    return Change(card_id, [{"op": "add", "path": _path(card_id), "value": card}], {card_id: card})


def edit_card(cards: Mapping[str, Card], card_id: str, base: str, text: str) -> Change:
    """Give a card another text, unless it no longer reads `base`.

    Args:
        cards: What the page shows.
        card_id: The card to edit.
        base: The text that the person saw when they began to type.
        text: What they typed.
    """
    path = _path(card_id) + "/text"
    operations = [
        {"op": "test", "path": path, "value": base},
        {"op": "replace", "path": path, "value": _clean(text)},
    ]
    card = cards.get(card_id)
    outcome = {card_id: Card(text=_clean(text), column=card["column"], order=card["order"])} if card else {}
    return Change(card_id, operations, outcome)


def move_card(cards: Mapping[str, Card], card_id: str, column: str, before_id: str | None) -> Change:
    """Put a card into a column, above the card `before_id` or, with None, at the end.

    Where two tabs move one card at once, the later move wins. Cards that carry equal
    keys, because two tabs put them into one gap at once, are told apart on the way.
    """
    text = cards[card_id]["text"]
    others = [other_id for other_id in column_ids(cards, _known(column)) if other_id != card_id]
    position = others.index(before_id) if before_id in others else len(others)
    low = cards[others[position - 1]]["order"] if position else ""
    after = others[position:]
    equal = [other_id for other_id in after if cards[other_id]["order"] == low]
    high = cards[after[len(equal)]]["order"] if len(after) > len(equal) else None
    key, *equal_keys = spread(low, high, 1 + len(equal))

    outcome = {card_id: Card(text=text, column=column, order=key)}
    operations = [
        {"op": "replace", "path": _path(card_id) + "/column", "value": column},
        {"op": "replace", "path": _path(card_id) + "/order", "value": key},
    ]
    for other_id, other_key in zip(equal, equal_keys, strict=True):
        outcome[other_id] = Card(text=cards[other_id]["text"], column=column, order=other_key)
        operations.append({"op": "replace", "path": _path(other_id) + "/order", "value": other_key})
    return Change(card_id, operations, outcome)


def delete_card(card_id: str, text: str) -> Change:
    """Take a card off the board, unless it no longer reads `text`: nobody deletes what they have not read."""
    path = _path(card_id)
    operations = [{"op": "test", "path": path + "/text", "value": text}, {"op": "remove", "path": path}]
    return Change(card_id, operations, {card_id: None})


def _is_card(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("text"), str)
        and value.get("column") in COLUMNS
        and is_key(value.get("order"))
    )


def _clean(text: str) -> str:
    cleaned = text.strip()[:MAX_TEXT_LENGTH]
    if not cleaned:
        raise ValueError("a card needs a text")
    return cleaned


def _known(column: str) -> str:
    if column not in COLUMNS:
        raise ValueError(f"unknown column {column!r}, expected one of {COLUMNS}")
    return column


def _path(card_id: str) -> str:
    return "/cards/" + card_id.replace("~", "~0").replace("/", "~1")
