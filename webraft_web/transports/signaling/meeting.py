"""Where the pages of a room meet: who is there, and signals between them that can be relied on.

What is posted is a line: "webraft1", the ids of the sender and of the receiver ("*"
for all), and a sealed `Letter`. The ids are random and tell nothing; they are bound to
the letter, as what it was sealed in the context of. So a server, and whoever else
hears what is posted, learns that pages meet, when, and how much they say, but nothing of
the room, of what is said, or of anybody's address.

What they can do is to lose, delay, repeat and flood. `introductions` says why
repeating and delaying brings nothing. Floods are bounded before any
cryptography: each server has an allowance for strangers, and one for each known
page, and what fails to open costs several times as much. So one who floods under a
name of his own disturbs nobody; one who floods as a stranger keeps newcomers out on
that one server; one who borrows a known page's id gets in the way of that page there.

Little is posted. A page says hello when a server is connected, and then with pauses that
double up to five minutes, whether it is alone or not. Pages that do not know it answer, to
it alone; those that do are named in the hello, and keep quiet.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final, Generic, TypeVar

from webraft_web.clock import Clock
from webraft_web.core.errors import AuthenticationError, BadArgumentError, RemoteProtocolError
from webraft_web.transports.allowance import Allowance
from webraft_web.transports.keys import RoomKeys
from webraft_web.transports.signaling.base import MAX_TEXT, Port, Strategy
from webraft_web.transports.signaling.introductions import Introductions, Letter

MAX_SIGNAL: Final = 32_768
"""Characters of the longest signal, as JSON in ASCII."""
FIRST_PAUSE_MS: Final = 4_000
LONGEST_PAUSE_MS: Final = 300_000
"""Between announcements."""

_ENVELOPE: Final = re.compile(r"webraft1 ([0-9a-f]{32}) ([0-9a-f]{32}|\*) ([A-Za-z0-9+/]+={0,2})")
_ALL: Final = "*"
_MOST_WAITING: Final = 256
_MOST_RECENT: Final = 512
_MOST_ANSWERED: Final = 256
_FINE: Final = 7

_T = TypeVar("_T")
_logger = logging.getLogger("webraft_web")


@dataclass
class _Server:
    """One strategy's port, and how much is heard from it."""

    url: str
    strangers: Allowance
    pages: dict[str, Allowance] = field(default_factory=dict)
    port: Port | None = None
    is_connected: bool = False
    error: str = ""


