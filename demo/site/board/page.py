"""The live board: what people do becomes patches, what the room decides becomes a picture.

A change shows at once, marked as pending, and stays so until the room has committed
it. The page in JavaScript paints and catches gestures; everything crosses between
the two as JSON text. Nothing here imports JavaScript, so all of it runs anywhere.
"""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlencode

from webraft_web import PatchConflictError, WebraftError, join_room

from . import cards as board
from .cards import Card, Change
from .history import History

LOOK_INTERVAL_SECONDS = 0.25


class View(Protocol):
    """What the page does for the board."""

    def show(self, picture: str) -> None:
        """Paint cards, status and log."""

    def refuse(self, refusal: str) -> None:
        """Say that a change was not made, and why; hand its text back."""


async def start(name: str, storage: str, view: View, signaling: str = "", secret: str = "") -> "Page":
    """Join a room and begin to show it.

    Args:
        name: The room's.
        storage: Where it is kept.
        view: Shows it.
        signaling: The server where browsers meet, "" for a board of this browser alone.
        secret: What they prove to one another.

    Raises:
        WebraftError: If the room cannot be joined here; its text says why.
        ValueError: If the room holds something else than a board.
    """
    doc = await join_room(
        name,
        initial=board.starter_board(),
        storage=storage,
        signaling=[signaling] if signaling else [],
        secret=secret or None,
    )
    if not board.is_board(doc.state):
        await doc.close()
        raise ValueError(f"the room {name!r} holds something else than a board")
    return Page(doc, view, signaling)


class Page:
    """One tab's view of one room.

    Args:
        doc: The shared document.
        view: Gets a new picture whenever something changed.
        signaling: Where browsers meet; an invitation says it, too.
    """

    def __init__(self, doc: Any, view: View, signaling: str = "") -> None:
        self._doc = doc
        self._signaling = signaling
        self._view = view
        self._history = History()
        self._pending: list[Change] = []
        self._last_write_ms: float | None = None
        self._picture = ""
        self._tasks: set[asyncio.Task[None]] = set()
        for event in ("updated", "join", "leave", "leader", "follower"):
            doc.listen(event, lambda *_: self._show())
        doc.listen("error", self._note_error)
        self._show()
        self._run(self._keep_looking())

    def act(self, action_text: str) -> None:
        """Do what a person asked for; called by the page, with the action as JSON text."""
        action = json.loads(action_text)
        try:
            change = self._change(action)
        except KeyError:
            self._refuse(action, "deleted", None)
        except ValueError as error:
            self._refuse(action, "failed", None, str(error))
        else:
            self._pending.append(change)
            self._show()
            self._run(self._commit(action, change))

    def _change(self, action: dict[str, Any]) -> Change:
        cards = self._cards()
        card_id = action.get("id", "")
        makers: dict[str, Callable[[], Change]] = {
            "add": lambda: board.add_card(cards, action["column"], action["text"]),
            "put": lambda: board.put_card(card_id, action["card"]),
            "edit": lambda: board.edit_card(cards, card_id, action["base"], action["text"]),
            "move": lambda: board.move_card(cards, card_id, action["column"], action["before"]),
            "delete": lambda: board.delete_card(card_id, cards[card_id]["text"]),
        }
        return makers[action["do"]]()

    async def _commit(self, action: dict[str, Any], change: Change) -> None:
        began = time.perf_counter()
        try:
            await self._doc.patch(change.operations)
        except PatchConflictError:
            self._pending.remove(change)
            card = self._cards().get(change.card_id)
            self._refuse(action, "changed" if card else "deleted", card)
        except WebraftError as error:
            self._pending.remove(change)
            self._refuse(action, "failed", self._cards().get(change.card_id), str(error))
        else:
            self._pending.remove(change)
            self._last_write_ms = (time.perf_counter() - began) * 1000
        self._show()

    def _refuse(self, action: dict[str, Any], why: str, card: Card | None, message: str = "") -> None:
        self._view.refuse(json.dumps({"action": action, "why": why, "card": card, "message": message}))

    def _cards(self) -> dict[str, Card]:
        """Return the room's cards with everything pending done to them."""
        document = self._doc.state
        cards = board.cards_of(document) if board.is_board(document) else {}
        for change in self._pending:
            for card_id, card in change.outcome.items():
                if card is None:
                    cards.pop(card_id, None)
                else:
                    cards[card_id] = card
        return cards

    def _show(self) -> None:
        status = self._doc.status()
        self._history.observe(status)
        pending = sorted({change.card_id for change in self._pending})
        picture = {
            "cards": self._cards(),
            "pending": pending,
            "status": {
                name: status[name]
                for name in ("role", "tab", "tabs", "term", "commit_index", "storage", "members", "missing")
            },
            "leading_tab": self._history.leading_tab,
            "leads_since": self._history.leads_since,
            "last_write_ms": self._last_write_ms,
            "events": list(self._history.events),
            "invitation": self._invitation(),
        }
        text = json.dumps(picture)
        if text != self._picture:
            self._picture = text
            self._view.show(text)

    def _invitation(self) -> str:
        """Return the link that invites another browser, "" if this board is of one browser."""
        if not self._signaling:
            return ""
        return f"{self._doc.invite_link()}&{urlencode({'signaling': self._signaling})}"

    async def _keep_looking(self) -> None:
        """Notice what no event tells, such as another tab's coming to lead."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL_SECONDS)
            self._show()

    def _note_error(self, error: BaseException) -> None:
        self._history.note(f"error: {error}")
        self._show()

    def _run(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)  # the loop keeps no strong reference of its own
        task.add_done_callback(self._tasks.discard)
