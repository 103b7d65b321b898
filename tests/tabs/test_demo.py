"""The demo in real tabs: what one does, the others show, whatever happens to the tab that leads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.tabs.chromium import Chromium, Page

NO_INDEXED_DB = "Object.defineProperty(window, 'indexedDB', {value: undefined});"
HANG_MS = 3_000

OpenBoard = Callable[..., "Board"]


class Board:
    """One tab with the demo in it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def wait_until_live(self) -> None:
        self.page.wait_for("document.querySelector('#board.live') !== null")

    def texts(self, column: str) -> list[str]:
        selector = json.dumps(f"[data-column={column}] .card .text")
        found: list[str] = self.page.js(
            f"[...document.querySelectorAll({selector})].map((e) => e.textContent)"
        )
        return found

    def wait_for_card(self, text: str, *, is_pending: bool = False) -> None:
        self.page.wait_for(
            f"[...document.querySelectorAll('.card{'.waits' if is_pending else ':not(.pending)'} .text')]"
            f".some((element) => element.textContent === {json.dumps(text)})"
        )

    def add(self, column: str, text: str) -> None:
        self.page.click(f"[data-column={column}] input")
        self.page.type(f"{text}\n")

    def open_editor(self, text: str) -> None:
        """Click a card, and select its text so that typing replaces it."""
        self.page.js(f"{_card(text)}.click()")
        self.page.js("document.querySelector('textarea').select()")

    def use_tool(self, text: str, tool: str) -> None:
        self.page.js(f"{_card(text)}.closest('.card').querySelector('[data-tool={tool}]').click()")

    def drag(self, text: str, selector: str) -> None:
        """Take a card with the mouse and drop it in the middle of another element."""
        self.page.js(f"{_card(text)}.scrollIntoView({{block: 'center'}})")
        middle = "(({x, y, width, height}) => [x + width / 2, y + height / 2])(%s.getBoundingClientRect())"
        start = self.page.js(middle % _card(text))
        end = self.page.js(middle % f"document.querySelector({json.dumps(selector)})")
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            self.page.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1
            )

    def press(self, key: str, *, shift: bool = False) -> None:
        for kind in ("keyDown", "keyUp"):
            self.page.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, modifiers=8 if shift else 0
            )

    def text_of(self, selector: str) -> str:
        found: str = self.page.js(f"document.querySelector({json.dumps(selector)}).textContent")
        return found

    def wait_for_text(self, selector: str, text: str) -> None:
        self.page.wait_for(
            f"document.querySelector({json.dumps(selector)})?.textContent.includes({json.dumps(text)})"
        )


def _card(text: str) -> str:
    return f"[...document.querySelectorAll('.card .text')].find((e) => e.textContent === {json.dumps(text)})"


def _open_board(browser: Chromium, site: str, *, hides_others: bool = False, before_load: str = "") -> Board:
    page = browser.blank(new_window=not hides_others)
    if before_load:
        page.before_load(before_load)
    page.go(f"{site}#room=kanban")
    board = Board(page)
    if not before_load:
        board.wait_until_live()
    return board


@pytest.fixture
def open_board(browser: Chromium, demo_site: str) -> OpenBoard:
    return partial(_open_board, browser, demo_site)


@pytest.fixture(scope="class")
def pair(tmp_path_factory: pytest.TempPathFactory, demo_site: str) -> Iterator[tuple[Board, Board]]:
    """Two tabs that several cases share, since booting Python twice is what takes long."""
    browser = Chromium(tmp_path_factory.mktemp("pair"))
    try:
        yield _open_board(browser, demo_site), _open_board(browser, demo_site)
    finally:
        browser.kill()


