"""Links with all the other pages that hold a room's secret: one each, whoever met whom first."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final, Protocol

from webraft_web.clock import Clock
from webraft_web.core.errors import BadArgumentError, LocalProtocolError, WebraftError
from webraft_web.transports.webrtc.connections import Connections
from webraft_web.transports.webrtc.link import Link, Setting
from webraft_web.transports.webrtc.paste import Offer, PasteKeys, answer_to, read_answer, read_offer
from webraft_web.transports.webrtc.peer import Peer

MAX_PEERS: Final = 256
"""Pages remembered at once; beyond that those with which nothing is tried are forgotten."""


class Meeting(Protocol):
    """Where pages find each other, as far as a mesh needs it; `transports.signaling.meeting` has one."""

    def signal(self, to: str, text: str) -> None:
        """Send `text` to a page that was met: it arrives at most once, unchanged, unread by others."""

    def peer_gone(self, page: str) -> None:
        """Forget a page, so that it is met anew if it is still there."""

    def close(self) -> None:
        """Leave."""

    def status(self) -> dict[str, Any]:
        """Return how it stands with the servers."""


class OpenMeeting(Protocol):
    """Opens the meeting of a room; it calls nothing back before it has returned."""

    def __call__(self, *, on_peer: Callable[[str], None], on_signal: Callable[[str, str], None]) -> Meeting:
        """Open it; `on_peer` gets each page met, `on_signal` a page and what it signals."""


class Mesh:
    """One authenticated link with each page that is met, or introduced by pasting.

    Args:
        open_meeting: Opens the meeting; None where pages meet by pasting alone.
        keys: Of the room.
        page: This page's id, random and never used before.
        claim: What this application says about itself to each other end, at most 4096 characters.
        connections: Opens connections.
        clock: Where time comes from.
        on_link: Gets each link once it is open; `Link.on_text` is to be set then.
        on_error: Told what other pages did wrong, once for each page.
        token: Returns so many random bytes in hexadecimal; tests bring their own.
    """

    def __init__(
        self,
        open_meeting: OpenMeeting | None,
        keys: PasteKeys,
        page: str,
        claim: Callable[[], str],
        connections: Connections,
        clock: Clock,
        *,
        on_link: Callable[[Link], None],
        on_error: Callable[[WebraftError], None],
        token: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self.page = page
        self._keys = keys
        self._setting = Setting(page, keys, claim, connections, clock, token)
        self._on_link = on_link
        self._on_error = on_error
        self._peers: dict[str, Peer] = {}
        self._offers: dict[str, Offer] = {}
        self._is_closed = False
        self._meeting = open_meeting(on_peer=self._met, on_signal=self._signalled) if open_meeting else None

    @property
    def links(self) -> dict[str, Link]:
        """The open links, by the other end's page."""
        return {
            page: peer.link
            for page, peer in self._peers.items()
            if peer.link is not None and peer.link.is_open
        }

    def status(self) -> dict[str, Any]:
        """Return the statistics of open links by page, the pages being tried, and how the meeting stands."""
        links = self.links
        return {
            "page": self.page,
            "links": {page: {"claim": link.claim, **link.statistics()} for page, link in links.items()},
            "trying": [
                page for page, peer in self._peers.items() if page not in links and not peer.is_dormant
            ],
            "signaling": self._meeting.status() if self._meeting else None,
        }

    def close(self, reason: str = "the page closed its links") -> None:
        """Say goodbye to all; nothing is called afterwards; idempotent."""
        self._is_closed = True
        for offer in self._offers.values():
            offer.close()
        self._offers.clear()
        for peer in self._peers.values():
            peer.close(reason)
        self._peers.clear()
        if self._meeting is not None:
            self._meeting.close()

    # Introductions without a server

    async def create_offer(self) -> str:
        """Return a text to be carried to one other page, for its `answer_offer`.

        It names this page's addresses, sealed for holders of the room's secret. The
        connection waits for `accept_answer` as long as this page is open.
        """
        self._refuse_if_closed()
        offer = Offer(self._setting)
        self._offers[offer.id] = offer
        return await offer.text(self._keys)

    async def answer_offer(self, text: str) -> str:
        """Return the answer to another page's offer, to be carried back for its `accept_answer`.

        Raises:
            AuthenticationError: If the offer was not made for this room, or is not whole.
            BadArgumentError: If it is no offer, this page's own, or from a page that is linked already.
        """
        self._refuse_if_closed()
        offered = await read_offer(self._keys, text, self.page)
        self._peer_to_link(offered.page)  # or it is refused at once
        link, answer = await answer_to(self._keys, self._setting, offered)
        try:
            self._refuse_if_closed()
            self._peer_to_link(offered.page).adopt(link, is_patient=True)
        except WebraftError:
            link.drop("there is no use for it any more")
            raise
        return answer

    async def accept_answer(self, text: str) -> None:
        """Link with the page that gave this answer to this page's offer; `on_link` tells when.

        Raises:
            AuthenticationError: If the answer was not made for this room, or is not whole.
            BadArgumentError: If it is no answer, or not to an offer of this page that still waits.
        """
        self._refuse_if_closed()
        answer = await read_answer(self._keys, text, self._offers)
        peer = self._peer_to_link(answer.page)
        self._offers.pop(answer.offer).accept(answer, peer)

    def _peer_to_link(self, page: str) -> Peer:
        if page in self.links:
            raise BadArgumentError("these two pages are linked already: nothing is left to be done")
        peer = self._peer(page)
        if peer is None:
            raise LocalProtocolError(f"this page tries to link with {MAX_PEERS} others already")
        return peer

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise LocalProtocolError("these links were closed; open new ones")

    # From the meeting

    def _met(self, page: str) -> None:
        peer = self._peer(page)
        if peer is not None:
            peer.met()

    def _signalled(self, page: str, text: str) -> None:
        peer = self._peer(page)
        if peer is not None:
            peer.signalled(text)

    def _peer(self, page: str) -> Peer | None:
        if self._is_closed or page == self.page:
            return None
        if page not in self._peers:
            if len(self._peers) >= MAX_PEERS:
                self._peers = {known: peer for known, peer in self._peers.items() if not peer.is_dormant}
            if len(self._peers) >= MAX_PEERS:
                return None
            self._peers[page] = Peer(self._setting, page, self)
        return self._peers[page]

    # From the peers

    def signal(self, page: str, text: str) -> None:
        if self._meeting is not None:
            self._meeting.signal(page, text)

    def linked(self, link: Link) -> None:
        self._on_link(link)

    def report(self, error: WebraftError) -> None:
        self._on_error(error)

    def given_up(self, page: str) -> None:
        if self._meeting is not None:
            self._meeting.peer_gone(page)
