"""One link with another page: opened by mutual proof, then text both ways, bounded and back-pressured."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from webraft_web.clock import Clock
from webraft_web.core.errors import (
    AuthenticationError,
    BadArgumentError,
    RemoteProtocolError,
    TransportError,
    WebraftError,
)
from webraft_web.transports.allowance import Allowance
from webraft_web.transports.webrtc.connections import HIGH_BYTES, Connections
from webraft_web.transports.webrtc.framing import MAX_TEXT_BYTES, TEXT_KINDS, Assembly, size_of, to_messages
from webraft_web.transports.webrtc.handshake import (
    MAX_CLAIM_CHARACTERS,
    NONCE_BYTES,
    AuthenticationKeys,
    Party,
    check_proof,
    hello,
    proof,
    read_hello,
)

FAREWELL: Final = "x"
REFUSAL: Final = "#"
GREETING_MS: Final = 10_000
"""How long the other end may take to prove itself once the channel is open."""
MAX_WAITING_BYTES: Final = 16 << 20
MESSAGES_PER_S: Final = 10_000
BURST_MESSAGES: Final = 20_000
_MAX_REASON: Final = 200


@dataclass(frozen=True)
class Setting:
    """What all links of one page share.

    Fields:
        page: This page's random id.
        keys: Of the room.
        claim: What this application says about itself, asked for at each handshake.
        connections: Opens connections.
        clock: Where time comes from.
        token: Returns so many random bytes in hexadecimal, unpredictable to others.
    """

    page: str
    keys: AuthenticationKeys
    claim: Callable[[], str]
    connections: Connections
    clock: Clock
    token: Callable[[int], str]


class Host(Protocol):
    """Who opened a link, and is told what becomes of it."""

    def signal(self, text: str) -> None:
        """The other page's link should get `text` through `signalled`."""

    def gathered(self) -> None:
        """Every way to this page has been told through `signal`."""

    def opened(self, link: Link) -> None:
        """The other end has proved itself."""

    def dismissed(self, link: Link) -> None:
        """It was ended by `close`."""

    def ended(self, link: Link, end: End) -> None:
        """It is over, neither by `close` nor by `drop`."""


@dataclass(frozen=True)
class End:
    """Why a link is over.

    Fields:
        reason: In words.
        is_farewell: Whether the other page said goodbye.
        error: What the other page did wrong, if it did.
    """

    reason: str
    is_farewell: bool = False
    error: WebraftError | None = None


