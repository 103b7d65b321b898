"""Reads of a tab that does not run the server: it asks the one that does how far to read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from webraft_web.core.errors import WebraftError
from webraft_web.site.local_copy import LocalCopy
from webraft_web.site.protocol import ReadAnswer, ReadRequest

REMEMBERED: Final = 64
"""Questions whose answers may still come: it is asked again and again while nobody leads."""


class Questions:
    """What one tab has asked the runner and has no answer to yet.

    Args:
        copy: This tab's copy, which is to be read.
        post: Says something to the tab with an id.
    """

    def __init__(self, copy: LocalCopy, post: Callable[[ReadRequest, str], None]) -> None:
        self._copy = copy
        self._post = post
        self._asked: dict[int, Callable[[int | WebraftError], None]] = {}
        self._last = 0

    def ask(self, runner: str, done: Callable[[int | WebraftError], None]) -> None:
        """Ask the tab `runner`, and hand over what it answers, if it does."""
        self._last += 1
        self._asked[self._last] = done
        self._asked.pop(self._last - REMEMBERED, None)
        self._post(ReadRequest(self._last), runner)

    def answered(self, answer: ReadAnswer) -> None:
        """Take an answer in, unless it speaks of another cluster: then it says nothing about this copy."""
        done = self._asked.pop(answer.request_id, None)
        if done is not None and answer.cluster == self._copy.cluster:
            done(answer.read_index)

    def forget(self) -> None:
        """Expect no answers: whoever was asked does not run the server any more."""
        self._asked.clear()
