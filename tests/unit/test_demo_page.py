"""What the demo shows of a room and makes of a person's actions: real rooms in simulated tabs."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from demo.site.board import cards as board
from demo.site.board.page import Page
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser, Tab


class Screen:
    """The page's view: keeps every picture and refusal."""

    def __init__(self) -> None:
        self.pictures: list[dict[str, Any]] = []
        self.refusals: list[dict[str, Any]] = []

    def show(self, picture: str) -> None:
        self.pictures.append(json.loads(picture))

    def refuse(self, refusal: str) -> None:
        self.refusals.append(json.loads(refusal))

    @property
    def now(self) -> dict[str, Any]:
        return self.pictures[-1]

    def find(self, text: str) -> str:
        return next(card_id for card_id, card in self.now["cards"].items() if card["text"] == text)

    def texts(self) -> set[str]:
        return {card["text"] for card in self.now["cards"].values()}


async def open_page(browser: Browser) -> tuple[Tab, Page, Screen]:
    tab = browser.open_tab()
    screen = Screen()
    return tab, Page(await tab.join_room("board", initial={"cards": {}}), screen), screen


async def settle(seconds: float = 0.5) -> None:
    await asyncio.sleep(seconds)


def act(page: Page, **action: Any) -> None:
    page.act(json.dumps(action))


def test_a_change_shows_at_once_and_is_committed_soon_after():
    """The first picture after an action has the card, marked pending; a later one has it unmarked."""

    async def main() -> None:
        _, page, screen = await open_page(Browser())
        act(page, do="add", column="todo", text="milk")
        assert screen.texts() == {"milk"}
        assert screen.now["pending"] == [screen.find("milk")]
        await settle()
        assert screen.texts() == {"milk"}
        assert screen.now["pending"] == []
        assert screen.now["last_write_ms"] is not None

    run(main())


def test_one_tabs_changes_show_in_the_other():
    """Adding, editing, moving, deleting and putting back arrive in every tab."""

    async def main() -> None:
        browser = Browser()
        _, one, one_screen = await open_page(browser)
        _, _, other_screen = await open_page(browser)
        act(one, do="add", column="todo", text="milk")
        card_id = one_screen.find("milk")
        act(one, do="edit", id=card_id, base="milk", text="oats")
        act(one, do="move", id=card_id, column="done", before=None)
        await settle()
        card = other_screen.now["cards"][card_id]
        assert (card["text"], card["column"]) == ("oats", "done")
        act(one, do="delete", id=card_id)
        await settle()
        assert other_screen.texts() == set()
        act(one, do="put", id=card_id, card=card)
        await settle()
        assert other_screen.now["cards"] == {card_id: card}
        assert one_screen.refusals == []

    run(main())


def test_a_change_made_while_the_leading_tab_hangs_is_pending_until_another_leads():
    """Nothing is lost or refused: the change waits, visibly, and the tab that takes over commits it."""

    async def main() -> None:
        browser = Browser()
        leading_tab, _, leading_screen = await open_page(browser)
        _, page, screen = await open_page(browser)
        first_leader = leading_screen.now["status"]["tab"]
        assert screen.now["leading_tab"] == first_leader
        leading_tab.hang()
        act(page, do="add", column="todo", text="milk")
        await settle(0.5)
        assert screen.now["pending"] == [screen.find("milk")]
        await settle(2)
        assert screen.now["pending"] == []
        assert screen.now["leading_tab"] == screen.now["status"]["tab"] != first_leader
        leading_tab.wake()
        await settle()
        assert leading_screen.texts() == {"milk"}
        assert leading_screen.now["leading_tab"] == screen.now["status"]["tab"]

    run(main())


def test_when_the_leading_tab_dies_the_log_says_who_leads_on():
    """The other tab notes that one left and that it leads itself, and since when."""

    async def main() -> None:
        browser = Browser()
        leading_tab, _, leading_screen = await open_page(browser)
        _, _, screen = await open_page(browser)
        await settle()
        leading_tab.kill()
        await settle(5)
        told = [event["text"] for event in screen.now["events"]]
        mine, gone = (one.now["status"]["tab"][:4] for one in (screen, leading_screen))
        assert f"tab {gone} left" in told
        assert any(text.startswith(f"tab {mine} leads, term ") for text in told)
        assert screen.now["leads_since"] is not None

    run(main())


def test_a_refused_edit_comes_back_with_its_text_and_the_other_ones():
    """The page gets what it needs to offer both texts, and the picture shows the room's again."""

    async def main() -> None:
        browser = Browser()
        _, one, one_screen = await open_page(browser)
        _, other, other_screen = await open_page(browser)
        act(one, do="add", column="todo", text="tea")
        await settle()
        card_id = one_screen.find("tea")
        act(one, do="edit", id=card_id, base="tea", text="black tea")
        await settle()
        act(other, do="edit", id=card_id, base="tea", text="green tea")
        assert other_screen.texts() == {"green tea"}
        await settle()
        assert other_screen.texts() == {"black tea"}
        [refusal] = other_screen.refusals
        assert (refusal["why"], refusal["action"]["text"]) == ("changed", "green tea")
        assert refusal["card"]["text"] == "black tea"

    run(main())


def test_what_is_done_to_a_deleted_card_is_refused_as_such():
    """An edit of a card that another tab deleted comes back; so does a move of one that is not even shown."""

    async def main() -> None:
        browser = Browser()
        _, page, screen = await open_page(browser)
        act(page, do="edit", id="gone", base="tea", text="green tea")
        act(page, do="move", id="gone", column="done", before=None)
        await settle()
        reasons = {(refusal["action"]["do"], refusal["why"]) for refusal in screen.refusals}
        assert reasons == {("edit", "deleted"), ("move", "deleted")}

    run(main())


def test_an_action_that_cannot_be_is_refused_before_anything_is_sent():
    """A blank card is the page's mistake: it comes back with the reason, and nothing shows."""

    async def main() -> None:
        _, page, screen = await open_page(Browser())
        act(page, do="add", column="todo", text="  ")
        await settle()
        assert screen.texts() == set()
        [refusal] = screen.refusals
        assert (refusal["why"], refusal["message"]) == ("failed", "a card needs a text")

    run(main())


def test_a_picture_is_painted_only_when_something_changed():
    """An idle room costs no painting."""

    async def main() -> None:
        _, _, screen = await open_page(Browser())
        await settle(5)
        painted = len(screen.pictures)
        await settle(60)
        assert len(screen.pictures) == painted

    run(main())


def test_a_document_that_became_something_else_shows_no_cards():
    """Whoever replaces the document does not break the pages that show it."""

    async def main() -> None:
        browser = Browser()
        tab, _, screen = await open_page(browser)
        doc = await tab.join_room("board", initial={"cards": {}})
        await doc.patch([{"op": "replace", "path": "", "value": [1, 2]}])
        await settle()
        assert screen.now["cards"] == {}
        assert not board.is_board(doc.state)

    run(main())
