"""One other page: who calls whom, again after failures, and which of several connections counts."""

from __future__ import annotations

import json
from typing import Final, Protocol

from webraft_web.core.errors import RemoteProtocolError, WebraftError
from webraft_web.transports.allowance import Allowance
from webraft_web.transports.webrtc.link import End, Link, Setting

ATTEMPT_MS: Final = 15_000
"""How long a connection may take until both ends have proved themselves."""
CALL_MS: Final = 2_000
"""How long the called page waits for an offer before it asks for one."""
PAUSE_MS: Final = 500
MAX_PAUSE_MS: Final = 20_000
"""Between attempts, which take 15 s themselves: a network that heals is noticed within a minute."""
SHUN_MS: Final = 60_000
"""How long a page that did wrong is left alone."""
MAX_ATTEMPTS: Final = 3
"""So many attempts fail before the meeting is asked whether the page is still there."""
SIGNALS_PER_S: Final = 10
BURST_SIGNALS: Final = 200
BATCH_MS: Final = 10
"""How long what is to be signalled waits for more, so that an offer and its candidates share a signal."""
MAX_BATCH: Final = 64
MAX_BATCH_CHARACTERS: Final = 8_000


class Company(Protocol):
    """What a peer needs of the mesh."""

    def signal(self, page: str, text: str) -> None:
        """Have `text` signalled to `page`."""

    def linked(self, link: Link) -> None:
        """A link is open."""

    def report(self, error: WebraftError) -> None:
        """Tell the application."""

    def given_up(self, page: str) -> None:
        """Nothing more is tried, unless the page is met again."""