class TestTwoTabs:
    """What people do in two tabs while both are well."""

    def test_what_one_tab_does_the_other_shows(self, pair: tuple[Board, Board]):
        """A card that one tab adds, edits and moves is the same in the other, and no console complains."""
        one, other = pair
        one.add("doing", "milk <b>& honey</b>")
        other.wait_for_card("milk <b>& honey</b>")
        other.open_editor("milk <b>& honey</b>")
        other.page.type("bread\n")
        one.wait_for_card("bread")
        one.use_tool("bread", "right")
        other.page.wait_for("document.querySelector('[data-column=done] .text')?.textContent === 'bread'")
        assert one.texts("done") == other.texts("done") == ["bread"]
        assert one.page.problems == other.page.problems == []

    def test_a_card_moves_by_mouse_and_by_keyboard(self, pair: tuple[Board, Board]):
        """Dragged to another column, and back by Shift and an arrow key, with the focus still on it."""
        one, other = pair
        one.add("todo", "wander")
        other.wait_for_card("wander")
        one.drag("wander", "[data-column=doing] ol")
        column = f"{_card('wander')}.closest('[data-column]').dataset.column"
        other.page.wait_for(f"{column} === 'doing'")
        assert one.page.js("document.querySelector('.editor')") is None
        other.page.js(f"{_card('wander')}.focus()")
        other.press("ArrowLeft", shift=True)
        one.page.wait_for(f"{column} === 'todo'")
        assert other.page.js("document.activeElement.textContent") == "wander"

    def test_a_refused_edit_keeps_what_was_typed(self, pair: tuple[Board, Board]):
        """Two tabs edit one card: the slower one is told, still has its text, and may insist."""
        one, other = pair
        one.add("todo", "tea")
        other.wait_for_card("tea")
        other.open_editor("tea")
        other.page.type("green tea")
        one.open_editor("tea")
        one.page.type("black tea\n")
        other.wait_for_text(".notice", "black tea")
        other.page.type("\n")
        other.wait_for_text(".notice", "still here")
        assert other.page.js("document.querySelector('textarea').value") == "green tea"
        other.page.click(".editor [type=submit]")
        one.wait_for_card("green tea")
        other.wait_for_card("green tea")
        assert one.page.problems == other.page.problems == []

    def test_a_card_deleted_under_its_editor_keeps_what_was_typed(self, pair: tuple[Board, Board]):
        """Another tab deletes the card that somebody edits: they can put it back with their text."""
        one, other = pair
        one.add("done", "coffee")
        other.wait_for_card("coffee")
        other.open_editor("coffee")
        other.page.type("black coffee")
        one.use_tool("coffee", "delete")
        other.wait_for_text(".editor [type=submit]", "Put it back")
        other.page.click(".editor [type=submit]")
        one.wait_for_card("black coffee")
        assert one.page.problems == other.page.problems == []


def test_when_the_leading_tab_is_killed_the_other_leads_on(open_board: OpenBoard):
    """The other tab says that it leads, keeps every card, and takes new ones."""
    one, other = open_board(), open_board()
    one.wait_for_text("#leads", "This tab leads")
    other.wait_for_text("#leads", f"Tab {one.text_of('#fact-tab')} leads")
    one.add("todo", "written before")
    other.wait_for_card("written before")
    term = int(other.text_of("#fact-term"))
    one.page.kill()
    other.wait_for_text("#leads", "This tab leads")
    other.wait_for_text("#events", f"tab {other.text_of('#fact-tab')} leads")
    other.add("todo", "written after")
    other.wait_for_card("written after")
    assert int(other.text_of("#fact-term")) > term
    assert {"written before", "written after"} <= set(other.texts("todo"))
    assert other.page.problems == []


def test_an_edit_made_while_the_leading_tab_hangs_is_pending_then_committed(open_board: OpenBoard):
    """The card shows at once and says that it waits; when another tab has taken over, it is committed."""
    one, other = open_board(), open_board()
    one.wait_for_text("#leads", "This tab leads")
    one.page.start(f"{{ const end = performance.now() + {HANG_MS}; while (performance.now() < end); }}")
    other.add("todo", "patient")
    other.wait_for_card("patient", is_pending=True)
    other.wait_for_text("#waiting", "1 card pending")
    other.wait_for_card("patient")
    assert other.text_of("#waiting") == ""
    one.wait_for_card("patient")


def test_an_edit_made_while_the_leading_tab_is_frozen_is_committed(open_board: OpenBoard):
    """A tab that the browser freezes lets go: the other leads, and the thawed one catches up."""
    one = open_board()
    other = open_board(hides_others=True)
    one.page.freeze()
    other.add("todo", "warm")
    other.wait_for_card("warm")
    other.wait_for_text("#leads", "This tab leads")
    one.page.thaw()
    one.wait_for_card("warm")
    one.wait_for_text("#leads", f"Tab {other.text_of('#fact-tab')} leads")


def test_the_last_known_board_is_painted_before_python_runs(open_board: OpenBoard):
    """A page in which Python cannot even start shows what this browser last saw, and says what is wrong."""
    first = open_board()
    first.add("done", "kept")
    first.wait_for_card("kept")
    first.page.wait_for("localStorage.getItem('webraft:room:kanban')?.includes('kept')")
    second = open_board(before_load=NO_INDEXED_DB)
    second.wait_for_text("#failure-title", "keeps nothing")
    assert second.texts("done") == ["kept"]
    assert second.page.js("document.querySelector('#board.last-known') !== null")


@pytest.mark.parametrize("width", [360, 800, 1_600])
def test_the_page_fits_its_window(open_board: OpenBoard, width: int):
    """Nothing sticks out sideways, on a small phone as on a large screen."""
    board = open_board(before_load=NO_INDEXED_DB)
    board.page.resize(width, 900)
    board.page.js("document.querySelector('#room-name').textContent = 'x'.repeat(64)")
    assert board.page.js("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
