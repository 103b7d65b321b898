"""Signalling by hand: an offer and an answer, two texts that people carry, and no server at all.

A text is sealed with the room's keys and holds all that the other page has to
know, so it is given out only once all ways to this page have been gathered.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from webraft_web.core.errors import AuthenticationError, BadArgumentError, TransportError
from webraft_web.transports.webrtc.handshake import AuthenticationKeys
from webraft_web.transports.webrtc.link import End, Link, Setting
from webraft_web.transports.webrtc.peer import Peer

GATHERING_S: Final = 5.0
"""How long to wait for ways that are slow to be found, as with a STUN server that does not answer."""
_OFFER: Final = "webraft-offer"
_ANSWER: Final = "webraft-answer"
_ID_BYTES: Final = 16


class PasteKeys(AuthenticationKeys, Protocol):
    """What is needed of a room's keys; `transports.keys.RoomKeys` is one."""

    async def seal(self, text: str, context: str) -> str:
        """Return `text` so that only holders of the secret can read it, and nobody else can have made it."""

    async def open(self, sealed: str, context: str) -> str:
        """Undo `seal` for the same context, or raise AuthenticationError."""


@dataclass(frozen=True)
class Introduction:
    """What an offer or an answer says: whose it is, which offer's, and what its link is to be signalled."""

    page: str
    offer: str
    signals: list[str]


class Offer:
    """A link that waits for somebody's answer."""

    def __init__(self, setting: Setting) -> None:
        self.id = setting.token(_ID_BYTES)
        self._page = setting.page
        self._gathering = _Gathering()
        self._link = Link(setting, "", self._gathering, is_polite=False, is_first=True)

    async def text(self, keys: PasteKeys) -> str:
        """Return what the other page's `answer_offer` takes."""
        return await _write(keys, _OFFER, Introduction(self._page, self.id, await self._gathering.signals()))

    def accept(self, answer: Introduction, peer: Peer) -> None:
        """Go on with the page that answered."""
        self._link.page = answer.page
        peer.adopt(self._link, is_patient=False)
        for signal in answer.signals:
            self._link.signalled(signal)

    def close(self) -> None:
        """Wait no longer."""
        self._link.close()


async def read_offer(keys: PasteKeys, text: str, page: str) -> Introduction:
    """Return what another page's offer says; see `Mesh.answer_offer` for its errors."""
    offer = await _read(keys, _OFFER, text)
    if offer.page == page:
        raise BadArgumentError("this is this page's own offer: carry it to another page")
    return offer


async def answer_to(keys: PasteKeys, setting: Setting, offer: Introduction) -> tuple[Link, str]:
    """Open a link for `offer`, and return it with what the page that offers has to accept."""
    gathering = _Gathering()
    link = Link(setting, offer.page, gathering, is_polite=True, is_first=False)
    for signal in offer.signals:
        link.signalled(signal)
    try:
        text = await _write(keys, _ANSWER, Introduction(setting.page, offer.offer, await gathering.signals()))
    except BaseException:
        link.drop("there is no answer to carry")
        raise
    return link, text


async def read_answer(keys: PasteKeys, text: str, offers: Mapping[str, Offer]) -> Introduction:
    """Return what an answer to one of `offers` says; see `Mesh.accept_answer` for its errors."""
    answer = await _read(keys, _ANSWER, text)
    if answer.offer not in offers:
        raise BadArgumentError(
            "this answers an offer that does not wait for it any more: it was accepted already, "
            "or the page that made it was reloaded; make a new offer"
        )
    return answer


class _Gathering:
    """Collects what a link is to signal until all of it is there."""

    def __init__(self) -> None:
        self._signals: list[str] = []
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def signals(self) -> list[str]:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._done), GATHERING_S)
        return self._signals

    def signal(self, text: str) -> None:
        self._signals.append(text)

    def gathered(self) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def opened(self, link: Link) -> None:
        """Not before somebody has carried a text, and then it is a peer's."""

    def dismissed(self, link: Link) -> None:
        """Its offer is closed with the mesh."""

    def ended(self, _: Link, end: End) -> None:
        if not self._done.done():
            self._done.set_exception(
                TransportError(f"the connection ended before it was begun: {end.reason}")
            )


async def _write(keys: PasteKeys, kind: str, introduction: Introduction) -> str:
    fields = [introduction.page, introduction.offer, introduction.signals]
    return f"{kind}:{await keys.seal(json.dumps(fields), kind)}"


async def _read(keys: PasteKeys, kind: str, text: str) -> Introduction:
    found, _, sealed = "".join(text.split()).partition(":")  # mail breaks long lines
    if found != kind or not sealed:
        other = {_OFFER: "an offer", _ANSWER: "an answer"}
        raise BadArgumentError(
            f"{text[:40]!r} is {other.get(found, 'something else')}, expected {other[kind]}"
        )
    fields = json.loads(await keys.open(sealed, kind))
    match fields:
        case [str(page), str(offer), [*signals]] if all(isinstance(signal, str) for signal in signals):
            return Introduction(page, offer, signals)
        case _:
            raise AuthenticationError(
                f"this {kind} was sealed for the room, but holds nothing that can be used"
            )
