"""A copy of the document in localStorage, so that the next page can paint it before Python has booted.

It is not the truth, which is the journal: a browser that is killed loses the
last seconds of localStorage. One value per room, `webraft:room:{name}`:

    {"cluster": "…", "term": 3, "index": 14, "data": …}
"""

from __future__ import annotations

import json
import logging
from typing import Any, Final

from webraft_web.core.errors import StorageError
from webraft_web.site.local_copy import LocalCopy
from webraft_web.site.platform import Platform

WRITE_EVERY_MS: Final = 500
MAX_SIZE: Final = 2_000_000
"""localStorage holds some 5 million characters for the whole origin."""
MAX_SHARE: Final = 50
"""Writing takes at most one part in so many of the page's time."""

_logger = logging.getLogger(__name__)


def mirror_key(room: str) -> str:
    """Return the localStorage key of a room's mirror."""
    return f"webraft:room:{room}"


class Mirror:
    """Keeps one room's mirror up to date, lazily."""

    def __init__(self, platform: Platform, room: str, copy: LocalCopy) -> None:
        self._platform = platform
        self._key = mirror_key(room)
        self._copy = copy
        self._is_off = False
        self._is_due = False
        self._not_before_ms = 0
        self._written: tuple[str, int] | None = None
        self._timer = platform.clock.timer(self.write)

    def touch(self) -> None:
        """Note that the document has changed."""
        if not self._is_due and not self._is_off:
            self._is_due = True
            self._timer.set(max(self._platform.clock.now_ms() + WRITE_EVERY_MS, self._not_before_ms))

    def write(self) -> None:
        """Write now, if there is something new; never over something newer of the same cluster."""
        if self._is_off:
            return
        started_ms = self._platform.clock.now_ms()
        self._timer.set(None)
        self._is_due = False
        copy = self._copy
        if self._written == (copy.cluster, copy.applied_index) or self._is_newer_there():
            return
        text = json.dumps(
            {
                "cluster": copy.cluster,
                "term": copy.applied_term,
                "index": copy.applied_index,
                "data": copy.client.document,
            },
            separators=(",", ":"),
        )
        if len(text) > MAX_SIZE:
            self._turn_off(f"it would take {len(text)} characters, at most {MAX_SIZE} are used")
            return
        try:
            self._platform.mirror_set(self._key, text)
        except StorageError as error:
            self._turn_off(str(error))
            return
        self._written = (copy.cluster, copy.applied_index)
        ended_ms = self._platform.clock.now_ms()
        self._not_before_ms = ended_ms + (ended_ms - started_ms) * MAX_SHARE

    def close(self) -> None:
        """Write nothing more."""
        self._is_off = True
        self._timer.close()

    def _turn_off(self, reason: str) -> None:
        self._is_off = True
        # A mirror of long ago would be painted as if it were of today.
        self._platform.mirror_remove(self._key)
        _logger.warning("%s is not written any more, but the document is kept: %s", self._key, reason)

    def _is_newer_there(self) -> bool:
        text = self._platform.mirror_get(self._key)
        if text is None:
            return False
        try:
            there: Any = json.loads(text)
            return bool(there["cluster"] == self._copy.cluster and there["index"] > self._copy.applied_index)
        except (ValueError, TypeError, KeyError, RecursionError):
            return False
