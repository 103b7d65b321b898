"""Introductions by copy and paste: two texts that people carry link two pages, with no server at all.

A place in `signaling` like a server's, but not a strategy: a strategy carries many
texts, and nobody would paste more than two. What is in them is in `paste`.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from webraft_web.core.errors import LocalProtocolError

OPEN_WITHIN_S: Final = 10
"""How long the links may take to begin: keys are derived, and another tab's end of them comes to its end."""


class Introducer(Protocol):
    """Who is introduced; `Mesh` is one."""

    async def create_offer(self) -> str:
        """See `Mesh.create_offer`, as for the others."""

    async def answer_offer(self, text: str) -> str: ...

    async def accept_answer(self, text: str) -> None: ...


class CopyAndPaste:
    """Introduces pages of different browsers by two texts, carried by people.

        by_hand = CopyAndPaste()
        joining = asyncio.ensure_future(join_room("trip", secret=secret, signaling=[by_hand]))

    One page makes an offer, the other one answers it, and the first accepts the
    answer. Each introduction links two pages. The texts are sealed with keys from the
    secret: whoever carries them learns nothing.

    All of these raise LocalProtocolError if this page has no links of its own: the room's
    other tab has them, or the room is not being joined.
    """

    url = "copy and paste"

    def __init__(self) -> None:
        self._introducer: Introducer | None = None
        self._is_there = asyncio.Event()

    async def create_offer(self) -> str:
        """Return a text for one other page's `answer_offer`; it may take any time to get there."""
        return await (await self._ready()).create_offer()

    async def answer_offer(self, text: str) -> str:
        """Return the answer to another page's offer, for its `accept_answer`.

        Raises:
            AuthenticationError: If the offer was not made for this room, or is not whole.
            BadArgumentError: If it is no offer, this page's own, or from a page that is linked already.
        """
        return await (await self._ready()).answer_offer(text)

    async def accept_answer(self, text: str) -> None:
        """Link with the page that gave this answer to this page's offer.

        Raises:
            AuthenticationError: If the answer was not made for this room, or is not whole.
            BadArgumentError: If it is no answer, or not to an offer of this page that still waits.
        """
        await (await self._ready()).accept_answer(text)

    def attach(self, introducer: Introducer) -> None:
        """Introduce this one from now on: the page's links have begun, maybe anew."""
        self._introducer = introducer
        self._is_there.set()

    async def _ready(self) -> Introducer:
        try:
            await asyncio.wait_for(self._is_there.wait(), OPEN_WITHIN_S)
        except TimeoutError:
            raise LocalProtocolError(
                f"this page has had no links of its own for {OPEN_WITHIN_S} s: join the room first, and do "
                "this in the tab that runs its server (where status() says another role than observer)"
            ) from None
        assert self._introducer is not None, "it was attached"
        return self._introducer
