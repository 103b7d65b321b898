"""How pages of JavaScript are introduced: by strategies of their own, or by hand."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from webraft_web.core.errors import ConfigError
from webraft_web.javascript.border import answering, js_page
from webraft_web.transports.signaling.base import OnState, OnText
from webraft_web.transports.webrtc.by_hand import CopyAndPaste

_numbers = count(1)
_open: dict[int, PagePort] = {}


class PageStrategy:
    """A strategy that is an object of the page's, with `Strategy`'s names. Compared by that object.

    Raises:
        ConfigError: If it is none.
    """

    def __init__(self, js_strategy: Any) -> None:
        self._js_strategy = js_strategy
        url = getattr(js_strategy, "url", None)
        if not isinstance(url, str) or not callable(getattr(js_strategy, "open", None)):
            raise ConfigError(
                f"{js_strategy!r} is no signalling strategy; expected an object with url and open"
            )
        self.url = url

    def open(self, topic: str, page: str, on_text: OnText, on_state: OnState) -> PagePort:
        return PagePort(self._js_strategy, topic, page, on_text, on_state)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PageStrategy) and bool(self._js_strategy == other._js_strategy)

    def __hash__(self) -> int:
        return hash(self.url)


class PagePort:
    """A page's place in a topic; what it says after it was closed is passed over."""

    def __init__(self, js_strategy: Any, topic: str, page: str, on_text: OnText, on_state: OnState) -> None:
        self.on_text = on_text
        self.on_state = on_state
        self._number = next(_numbers)
        self._js_port = js_page().openPort(js_strategy, topic, page, self._number)
        _open[self._number] = self

    def post(self, text: str, to: str = "") -> None:
        if self._number in _open:
            self._js_port.post(text, to)

    def close(self) -> None:
        if _open.pop(self._number, None) is not None:
            self._js_port.close()


@answering
def heard(number: int, text: str) -> None:
    """Take in what was posted to a port."""
    if number in _open:
        _open[number].on_text(text)


@answering
def changed(number: int, is_connected: bool, why: str) -> None:
    """Take note whether a port carries texts."""
    if number in _open:
        _open[number].on_state(is_connected, why)


def with_strategies(options: Mapping[str, Any], js_strategies: Any) -> dict[str, Any]:
    """Return options whose `signaling` has strategies in place of their numbers, which are in lists."""
    signaling = options.get("signaling")
    if not isinstance(signaling, list):
        return dict(options)
    return {**options, "signaling": [_introduction(one, js_strategies) for one in signaling]}


def _introduction(one: Any, js_strategies: Any) -> Any:
    if not isinstance(one, list):
        return one
    strategy = js_strategies[one[0]]
    return strategy if isinstance(strategy, CopyAndPaste) else PageStrategy(strategy)


@answering
def create_copy_and_paste() -> CopyAndPaste:
    """Make what introduces pages by hand."""
    return CopyAndPaste()