class Link:
    """One connection with another page, from its beginning; of use once `is_open`.

    Fields:
        page: The other page's id.
        claim: What the other end's application says about itself, authenticated once open.
        is_open: Whether both ends have proved themselves, and it is not over.
        host: Who is told what becomes of it.
        on_text: Gets each text, once, whole, in order, in the event in which it arrives.
        on_closed: Told why, once, when the link is over, not by `close`.
    """

    def __init__(self, setting: Setting, page: str, host: Host, *, is_polite: bool, is_first: bool) -> None:
        self.page = page
        self.claim = ""
        self.host = host
        self.is_open = False
        self.on_text: Callable[[str], None] = _ignore
        self.on_closed: Callable[[str], None] = _ignore
        self._setting = setting
        self._is_over = False
        self._own: Party | None = None
        self._other: Party | None = None
        self._remote_fingerprint = ""
        self._assembly = Assembly()
        self._waiting: deque[tuple[Iterator[str], int]] = deque()
        self._waiting_bytes = 0
        self._is_full = False
        self._was_open = False
        self._counts = {"texts_sent": 0, "texts_received": 0, "texts_lost": 0}
        self._timer = setting.clock.timer(self._too_silent)
        self._allowance = Allowance(MESSAGES_PER_S, BURST_MESSAGES, setting.clock.now_ms())
        self._connection = setting.connections.open(
            self, is_polite=is_polite, is_first=is_first, farewell=FAREWELL + "the page went away"
        )

    def send(self, text: str) -> None:
        """Send `text`, once or never: it is lost when the link is over, or too much waits already.

        Raises:
            BadArgumentError: If it has more than 64 MiB, or is no Unicode.
        """
        size = size_of(text)
        if size > MAX_TEXT_BYTES:
            raise BadArgumentError(f"a text of {size} bytes, expected at most {MAX_TEXT_BYTES}")
        if not self.is_open or (self._waiting and self._waiting_bytes + size > MAX_WAITING_BYTES):
            self._counts["texts_lost"] += 1
            return
        self._counts["texts_sent"] += 1
        self._waiting.append((to_messages(text, size), size))
        self._waiting_bytes += size
        self._pump()

    def close(self, reason: str = "") -> None:
        """Say goodbye and end the link; nothing is called afterwards; idempotent."""
        if not self._is_over:
            self._finish(FAREWELL + reason[:_MAX_REASON])
            self.host.dismissed(self)

    def drop(self, reason: str) -> None:
        """End the link without goodbye, because another connection takes its place or is to."""
        if not self._is_over:
            self._finish(None)
            if self._was_open:
                self.on_closed(reason)

    def refuse(self, error: WebraftError) -> None:
        """End the link because the other end did wrong: both sides are told; it is left alone for a while."""
        if not self._is_over:
            self._finish(REFUSAL + str(error)[:_MAX_REASON])
            self._tell(End(str(error), error=error))

    def signalled(self, text: str) -> None:
        """Take in what the other page's link wanted signalled."""
        if not self._is_over:
            self._connection.signal(text)

    def statistics(self) -> dict[str, Any]:
        """Return counts of texts, what waits to be sent, and what the connection measured lately."""
        return {**self._counts, "waiting_bytes": self._waiting_bytes, **self._connection.statistics()}

    # From the connection

    def on_signal(self, text: str) -> None:
        self.host.signal(text)

    def on_gathered(self) -> None:
        self.host.gathered()

    def on_open(self, local: str, remote: str) -> None:
        if not local or not remote:
            self.refuse(
                AuthenticationError("a connection without certificates, which nothing can be bound to")
            )
            return
        setting = self._setting
        claim = setting.claim()
        if len(claim) > MAX_CLAIM_CHARACTERS:
            error = BadArgumentError(
                f"a claim of {len(claim)} characters, expected at most {MAX_CLAIM_CHARACTERS}"
            )
            self._end(End(str(error), error=error))
            return
        self._own = Party(setting.page, setting.token(NONCE_BYTES), claim, local)
        self._remote_fingerprint = remote
        self._timer.set(setting.clock.now_ms() + GREETING_MS)
        self._connection.send(hello(self._own))

    def on_message(self, message: str) -> None:
        if self._is_over:
            return
        if not self._allowance.take(self._setting.clock.now_ms()):
            self.refuse(RemoteProtocolError(f"a flood: more than {MESSAGES_PER_S} messages a second"))
            return
        try:
            text = self._take(message)
        except (AuthenticationError, RemoteProtocolError) as error:
            self.refuse(error)
            return
        if text is not None:
            self._counts["texts_received"] += 1
            self.on_text(text)

    def on_low(self) -> None:
        self._is_full = False
        self._pump()

    def on_lost(self, reason: str) -> None:
        self._end(End(reason))

    # Within

    def _take(self, message: str) -> str | None:
        """Do what `message` asks for; return the text that it completes, if any."""
        if self.is_open and message[:1] in TEXT_KINDS:
            return self._assembly.take(message)
        if message.startswith(FAREWELL):
            self._end(End(message[1:_MAX_REASON] or "the other page left", is_farewell=True))
        elif message.startswith(REFUSAL):
            error = TransportError(f"page {self.page!r} refused this page: {message[1:_MAX_REASON]}")
            self._end(End(str(error), error=error))
        elif self.is_open:
            raise RemoteProtocolError(f"{message[:12]!r}, expected a text")
        else:
            self._greet(message)
        return None

    def _greet(self, message: str) -> None:
        own, keys = self._own, self._setting.keys
        if own is None:
            raise RemoteProtocolError("a message before the channel was open")
        if self._other is None:
            self._other = read_hello(message, self.page, self._remote_fingerprint)
            self._connection.send(proof(keys, own, self._other))
            return
        check_proof(keys, message, self._other, own)
        self._timer.close()
        self.claim = self._other.claim
        self.is_open = True
        self.host.opened(self)

    def _pump(self) -> None:
        while self._waiting and not self._is_full and not self._is_over:
            messages, size = self._waiting[0]
            for message in messages:
                # -1 says that it is not open any more: `on_lost` is on its way.
                waiting_bytes = self._connection.send(message)
                if waiting_bytes < 0 or waiting_bytes >= HIGH_BYTES:
                    self._is_full = True
                    break
            else:
                self._waiting.popleft()
                self._waiting_bytes -= size

    def _too_silent(self) -> None:
        """Give up, without blame: a page that computes for long says nothing either."""
        self._end(End(f"the other end did not prove itself within {GREETING_MS / 1000:.0f} s"))

    def _end(self, end: End) -> None:
        if not self._is_over:
            self._finish(None)
            self._tell(end)

    def _finish(self, last_message: str | None) -> None:
        self._was_open, self.is_open, self._is_over = self.is_open, False, True
        self._waiting.clear()
        self._waiting_bytes = 0
        self._timer.close()
        if last_message is not None:
            self._connection.send(last_message)
        self._connection.close()

    def _tell(self, end: End) -> None:
        self.host.ended(self, end)
        if self._was_open:
            self.on_closed(end.reason)


def _ignore(text: str) -> None:
    """Nobody listens."""
