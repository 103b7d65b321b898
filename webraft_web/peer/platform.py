"""A process as `webraft_web.site` asks for it: a browser with one page, which is always visible.

Its journals are SQLite files in one directory. Nobody shares its locks and
channels, so these are simple; what keeps a second process out is the lock that
comes with an open file, and where that fails the journal itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import string
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from webraft_web.clock import AsyncioClock
from webraft_web.core.errors import StorageError
from webraft_web.storage.journal import JournalStore
from webraft_web.storage.sqlite import SQLiteJournal, delete_file, dump_file, room_in

SUFFIX: Final = ".sqlite3"
_PLAIN: Final = frozenset(string.ascii_letters + string.digits + "-_")
_MAX_FILE_NAME: Final = 160


def file_name(room: str) -> str:
    """Return the name of a room's file; what could mean something to a file system is spelled out."""
    name = "".join(
        sign if sign in _PLAIN else "".join(f"%{byte:02x}" for byte in sign.encode()) for sign in room
    )
    if len(name) > _MAX_FILE_NAME:
        name = f"{name[:_MAX_FILE_NAME]}-{hashlib.sha256(room.encode()).hexdigest()[:16]}"
    return name + SUFFIX


class ProcessPlatform:
    """This process; see `site.platform.Platform`.

    Args:
        directory: Where rooms are kept; created when the first is.
    """

    has_locks = True
    has_journals = True
    has_mirror = False
    keeps_in = "sqlite"

    def __init__(self, directory: Path) -> None:
        self.clock = AsyncioClock()
        self._directory = directory
        self._locks: dict[str, deque[_LockRequest]] = {}
        self._handlers: list[Callable[[str], None]] = []

    def leave(self) -> None:
        """Have all rooms do what they do when a page goes away: others go on without this process."""
        for handler in list(self._handlers):
            handler("pagehide")

    def path(self, room: str) -> Path:
        """Return where a room is kept."""
        return self._directory / file_name(room)

    def open_channel(self, name: str, on_text: Callable[[str], None]) -> _NoChannel:
        del name, on_text
        return _NoChannel()

    def request_lock(
        self, name: str, *, steal: bool = False, on_held: Callable[[], None], on_lost: Callable[[str], None]
    ) -> _LockRequest:
        del steal, on_lost  # who holds a lock here hangs only together with everybody else
        return _LockRequest(self._locks.setdefault(name, deque()), self.clock, on_held)

    def query_locks(self, prefix: str, done: Callable[[list[str]], None]) -> None:
        held = sorted(name for name, requests in self._locks.items() if requests and name.startswith(prefix))
        self.clock.call_soon(lambda: done(held))

    def open_journal(self, name: str, done: Callable[[JournalStore | StorageError], None]) -> None:
        SQLiteJournal(self.path(name), name, done, is_alone=True)

    async def list_journals(self) -> list[str]:
        paths = await asyncio.to_thread(lambda: list(self._directory.glob(f"*{SUFFIX}")))
        rooms = [await asyncio.to_thread(room_in, path) for path in paths]
        return sorted(room for room in rooms if room is not None)

    async def delete_journal(self, name: str) -> None:
        await asyncio.to_thread(delete_file, self.path(name), name)

    async def dump_journal(self, name: str) -> list[tuple[Any, str]] | None:
        return await asyncio.to_thread(dump_file, self.path(name), name)

    def keep_stored(self) -> None:
        """Nothing is to be asked for: nobody but its owner takes a file away."""

    def on_lifecycle(self, handler: Callable[[str], None]) -> Callable[[], None]:
        self._handlers.append(handler)
        return lambda: self._handlers.remove(handler) if handler in self._handlers else None

    def is_visible(self) -> bool:
        return True

    def page_url(self) -> str:
        return ""

    def page_fragment(self) -> str:
        return ""

    def mirror_get(self, key: str) -> str | None:
        del key
        return None

    def mirror_set(self, key: str, text: str) -> None:
        """There is no mirror."""

    def mirror_remove(self, key: str) -> None:
        """There is no mirror."""

    def random_id(self) -> str:
        return secrets.token_hex(16)


class _NoChannel:
    """A channel with no other end."""

    def post(self, text: str) -> None:
        """Nobody hears it."""

    def close(self) -> None:
        """Nothing was open."""


class _LockRequest:
    """A lock that is held by the first in the queue."""

    def __init__(
        self, requests: deque[_LockRequest], clock: AsyncioClock, on_held: Callable[[], None]
    ) -> None:
        self._requests = requests
        self._clock = clock
        self._on_held = on_held
        requests.append(self)
        self._grant()

    def release(self) -> None:
        if self in self._requests:
            is_held = self._requests[0] is self
            self._requests.remove(self)
            if is_held and self._requests:
                self._requests[0]._grant()  # noqa: SLF001 - another of its kind

    def _grant(self) -> None:
        if self._requests[0] is self:
            self._clock.call_soon(lambda: self._on_held() if self in self._requests else None)
