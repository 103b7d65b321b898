"""A page as `webraft_web.site` asks for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from webraft_web._browser.border import create_callback, glue
from webraft_web._browser.broadcast_channel import BrowserChannel
from webraft_web._browser.journal import JOURNAL_PREFIX, BrowserJournal, journal_error, no_indexed_db
from webraft_web._browser.local_storage import BrowserLocalStorage
from webraft_web._browser.ticker import BrowserClock, shared_clock
from webraft_web._browser.web_locks import BrowserLockRequest
from webraft_web.core.errors import ConfigError, StorageError


class BrowserPlatform:
    """This page, as `webraft_web.site.platform.Platform` asks for it."""

    def __init__(self) -> None:
        self._js_locks = glue("web_locks")
        self._js_journals = glue("journal")
        self._js_lifecycle = glue("lifecycle")
        self._mirror = BrowserLocalStorage()

    @property
    def clock(self) -> BrowserClock:
        return shared_clock()

    @property
    def has_locks(self) -> bool:
        return bool(self._js_locks.hasLocks())

    @property
    def has_journals(self) -> bool:
        return bool(self._js_journals.hasJournals())

    @property
    def has_mirror(self) -> bool:
        return True

    @property
    def keeps_in(self) -> str:
        return "indexeddb"

    def open_channel(self, name: str, on_text: Callable[[str], None]) -> BrowserChannel:
        return BrowserChannel(name, on_text)

    def request_lock(
        self,
        name: str,
        *,
        steal: bool = False,
        on_held: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> BrowserLockRequest:
        if not self.has_locks:
            raise ConfigError(
                "Web Locks are missing, and without them tabs cannot agree on who acts: browsers offer them "
                "on secure origins alone, so serve this page over https, or from localhost"
            )
        return BrowserLockRequest(name, steal=steal, on_held=on_held, on_lost=on_lost)

    def query_locks(self, prefix: str, done: Callable[[list[str]], None]) -> None:
        def answered(text: str) -> None:
            proxy.destroy()
            done(json.loads(text))

        proxy = create_callback(answered)
        self._js_locks.heldLocks(prefix, proxy)

    def open_journal(self, name: str, done: Callable[[BrowserJournal | StorageError], None]) -> None:
        if self.has_journals:
            BrowserJournal(name, done)
        else:
            done(no_indexed_db())

    async def list_journals(self) -> list[str]:
        if not self.has_journals:
            raise no_indexed_db()
        try:
            names = json.loads(await self._js_journals.listJournals(JOURNAL_PREFIX))
        except Exception as error:
            raise StorageError(f"this browser does not list its IndexedDB databases: {error}") from error
        return [name.removeprefix(JOURNAL_PREFIX) for name in names]

    async def delete_journal(self, name: str) -> None:
        failure = await self._js_journals.deleteJournal(JOURNAL_PREFIX + name)
        if failure:
            raise journal_error(name, failure)

    async def dump_journal(self, name: str) -> list[tuple[Any, str]] | None:
        dump = json.loads(await self._js_journals.dumpJournal(JOURNAL_PREFIX + name))
        if dump["failure"]:
            raise journal_error(name, dump["failure"], "load")
        return None if dump["columns"] is None else list(zip(*dump["columns"], strict=True))

    def keep_stored(self) -> None:
        self._js_journals.keepStored()

    def on_lifecycle(self, handler: Callable[[str], None]) -> Callable[[], None]:
        proxy = create_callback(handler)
        js_end = self._js_lifecycle.watchLifecycle(proxy)

        def end() -> None:
            nonlocal proxy
            if proxy is not None:
                js_end()
                proxy.destroy()
                proxy = None

        return end

    def is_visible(self) -> bool:
        return bool(self._js_lifecycle.isVisible())

    def page_url(self) -> str:
        return str(self._js_lifecycle.pageUrl())

    def page_fragment(self) -> str:
        return str(self._js_lifecycle.pageFragment())

    def mirror_get(self, key: str) -> str | None:
        return self._mirror.get(key)

    def mirror_set(self, key: str, text: str) -> None:
        self._mirror.set(key, text)

    def mirror_remove(self, key: str) -> None:
        self._mirror.remove(key)

    def random_id(self) -> str:
        return os.urandom(16).hex()  # as `secrets` has it, which takes long to import
