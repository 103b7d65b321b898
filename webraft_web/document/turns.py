"""Whose update goes first when updates keep superseding one another.

An update that loses twice gets its session into this queue. While another
session heads it, well-behaved clients hold their new commands back for a
moment, so that the head's next try meets an unchanged document: no tab starves,
however fast the others write. The queue never refuses a command, so a client
that ignores it, or dies at its head, costs the others a bounded wait.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from webraft_web.document.commands import check_count
from webraft_web.json_text import Json

MAX_TURNS: Final = 64
"""Sessions that may wait; the others go on trying without a turn."""

TURN_LENGTH: Final = 256
"""Commands after which the head's turn is over, used or not; more than the others may have under way."""


class Turns:
    """The bounded queue, first come first served. Part of the machine: it follows from the log alone."""

    def __init__(self) -> None:
        self._queue: deque[int] = deque()
        self._commands = 0
        """Commands since the present head came to the front."""

    @property
    def head(self) -> int | None:
        """The session whose turn it is."""
        return self._queue[0] if self._queue else None

    def ask(self, session_id: int) -> None:
        """Queue up, unless in the queue already or it is full."""
        if session_id not in self._queue and len(self._queue) < MAX_TURNS:
            self._queue.append(session_id)

    def leave(self, session_id: int) -> None:
        """Leave the queue, wherever in it."""
        if session_id == self.head:
            self._next()
        elif session_id in self._queue:
            self._queue.remove(session_id)

    def count_command(self) -> None:
        """Let a command of the log pass."""
        if self._queue:
            self._commands += 1
            if self._commands > TURN_LENGTH:
                self._next()

    def _next(self) -> None:
        self._queue.popleft()
        self._commands = 0

    def to_json(self) -> Json:
        """Return everything for a snapshot."""
        return [self._commands, *self._queue]

    @classmethod
    def from_json(cls, data: Json) -> Turns:
        """Read what `to_json` wrote.

        Raises:
            ValueError: If it cannot be that.
        """
        if type(data) is not list or len(data) > MAX_TURNS + 1:
            raise ValueError("turns are a bounded list")
        commands, *queue = map(check_count, data)
        if len(set(queue)) != len(queue):
            raise ValueError("a session queues once")
        turns = cls()
        turns._commands = commands
        turns._queue.extend(queue)
        return turns