class Peer:
    """Another page and the one connection with it.

    Of two pages the one with the smaller id calls, that is, opens a connection and offers
    it; the other answers, or asks to be called. Connections are numbered by the
    caller: both ends keep to the highest number that they have heard, so that
    signals of earlier ones, late, are told apart, and two never stand side by side.
    """

    def __init__(self, setting: Setting, page: str, company: Company) -> None:
        self.page = page
        self.link: Link | None = None
        self._setting = setting
        self._company = company
        self._is_caller = setting.page < page
        self._number = 0
        self._failures = 0
        self._is_reported = False
        self._is_shunned = False
        self._outbox: list[str] = []
        self._timer = setting.clock.timer(self._due)
        self._batch_timer = setting.clock.timer(self._flush)
        self._is_waiting = False
        self._allowance = Allowance(SIGNALS_PER_S, BURST_SIGNALS, setting.clock.now_ms())

    @property
    def is_dormant(self) -> bool:
        """Whether nothing is tried, so that it could as well be forgotten."""
        return self.link is None and not self._is_waiting

    def met(self) -> None:
        """The page is there: link with it, unless that is under way or has to wait."""
        if not self.is_dormant:
            return
        if self._failures or not self._is_caller:
            self._pause()
        else:
            self._call()

    def signalled(self, text: str) -> None:
        """Take in what the page signals; beyond all measure it is passed over."""
        if not self._allowance.take(self._setting.clock.now_ms()):
            return
        try:
            number, texts = _read_signal(text)
        except RemoteProtocolError as error:
            self._mischief(error)
            return
        if texts is None:
            self._asked(number)
            return
        if number > self._number and not self._is_caller and not self._is_shunned:
            self._number = number
            self._open()
        if number == self._number and self.link is not None:
            for one in texts:
                self.link.signalled(one)

    def adopt(self, link: Link, *, is_patient: bool) -> None:
        """Take over a link that came about by pasting, in place of any other attempt.

        Args:
            link: It may have been opened, but has not yet proved itself.
            is_patient: Whether somebody has yet to carry a text, which may take any time.
        """
        self._drop_link("replaced by a newer connection")
        self._rest()
        self.link = link
        link.host = self
        if not is_patient:
            self._wait(ATTEMPT_MS)

    def close(self, reason: str) -> None:
        """Say goodbye; nothing is done or told afterwards."""
        self._outbox.clear()
        self._batch_timer.close()
        self._rest()
        link, self.link = self.link, None
        if link is not None:
            link.close(reason)

    # From the link

    def signal(self, text: str) -> None:
        self._outbox.append(text)
        if len(self._outbox) == 1:
            self._batch_timer.set(self._setting.clock.now_ms() + BATCH_MS)

    def gathered(self) -> None:
        """Signals went out as they came."""

    def opened(self, link: Link) -> None:
        self._failures = 0
        self._rest()
        self._company.linked(link)

    def dismissed(self, link: Link) -> None:
        if link is self.link:
            self.link = None
            self._rest()  # the other page may call, or be met, again

    def ended(self, link: Link, end: End) -> None:
        if link is not self.link:
            return
        was_tried = self._is_waiting
        self.link = None
        self._outbox.clear()
        if end.is_farewell:
            self._give_up()
        elif end.error is not None:
            self._mischief(end.error)
        elif was_tried:
            self._failed()
        else:
            self._pause()

    # Within

    def _call(self) -> None:
        self._number += 1
        self._open()

    def _open(self) -> None:
        self._drop_link("replaced by a newer connection")
        self._outbox.clear()
        self._wait(ATTEMPT_MS)
        self.link = Link(
            self._setting, self.page, self, is_polite=not self._is_caller, is_first=self._is_caller
        )

    def _asked(self, number: int) -> None:
        """The called page has no connection; the last that it heard of has `number`."""
        if not self._is_caller or self._is_shunned or (self.link is not None and self._number > number):
            return
        self._number = max(self._number, number)
        self._call()

    def _drop_link(self, reason: str) -> None:
        link, self.link = self.link, None
        if link is not None:
            link.drop(reason)

    def _due(self) -> None:
        self._is_waiting = self._is_shunned = False
        if self.link is not None:
            self._drop_link("it took too long")
            self._failed()
        elif self._is_caller:
            self._call()
        else:
            self._company.signal(self.page, json.dumps([self._number, None]))
            self._failed()

    def _failed(self) -> None:
        self._failures += 1
        if self._failures % MAX_ATTEMPTS == 0:
            self._give_up()
        else:
            self._pause()

    def _pause(self) -> None:
        """Wait before the next attempt, longer with each failure; who is called waits for that as well."""
        pause_ms = min(MAX_PAUSE_MS, PAUSE_MS << self._failures)
        self._wait(pause_ms if self._is_caller else pause_ms + CALL_MS)

    def _mischief(self, error: WebraftError) -> None:
        if not self._is_reported:
            self._is_reported = True
            self._company.report(error)
        self._drop_link(str(error))
        self._is_shunned = True
        self._wait(SHUN_MS)

    def _give_up(self) -> None:
        self._rest()
        self._company.given_up(self.page)

    def _wait(self, duration_ms: int) -> None:
        self._is_waiting = True
        self._timer.set(self._setting.clock.now_ms() + duration_ms)

    def _rest(self) -> None:
        self._is_waiting = self._is_shunned = False
        self._timer.set(None)

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        batch: list[str] = []
        for text in outbox:
            if len(batch) == MAX_BATCH or (batch and len("".join(batch)) + len(text) > MAX_BATCH_CHARACTERS):
                self._company.signal(self.page, json.dumps([self._number, batch]))
                batch = []
            batch.append(text)
        if batch:
            self._company.signal(self.page, json.dumps([self._number, batch]))


def _read_signal(text: str) -> tuple[int, list[str] | None]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    match fields:
        case [int(number), None] if 0 <= number < 1 << 53:
            return number, None
        case [int(number), [*texts]] if (
            0 <= number < 1 << 53 and len(texts) <= MAX_BATCH and all(isinstance(one, str) for one in texts)
        ):
            return number, texts
        case _:
            raise RemoteProtocolError(f"a page signals {text[:40]!r}, expected a number and texts")
