"""The contract suite for signalling strategies."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from webraft_web.transports.signaling.base import MAX_TEXT, Port, Strategy

MakeStrategy = Callable[[], Strategy]

_AGAIN_S = 0.1
_TEXTS = ("x", "webraft1 a b c==", '{"type":"publish"}', '"\\ two words', "y" * MAX_TEXT)


async def check_strategy(make_strategy: MakeStrategy) -> None:
    """Fail with an AssertionError unless a strategy gives what `transports.signaling.base` asks for.

    Texts may be lost, so it posts each until it has arrived: give it a time limit.

    Args:
        make_strategy: Returns the strategy as another page would have it, each time a new one.
    """
    topic = secrets.token_hex(16)
    one, two = _Page(make_strategy, topic), _Page(make_strategy, topic)
    stranger = _Page(make_strategy, secrets.token_hex(16))
    for page in (one, two, stranger):
        await page.connected()
    for text in _TEXTS:
        await one.reaches(two, text)
        await one.reaches(two, text, to=two.id)
    await two.reaches(one, "back")
    late = _Page(make_strategy, topic)
    await late.connected()
    for page in (one, two):
        await late.reaches(page, f"from the newcomer to {page.id}")
        await page.reaches(late, f"to the newcomer from {page.id}")
        await page.reaches(late, f"to the newcomer alone from {page.id}", to=late.id)
    one.port.post("to nobody", "0" * 32)
    assert stranger.heard == [], "what is posted stays within its topic"
    await _check_closing(make_strategy, topic, one, two, late)
    stranger.port.close()


async def _check_closing(
    make_strategy: MakeStrategy, topic: str, one: _Page, two: _Page, late: _Page
) -> None:
    one.port.close()
    one.port.close()
    one.heard.clear()
    one.port.post("from the closed port")
    one.port.post("from the closed port", two.id)
    one.states.clear()
    await two.reaches(late, "still there")
    await late.reaches(two, "still there")
    two.port.post("to the closed port", one.id)
    again = _Page(make_strategy, topic, one.id)
    await again.connected()
    await two.reaches(again, "a page may come back", to=one.id)
    await again.reaches(late, "back again")
    for page in (two, late):
        assert "from the closed port" not in page.heard, "a closed port posts nothing"
    assert not one.heard, "a closed port hears nothing"
    assert not one.states, "a closed port tells nothing"
    for page in (two, late, again):
        page.port.close()


class _Page:
    """A port, what was heard from it, and a way to wait for more."""

    def __init__(self, make_strategy: MakeStrategy, topic: str, page: str = "") -> None:
        self.id = page or secrets.token_hex(16)
        self.heard: list[str] = []
        self.states: list[tuple[bool, str]] = []
        self._more = asyncio.Event()
        self._has_opened = False
        strategy = make_strategy()
        assert isinstance(strategy.url, str), "a strategy has a name"
        self.port: Port = strategy.open(topic, self.id, self._hear, self._note)
        self._has_opened = True

    def _hear(self, text: str) -> None:
        assert self._has_opened, "nothing is heard before `open` has returned"
        self.heard.append(text)

    def _note(self, is_connected: bool, error: str) -> None:
        assert self._has_opened, "nothing is told before `open` has returned"
        self.states.append((is_connected, error))
        self._more.set()

    async def connected(self) -> None:
        """Wait until texts are carried."""
        while not (self.states and self.states[-1][0]):
            self._more.clear()
            await self._more.wait()

    async def reaches(self, other: _Page, text: str, to: str = "") -> None:
        """Post a text until the other has heard it."""
        other.heard.clear()
        while text not in other.heard:
            self.port.post(text, to)
            await asyncio.sleep(_AGAIN_S)
