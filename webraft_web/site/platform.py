"""What a page must offer to take part in a room: one seam, faked in virtual time by the tests.

`webraft_web._browser.BrowserPlatform` is the real one, `webraft_web.testing.tabs`
the simulated one, and `webraft_web.peer.platform` has that of a process, which
is a browser with one page. Everything is callback style and is called back in
the event callback itself, never from a task: a frozen page still gets messages,
but runs no tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from webraft_web.clock import Clock
from webraft_web.core.errors import StorageError

if TYPE_CHECKING:
    from webraft_web.storage.journal import JournalStore


class Channel(Protocol):
    """One end of a channel that all tabs of this browser share (BroadcastChannel)."""

    def post(self, text: str) -> None:
        """Send `text` to every other end of the same name, never to this one.

        It may be lost, and different senders' texts arrive in any order. After
        `close` it does nothing.
        """

    def close(self) -> None:
        """Hear and send nothing more; idempotent."""


class LockRequest(Protocol):
    """A lock that is held, or waited for (Web Locks)."""

    def release(self) -> None:
        """Let the lock go, or give up waiting; no callback comes afterwards; idempotent."""


class Platform(Protocol):
    """One page: its clock, channels, locks, journals, lifecycle and small mirror storage."""

    @property
    def clock(self) -> Clock:
        """Time that does not slow down while the page is hidden. It stops while it is frozen."""

    @property
    def has_locks(self) -> bool:
        """Whether Web Locks exist; they do not on insecure origins."""

    @property
    def has_journals(self) -> bool:
        """Whether IndexedDB exists. It may still fail to open, see `open_journal`."""

    @property
    def has_mirror(self) -> bool:
        """Whether there is a small storage, for a copy that somebody may want to see early."""

    @property
    def keeps_in(self) -> str:
        """What journals are kept in, as `status` calls it: "indexeddb" or "sqlite"."""

    def open_channel(self, name: str, on_text: Callable[[str], None]) -> Channel:
        """Join the channel `name`; `on_text` runs synchronously in the message event."""

    def request_lock(
        self,
        name: str,
        *,
        steal: bool = False,
        on_held: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> LockRequest:
        """Ask for the lock `name`, which one page holds at a time, first come first served.

        Args:
            name: Locks belong to the origin.
            steal: Take it from whoever holds it, at once, past everybody waiting.
            on_held: Called once when the lock is held; never before this method returns.
            on_lost: Called once with "" when a held lock was stolen. Not after `release`.
                Also instead of `on_held` when the browser refuses the request, with what it answered.
        """

    def query_locks(self, prefix: str, done: Callable[[list[str]], None]) -> None:
        """Hand over the names of all held locks of this origin that begin with `prefix`.

        `done` comes later or never (a page being closed); with an empty list
        where the browser refuses.
        """

    def open_journal(self, name: str, done: Callable[[JournalStore | StorageError], None]) -> None:
        """Open the journal of the room `name`, creating an empty one. `done` comes once."""

    async def list_journals(self) -> list[str]:
        """Return the names of the rooms that have a journal here, sorted.

        Raises:
            StorageError: If there is no IndexedDB or it cannot be listed.
        """

    async def delete_journal(self, name: str) -> None:
        """Delete the journal of the room `name`, if there is one.

        Open stores of it learn by their `on_closed`.

        Raises:
            StorageError: If it could not be deleted, or not yet: a page that hangs holds it open.
        """

    async def dump_journal(self, name: str) -> list[tuple[Any, str]] | None:
        """Return all that the journal of the room `name` holds, in order; None if there is none.

        Whatever its layout, and however damaged: a key that is no position comes
        as JSON has it, and a record that is missing or cannot be read as "".

        Raises:
            StorageError: If not even that can be read.
        """

    def keep_stored(self) -> None:
        """Ask the browser not to give up what is stored when space is short, unless it would ask the user."""

    def on_lifecycle(self, handler: Callable[[str], None]) -> Callable[[], None]:
        """Call `handler` synchronously in the page's lifecycle events; return what ends that.

        Its argument is one of "freeze", "resume", "pagehide", "pageshow",
        "hidden", "visible".
        """

    def is_visible(self) -> bool:
        """Whether somebody may be looking at the page."""

    def page_url(self) -> str:
        """Return the page's address, without its fragment."""

    def page_fragment(self) -> str:
        """Return the fragment of the page's address, "" if it has none."""

    def mirror_get(self, key: str) -> str | None:
        """Return the text at `key` in localStorage; None if there is none, or no localStorage."""

    def mirror_set(self, key: str, text: str) -> None:
        """Put `text` at `key` in localStorage.

        Raises:
            StorageError: If it is full, forbidden or missing.
        """

    def mirror_remove(self, key: str) -> None:
        """Remove `key` from localStorage, if it is there."""

    def random_id(self) -> str:
        """Return 32 random hexadecimal characters."""
