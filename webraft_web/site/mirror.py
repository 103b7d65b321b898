"""A copy of the document in localStorage, so that the next page can paint it before Python has booted.

It is not the truth, which is the journal: a browser that is killed loses the
last seconds of localStorage. One value per room, `webraft:room:{name}`:

    {"cluster": "…", "term": 3, "index": 14, "data": …}
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, Final

from webraft_web.core.errors import StorageError
from webraft_web.site.local_copy import LocalCopy
from webraft_web.site.platform import Platform

WRITE_EVERY_MS: Final = 500
MAX_SIZE: Final = 2_000_000
"""localStorage holds some 5 million characters for the whole origin."""
MAX_SHARE: Final = 50
"""Writing takes at most one part in so many of the page's time."""

LATE_MS: Final = 400
"""A page that is this late was blocked or asleep: another tab may have taken over."""

_logger = logging.getLogger(__name__)


def mirror_key(room: str) -> str:
    """Return the localStorage key of a room's mirror."""
    return f"webraft:room:{room}"


class Mirror:
    """Keeps one room's mirror up to date, lazily.

    Of one cluster it never goes back. Which of two clusters is the later one the
    mirror itself cannot tell: so only the tab that runs the room's server writes,
    and not when it has just woken up, before it knows whether it still does.

    Args:
        platform: The page.
        room: The room's name.
        copy: What is mirrored.
        may_write: Whether this tab is the one to write.
    """

    def __init__(
        self, platform: Platform, room: str, copy: LocalCopy, may_write: Callable[[], bool] = lambda: True
    ) -> None:
        self._platform = platform
        self._key = mirror_key(room)
        self._copy = copy
        self._may_write = may_write
        self._is_closed = False
        self._is_refused = False
        self._due_ms: int | None = None
        self._not_before_ms = 0
        self._written: tuple[str, int] | None = None
        self._timer = platform.clock.timer(self._on_due)

    def touch(self) -> None:
        """Note that the document has changed."""
        if self._due_ms is None and not self._is_closed:
            self._due_ms = max(self._platform.clock.now_ms() + WRITE_EVERY_MS, self._not_before_ms)
            self._timer.set(self._due_ms)

    def write(self) -> None:
        """Write now, if there is something new; never over something newer of the same cluster."""
        if self._is_closed or not self._may_write():
            return
        started_ms = self._platform.clock.now_ms()
        self._timer.set(None)
        self._due_ms = None
        copy = self._copy
        if self._written == (copy.cluster, copy.applied_index) or self._is_newer_there():
            return
        self._written = (copy.cluster, copy.applied_index)
        text = json.dumps(
            {
                "cluster": copy.cluster,
                "term": copy.applied_term,
                "index": copy.applied_index,
                "data": copy.client.document,
            },
            separators=(",", ":"),
        )
        self._put(text)
        ended_ms = self._platform.clock.now_ms()
        self._not_before_ms = ended_ms + (ended_ms - started_ms) * MAX_SHARE

    def discard(self) -> None:
        """Write nothing more, and leave nothing of this cluster: the room was deleted."""
        self.close()
        if self._place_there() is not None:
            self._platform.mirror_remove(self._key)

    def close(self) -> None:
        """Write nothing more."""
        self._is_closed = True
        self._timer.close()

    def _on_due(self) -> None:
        due_ms, self._due_ms = self._due_ms, None
        if due_ms is not None and self._platform.clock.now_ms() - due_ms > LATE_MS:
            self.touch()
        else:
            self.write()

    def _put(self, text: str) -> None:
        if len(text) > MAX_SIZE:
            self._do_without(f"it would take {len(text)} characters, at most {MAX_SIZE} are used")
            return
        try:
            self._platform.mirror_set(self._key, text)
        except StorageError as error:
            self._do_without(str(error))
        else:
            self._is_refused = False

    def _do_without(self, reason: str) -> None:
        # A mirror of long ago would be painted as if it were of today.
        self._platform.mirror_remove(self._key)
        if not self._is_refused:
            self._is_refused = True
            _logger.warning(
                "%s is not written until it can be again, but the document is kept: %s", self._key, reason
            )

    def _is_newer_there(self) -> bool:
        place = self._place_there()
        return place is not None and place > (self._copy.applied_term, self._copy.applied_index)

    def _place_there(self) -> tuple[int, int] | None:
        """Return term and index of the mirror that is there; None if it is not of this cluster."""
        text = self._platform.mirror_get(self._key) or ""
        try:
            # What stands before the document, which may be large and comes last, see `write`.
            there: Any = json.loads(text.partition(',"data":')[0] + "}")
            if there["cluster"] == self._copy.cluster:
                return int(there["term"]), int(there["index"])
        except (ValueError, TypeError, KeyError, RecursionError):
            pass  # anybody may write to localStorage
        return None
