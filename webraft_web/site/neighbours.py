"""The other browsers of a room, and which of their pages speaks for each (rule 13).

A browser's server has one address and is run by one page at a time, so that a
link that was taken for the address's may turn out to lead to a page that was
taken over. Each page says in its claim, which the link's handshake has
authenticated, whose server it runs, in which epoch (its takeover's position in
the journal), and a random token of that epoch. The highest epoch speaks for
the address, and what was sent to a lower one is lost, as messages may be.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from webraft_web.core.errors import RemoteProtocolError, StorageError, TransportError, WebraftError
from webraft_web.core.validation import MAX_NUMBER
from webraft_web.json_text import decode

MAX_ADDRESS_SIZE: Final = 64


class Link(Protocol):
    """A connection to another browser's page, authenticated; `transports.webrtc.Link` is one."""

    page: str
    claim: str
    on_text: Callable[[str], None]
    on_closed: Callable[[str], None]

    def send(self, text: str) -> None:
        """Send `text`, once, in order, or never."""

    def close(self, reason: str) -> None:
        """Say goodbye; `on_closed` is not called."""

    def refuse(self, error: WebraftError) -> None:
        """End it because the other end did wrong, and tell both sides; `on_closed` is called."""

    def statistics(self) -> dict[str, Any]:
        """Return what is known of the connection."""


class Network(Protocol):
    """Finds the other pages of the room, for as long as it is open."""

    def close(self) -> None:
        """Say goodbye to everybody; idempotent."""


OpenNetwork = Callable[
    [str, Callable[[Link], None], Callable[[WebraftError], None], Callable[[TransportError], None]], Network
]
"""Opens a network: with this page's claim, what to call with each link, with what is wrong, and once
with why there will be no links at all."""


class Claim(NamedTuple):
    """For whom a page speaks.

    Fields:
        address: The server that it runs.
        epoch: Where its takeover stands in that server's journal.
        token: Random, one for each epoch.
    """

    address: str
    epoch: int
    token: str


def read_claim(text: str) -> Claim:
    """Understand what a page says of itself; RemoteProtocolError if it makes no sense."""
    try:
        address, epoch, token = decode(text)
        is_claim = (
            isinstance(address, str)
            and isinstance(token, str)
            and 0 < len(address) <= MAX_ADDRESS_SIZE
            and 0 < len(token) <= MAX_ADDRESS_SIZE
            and type(epoch) is int
            and 0 <= epoch <= MAX_NUMBER
        )
    except (TypeError, ValueError):
        is_claim = False
    if not is_claim:
        raise RemoteProtocolError(
            f"a page said for whom it speaks in a way that makes no sense: {text[:80]!r}"
        )
    return Claim(address, epoch, token)


class Neighbours:
    """The links of one runner to the runners of other browsers, one for each address.

    Args:
        own: For whom this page speaks.
        open_network: Begins to look for others.
        on_linked: Called with an address that can be written to from now on; again if another
            page speaks for it now, so that what was under way is lost.
        on_lost: Called with an address whose link is gone.
        on_payload: Called with an address and what its server sent.
        on_error: Told what is wrong.
        on_failed: Called once if nobody can be looked for, with the reason.
    """

    def __init__(
        self,
        own: Claim,
        open_network: OpenNetwork,
        *,
        on_linked: Callable[[str], None],
        on_lost: Callable[[str], None],
        on_payload: Callable[[str, Any], None],
        on_error: Callable[[WebraftError], None],
        on_failed: Callable[[TransportError], None],
    ) -> None:
        self._own = own
        self._on_linked = on_linked
        self._on_lost = on_lost
        self._on_payload = on_payload
        self._on_error = on_error
        self._links: dict[str, Link] = {}
        self._claims: dict[str, Claim] = {own.address: own}
        """The highest claim that was heard for each address."""
        self._network = open_network(json.dumps(own), self._on_link, on_error, on_failed)

    def write(self, address: str, payload: Any) -> None:
        """Send a payload, if there is a link."""
        link = self._links.get(address)
        if link is not None:
            link.send(json.dumps(payload, ensure_ascii=False, separators=(",", ":")))

    def refuse(self, address: str, error: RemoteProtocolError) -> None:
        """Break with a server that sent what it must not: its page is not listened to for a minute."""
        link = self._links.get(address)
        if link is not None:
            link.refuse(RemoteProtocolError(f"the server at {address!r} is not listened to for now: {error}"))

    def statistics(self) -> dict[str, Any]:
        """Return what is known of each link, by address."""
        return {address: link.statistics() for address, link in sorted(self._links.items())}

    def close(self) -> None:
        """Hear and say nothing more; the others are told goodbye."""
        self._network.close()
        self._links.clear()

    def _on_link(self, link: Link) -> None:
        try:
            claim = read_claim(link.claim)
            self._refuse_copies(claim)
        except WebraftError as error:
            link.refuse(error)
            return
        known = self._claims.get(claim.address, claim)
        if claim.address == self._own.address or claim.epoch < known.epoch:
            link.close("another page speaks for that server")
            return
        before = self._links.pop(claim.address, None)
        if before is not None:
            before.close("another page speaks for that server now")
        self._claims[claim.address] = claim
        self._links[claim.address] = link
        link.on_text = lambda text: self._on_text(claim.address, link, text)
        link.on_closed = lambda _: self._on_closed(claim.address, link)
        self._on_linked(claim.address)

    def _refuse_copies(self, claim: Claim) -> None:
        """Refuse the page of a copied profile: two would speak for one server.

        Raises:
            StorageError: If the same epoch was claimed with another token.
        """
        known = self._claims.get(claim.address, claim)
        if claim.epoch == known.epoch and claim.token != known.token:
            raise StorageError(
                f"two browsers say that they are the server {claim.address!r}: was a profile copied? "
                "The later one is not listened to; delete the room in one of them and join again"
            )

    def _on_text(self, address: str, link: Link, text: str) -> None:
        if self._links.get(address) is not link:
            return
        try:
            payload = json.loads(text)
        except (ValueError, RecursionError):
            payload = None  # as wrong as any other payload; the server counts it
        self._on_payload(address, payload)

    def _on_closed(self, address: str, link: Link) -> None:
        if self._links.get(address) is link:
            del self._links[address]
            self._on_lost(address)