class Meeting:
    """Meets the other pages that hold a room's keys, through several strategies at once.

    Args:
        strategies: What carries texts; see `strategy_for`.
        keys: The room's.
        page: This page's random id, 32 lower-case hex digits.
        clock: For announcements and limits.
        random: For the jitter of announcements; nonces come from the system itself.
        on_peer: Gets a page that is there now and holds the keys; said once, and again
            only after `peer_gone`. A page that began anew under the same id is not said again:
            it shows in what it signals.
        on_signal: Gets a page's id and its text: private, authentic and fresh, at most once
            and in the order in which it was sent; a signal may still be lost. `on_peer` was
            said for that page before.
        on_state: Called when `status()` has changed in what it says of the servers.

    Nothing is called back before the constructor has returned, and nothing after `close`.
    """

    def __init__(
        self,
        strategies: Sequence[Strategy],
        keys: RoomKeys,
        page: str,
        clock: Clock,
        random: Random,
        *,
        on_peer: Callable[[str], None],
        on_signal: Callable[[str, str], None],
        on_state: Callable[[], None],
    ) -> None:
        self._keys = keys
        self._page = page
        self._clock = clock
        self._random = random
        self._on_peer = on_peer
        self._on_signal = on_signal
        self._on_state = on_state
        self._introductions = Introductions(page)
        self._refused: Counter[str] = Counter()
        self._recent: dict[bytes, None] = {}
        self._answers: dict[str, Allowance] = {}
        self._announcements = Allowance(1 / 15, 6, clock.now_ms())
        self._pause_ms = FIRST_PAUSE_MS
        self._timer = clock.timer(self._announce)
        self._incoming = _Line(self._open)
        self._outgoing = _Line(self._seal)
        self._is_closed = False
        self._servers = [_Server(strategy.url, Allowance(8, 64, clock.now_ms())) for strategy in strategies]
        for server, strategy in zip(self._servers, strategies, strict=True):
            on_text, on_change = partial(self._heard, server), partial(self._changed, server)
            server.port = strategy.open(keys.topic, page, on_text, on_change)

    def signal(self, to: str, text: str) -> None:
        """Send `text` to a page that `on_peer` told of; to one that it did not, it is lost.

        Raises:
            BadArgumentError: If the text is longer than `MAX_SIGNAL`.
        """
        length = len(json.dumps(text))
        if length > MAX_SIGNAL:
            raise BadArgumentError(f"a signal of {length} characters, expected at most {MAX_SIGNAL}")
        if to in self._introductions:
            self._write(to, self._introductions.letter(to, text))

    def peer_gone(self, page: str) -> None:
        """Forget a page: if it is still there, or comes back, `on_peer` tells, once it has proved it anew."""
        if self._introductions.forget(page):
            for server in self._servers:
                server.pages.pop(page, None)
            self._announce_soon()

    def close(self) -> None:
        """Leave; idempotent."""
        self._is_closed = True
        self._timer.close()
        self._incoming.close()
        self._outgoing.close()
        for server in self._servers:
            if server.port is not None:
                server.port.close()

    def status(self) -> dict[str, Any]:
        """Return {"servers": [{"url", "connected", "error"}], "peers": [page], "refused": {why: count}}.

        Reasons are "alien" (no text of ours), "too many", "forged" (not sealed with the secret, or
        changed), "malformed", "repeated", "unproved" (not shown to be of now), "crowded", and
        "too many of our own".
        """
        return {
            "servers": [
                {"url": server.url, "connected": server.is_connected, "error": server.error}
                for server in self._servers
            ],
            "peers": self._introductions.pages,
            "refused": dict(self._refused),
        }

    # Announcements

    def _changed(self, server: _Server, is_connected: bool, error: str) -> None:
        if self._is_closed:
            return
        server.is_connected, server.error = is_connected, error
        if is_connected:
            if self._announcements.take(self._clock.now_ms()):
                self._outgoing.put((server, _ALL, self._introductions.hello()))
            self._announce_soon()
        _tell(self._on_state)

    def _announce_soon(self) -> None:
        self._pause_ms = FIRST_PAUSE_MS
        self._set_timer()

    def _announce(self) -> None:
        if self._announcements.take(self._clock.now_ms()):
            self._write(_ALL, self._introductions.hello())
        self._pause_ms = min(2 * self._pause_ms, LONGEST_PAUSE_MS)
        self._set_timer()

    def _set_timer(self) -> None:
        if not self._is_closed:
            pause_ms = int(self._pause_ms * self._random.uniform(0.5, 1))
            self._timer.set(self._clock.now_ms() + pause_ms)

    # What others post

    def _heard(self, server: _Server, text: str) -> None:
        envelope = _ENVELOPE.fullmatch(text) if len(text) <= MAX_TEXT else None
        if envelope is None:
            self._refused["alien"] += 1
            return
        sender, to, sealed = envelope.groups()
        if self._is_closed or sender == self._page or to not in {_ALL, self._page}:
            return
        digest = hashlib.sha256(text.encode()).digest()
        if digest in self._recent:
            return  # another server was faster
        allowance = self._allowance(server, sender)
        if not allowance.take(self._clock.now_ms()):
            self._refused["too many"] += 1
        elif self._incoming.put((allowance, sender, to, sealed)):
            _put_bounded(self._recent, digest, None, _MOST_RECENT)
        else:
            self._refused["too many"] += 1

    def _allowance(self, server: _Server, sender: str) -> Allowance:
        if sender not in self._introductions:
            return server.strangers
        return server.pages.setdefault(sender, Allowance(16, 64, self._clock.now_ms()))

    async def _open(self, item: tuple[Allowance, str, str, str]) -> None:
        allowance, sender, to, sealed = item
        try:
            letter = Letter.decode(await self._keys.open(sealed, _context(sender, to)))
        except (AuthenticationError, RemoteProtocolError) as error:
            allowance.fine(_FINE)
            self._refused["forged" if isinstance(error, AuthenticationError) else "malformed"] += 1
            return
        reception = self._introductions.receive(sender, letter, is_for_all=to == _ALL)
        if reception.refused and not (to == _ALL and reception.wants_answer):
            self._refused[reception.refused] += 1
        if reception.wants_answer and self._may_answer(sender):
            self._write(sender, self._introductions.answer(sender, letter))
        if reception.is_new:
            _tell(self._on_peer, sender)
        if letter.text and to != _ALL and not reception.refused and not self._is_closed:
            _tell(self._on_signal, sender, letter.text)

    def _may_answer(self, page: str) -> bool:
        now_ms = self._clock.now_ms()
        if page not in self._answers:
            _put_bounded(self._answers, page, Allowance(0.1, 4, now_ms), _MOST_ANSWERED)
        return self._answers[page].take(now_ms)

    # What this page posts

    def _write(self, to: str, letter: Letter) -> None:
        if not self._outgoing.put((None, to, letter)):
            self._refused["too many of our own"] += 1

    async def _seal(self, item: tuple[_Server | None, str, Letter]) -> None:
        only, to, letter = item
        sealed = await self._keys.seal(letter.encode(), _context(self._page, to))
        for server in self._servers:
            if server.port is not None and server.is_connected and (only is None or only is server):
                _tell(server.port.post, f"webraft1 {self._page} {to} {sealed}", "" if to == _ALL else to)


class _Line(Generic[_T]):
    """Handles what is put in one by one, in order."""

    def __init__(self, handle: Callable[[_T], Awaitable[None]]) -> None:
        self._handle = handle
        self._waiting: deque[_T] = deque()
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def put(self, item: _T) -> bool:
        """Queue an item; return whether there was room."""
        if self._is_closed or len(self._waiting) >= _MOST_WAITING:
            return False
        self._waiting.append(item)
        if self._task is None:
            self._task = self._loop.create_task(self._run())
        return True

    def close(self) -> None:
        self._is_closed = True
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            while self._waiting:
                try:
                    await self._handle(self._waiting.popleft())
                except Exception:
                    _logger.exception("signalling failed over one text")
        finally:
            self._task = None


def _context(sender: str, to: str) -> str:
    return f"webraft signal 1\n{sender}\n{to}"


def _put_bounded(table: dict[Any, Any], key: object, value: object, most: int) -> None:
    table[key] = value
    if len(table) > most:
        del table[next(iter(table))]


def _tell(callback: Callable[..., None], *args: Any) -> None:
    try:
        callback(*args)
    except Exception:
        _logger.exception("a callback of signalling failed")
