"""What a handle asks for and only the room's server can do, in whichever tab that runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from webraft_web.core.errors import OutcomeUnknownError
from webraft_web.site.conditions import Conditions
from webraft_web.site.local_copy import LocalCopy
from webraft_web.site.protocol import Order

DONE_WITHIN_S: Final = 8


class Orders:
    """The orders of one tab, each awaited until what was ordered shows.

    Args:
        room: The room's name.
        copy: This tab's copy of the document.
        conditions: Looked at after every change.
        is_joined: Whether the copy shows all that is committed.
        give: Brings an order to the tab that runs the server, if there is one.
    """

    def __init__(
        self,
        room: str,
        copy: LocalCopy,
        conditions: Conditions,
        is_joined: Callable[[], bool],
        give: Callable[[Order], None],
    ) -> None:
        self._room = room
        self._copy = copy
        self._conditions = conditions
        self._is_joined = is_joined
        self._give = give

    async def recover(self) -> None:
        """Mint a new cluster from what this browser holds; return once it serves.

        Raises:
            OutcomeUnknownError: If no runner has done it within some seconds.
        """
        cluster = self._copy.cluster
        await self._until("recover", lambda: self._copy.cluster != cluster and self._is_joined())

    async def yield_to(self, cluster: str) -> None:
        """Give up this browser's cluster, and what it holds, for another that was heard of.

        Raises:
            OutcomeUnknownError: If that has not happened within some seconds.
        """
        await self._until("yield", lambda: self._copy.cluster == cluster and self._is_joined(), cluster)

    async def leave(self, has_left: Callable[[], bool]) -> None:
        """End this browser's membership, if a leader is to be had.

        Raises:
            OutcomeUnknownError: If the room came to its end here meanwhile.
        """
        # Without one nobody can be let go: then the others find out that this one is silent.
        with contextlib.suppress(TimeoutError):
            await self._carried_out("leave", has_left)

    async def _until(self, what: str, is_done: Callable[[], bool], other: str = "") -> None:
        try:
            await self._carried_out(what, is_done, other)
        except TimeoutError as error:
            raise OutcomeUnknownError(
                f"room {self._room!r} was asked to {what}, and within {DONE_WITHIN_S} s it was not seen to; "
                "look at status(), and ask again: it does nothing if it was done meanwhile"
            ) from error

    async def _carried_out(self, what: str, is_done: Callable[[], bool], other: str = "") -> None:
        self._give(Order(what, self._copy.cluster, other))
        await asyncio.wait_for(self._conditions.until(is_done), DONE_WITHIN_S)
