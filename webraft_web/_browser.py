"""The only door to JavaScript: what a page offers, with every proxy's lifetime in one place.

Nothing else imports `js` or `pyodide`. This module imports everywhere; where
there is no Pyodide, using it raises ConfigError.

How the glue gets into the page. `js_glue/src/*.js` travels in the wheel as
`webraft_web/_js/*.js` (in a source tree it is read from where it lies). Each
module stands alone: it imports nothing, and each of its exports begins a line
with `export function` or `export async function`; a test of the glue holds it
to that. So a module becomes a plain script by dropping the word `export`, is
evaluated once, when first used, and needs no blob URL, no dynamic import and no
`await`: a node may be created synchronously. That asks for nothing that
Pyodide's own `run_js` does not ask for.

How long proxies live. One is made per handle (a channel, a journal, a lock
request, a clock, a lifecycle listener), when it is opened, and destroyed when
it is closed; the glue promises to call nothing after that. The border is
crossed as text, once per batch.
"""

from __future__ import annotations

import json
import logging
import math
import re
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from webraft_web.core.errors import ConfigError, FencedError, LocalProtocolError, StorageError, TransportError

IN_PYODIDE: Final = sys.platform == "emscripten"

JOURNAL_PREFIX: Final = "webraft:"
"""What the names of this package's IndexedDB databases begin with."""

_logger = logging.getLogger("webraft_web")


@cache
def _glue(module: str) -> Any:
    """Evaluate one module of the glue, once, and return its exports."""
    if not IN_PYODIDE:
        raise ConfigError(
            "this needs a browser's APIs through Pyodide, and Python runs outside of one here: "
            "use RaftInterface with a transport of your own, or run an always-on peer"
        )
    from pyodide.code import run_js  # noqa: PLC0415 - exists in Pyodide alone

    return run_js(as_script(_glue_text(module), f"webraft_web/_js/{module}.js"))


def _glue_text(module: str) -> str:
    shipped = resources.files("webraft_web") / "_js" / f"{module}.js"
    if shipped.is_file():
        return shipped.read_text("utf-8")
    return (Path(__file__).parents[1] / "js_glue" / "src" / f"{module}.js").read_text("utf-8")


def as_script(text: str, source_url: str) -> str:
    """Turn the text of a module that stands alone into a script whose value is its exports."""
    names = re.findall(r"^export (?:async )?function (\w+)", text, re.MULTILINE)
    body = re.sub(r"^export ", "", text, flags=re.MULTILINE)
    return f"(() => {{\n{body}\nreturn {{ {', '.join(names)} }};\n}})()\n//# sourceURL={source_url}"


def _create_proxy(callback: Callable[..., None]) -> Any:
    """Make `callback` callable from JavaScript until `destroy()`; what it raises is logged."""
    from pyodide.ffi import create_proxy  # noqa: PLC0415 - exists in Pyodide alone

    return create_proxy(lambda *args: _run_logged(callback, *args))


def _run_logged(callback: Callable[..., None], *args: Any) -> None:
    try:
        callback(*args)
    except Exception:
        _logger.exception("a callback from the browser failed")


class BrowserChannel:
    """One end of a BroadcastChannel: text to all other pages and workers of this origin.

    Args:
        name: Channels belong to the origin.
        on_text: Runs synchronously in the message event, in frozen pages too.

    Raises:
        TransportError: If there are no such channels here.
    """

    def __init__(self, name: str, on_text: Callable[[str], None]) -> None:
        js_glue = _glue("broadcast_channel")
        self._proxy: Any = _create_proxy(on_text)
        try:
            self._js_channel = js_glue.openChannel(name, self._proxy)
        except Exception as error:
            self._proxy.destroy()
            raise TransportError(f"BroadcastChannel {name!r} cannot be opened here: {error}") from error
        self._js_post = self._js_channel.post

    def post(self, text: str) -> None:
        """Send `text` to every other end of the same name; after `close` it does nothing."""
        if self._proxy is not None:
            self._js_post(text)

    def close(self) -> None:
        """Hear and send nothing more; idempotent."""
        if self._proxy is not None:
            self._js_channel.close()
            self._proxy.destroy()
            self._proxy = None


class BrowserClock:
    """The page's monotonic time, with timers that stay punctual while it is hidden.

    One per page, see `shared_clock`, for as long as the page lives: all timers
    share one tick of a dedicated worker, and the border is crossed only for a
    deadline before the one that is armed.
    """

    def __init__(self) -> None:
        js_glue = _glue("ticker")
        self._js_call_soon = js_glue.callSoon
        self._due: dict[_BrowserTimer, int] = {}
        self._armed_ms: int | None = None
        self._soon: list[Callable[[], None]] = []
        self._soon_proxy = _create_proxy(self._run_soon)
        self._js_ticker = js_glue.openTicker(_create_proxy(self._tick))

    def now_ms(self) -> int:
        return int(time.monotonic() * 1000)

    def timer(self, callback: Callable[[], None]) -> _BrowserTimer:
        return _BrowserTimer(self, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._soon.append(callback)
        if len(self._soon) == 1:
            self._js_call_soon(self._soon_proxy)

    def move(self, timer: _BrowserTimer, deadline_ms: int | None) -> None:
        """Let `timer` fire at `deadline_ms`, or not at all."""
        if deadline_ms is None:
            self._due.pop(timer, None)
            return
        self._due[timer] = deadline_ms
        if self._armed_ms is None or deadline_ms < self._armed_ms:
            self._arm(deadline_ms)

    def _arm(self, deadline_ms: int) -> None:
        self._armed_ms = deadline_ms
        # Rounded up: a tick before the deadline's millisecond has begun would be for nothing.
        self._js_ticker.set(max(0, math.ceil(deadline_ms - time.monotonic() * 1000)))

    def _tick(self) -> None:
        self._armed_ms = -1  # whatever is set while timers fire, is armed once at the end
        now_ms = self.now_ms()
        for timer, deadline_ms in sorted(self._due.items(), key=lambda item: item[1]):
            # One that fired before it may have moved or cancelled this one.
            if deadline_ms <= now_ms and self._due.get(timer) == deadline_ms:
                del self._due[timer]
                _run_logged(timer.callback)
        self._armed_ms = None
        if self._due:
            self._arm(min(self._due.values()))

    def _run_soon(self) -> None:
        soon, self._soon = self._soon, []
        for callback in soon:
            _run_logged(callback)


class _BrowserTimer:
    def __init__(self, clock: BrowserClock, callback: Callable[[], None]) -> None:
        self._clock = clock
        self.callback = callback

    def set(self, deadline_ms: int | None) -> None:
        self._clock.move(self, deadline_ms)

    def close(self) -> None:
        self._clock.move(self, None)


@cache
def shared_clock() -> BrowserClock:
    """Return the page's clock, which is started at the first call and never ends."""
    return BrowserClock()


class BrowserLockRequest:
    """A Web Lock that is held, or waited for. Arguments as `BrowserPlatform.request_lock`."""

    def __init__(
        self,
        name: str,
        *,
        steal: bool,
        on_held: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._on_held = on_held
        self._on_lost = on_lost
        js_glue = _glue("web_locks")
        self._proxy: Any = _create_proxy(self._happened)
        self._js_request = js_glue.requestLock(name, steal, self._proxy)

    def _happened(self, event: str) -> None:
        if event == "held":
            self._on_held()
        else:
            self._on_lost()

    def release(self) -> None:
        """Let the lock go, or give up waiting; no callback comes afterwards; idempotent."""
        if self._proxy is not None:
            self._js_request.release()
            self._proxy.destroy()
            self._proxy = None


class BrowserJournal:
    """A journal in IndexedDB; what its methods promise stands with `storage.journal.JournalStore`.

    Args:
        name: Journals belong to the origin.
        done: Gets this journal once it is open, or why it cannot be opened.
    """

    def __init__(self, name: str, done: Callable[[BrowserJournal | StorageError], None]) -> None:
        self.name = name
        self.on_closed: Callable[[StorageError], None] | None = None

        def opened(error: StorageError | None, _: Any) -> None:
            if error is not None:
                self.close()
            done(error or self)

        self._calls: dict[int, Callable[[StorageError | None, Any], None]] = {_OPENING: opened}
        self._last_call = _OPENING
        js_glue = _glue("journal")
        self._proxy: Any = _create_proxy(self._answered)
        self._js_journal = js_glue.openJournal(JOURNAL_PREFIX + name, self._proxy)

    def load(self, done: Callable[[list[tuple[int, str]] | StorageError], None]) -> None:
        def loaded(error: StorageError | None, columns: str) -> None:
            done(error or list(zip(*json.loads(columns), strict=True)))

        self._call("load", loaded)

    def add(
        self,
        position: int,
        text: str,
        *,
        discard: Sequence[tuple[int, int]] = (),
        strict: bool = False,
        done: Callable[[StorageError | None], None],
    ) -> None:
        ranges = json.dumps(list(discard)) if discard else ""
        self._call("add", lambda error, _: done(error), position, text, ranges, strict)

    def reaches(self, position: int, done: Callable[[bool | StorageError], None]) -> None:
        self._call("reaches", lambda error, is_taken: done(error or bool(is_taken)), position)

    def close(self) -> None:
        if self._proxy is not None:
            self._calls.clear()
            self._js_journal.close()
            self._proxy.destroy()
            self._proxy = None

    def _call(self, verb: str, done: Callable[[StorageError | None, Any], None], *args: Any) -> None:
        if self._proxy is None:
            raise LocalProtocolError(f"journal {self.name!r} was closed; open it again to use it")
        self._last_call += 1
        self._calls[self._last_call] = done
        getattr(self._js_journal, verb)(self._last_call, *args)

    def _answered(self, call: int, failure: str, result: Any) -> None:
        error = _journal_error(self.name, failure) if failure else None
        if call != _CLOSED_FROM_OUTSIDE:
            self._calls.pop(call)(error, result)
        elif error is not None and self.on_closed is not None:
            self.on_closed(error)


_OPENING: Final = 0
_CLOSED_FROM_OUTSIDE: Final = -1

_ADVICE: Final = {
    "QuotaExceededError": "the browser's storage for this origin is full; what was stored before is intact, "
    "what was being written is not stored: free some space and join again",
    "VersionError": "a newer version of this package wrote it; reload all pages to get that version",
    "LayoutError": "something else uses a database of this name; it is left as it is",
    "BlockedError": "close the other pages of this origin, or bring them to the front, and try again",
    "VersionChangeError": "join again if it is still wanted",
    "InvalidStateError": "its database was closed or removed; join again to open it anew",
}


def _journal_error(name: str, failure: str) -> StorageError:
    """Make a failure of the glue, "Name: message", an error that says what to do."""
    kind = failure.partition(":")[0]
    if kind == "ConstraintError":
        return FencedError(f"journal {name!r} was taken over by another page; stop here")
    advice = _ADVICE.get(kind)
    # Some of the browser's own errors have a name and nothing to add.
    seen = f"journal {name!r} in IndexedDB: {failure.rstrip(': ')}"
    return StorageError(f"{seen} ({advice})" if advice else seen)


def _no_indexed_db() -> StorageError:
    return StorageError(
        "IndexedDB is missing here, so nothing can be kept: allow site data for this page, "
        'or ask for storage="memory", which lasts as long as a tab is open'
    )


class BrowserLocalStorage:
    """Texts under keys in localStorage, which Chromium may lose the last half minute of."""

    def __init__(self) -> None:
        self._js_glue = _glue("local_storage")

    def get(self, key: str) -> str | None:
        """Return the text at `key`; None if there is none, or no localStorage."""
        text = self._js_glue.readText(key)
        return text if isinstance(text, str) else None

    def set(self, key: str, text: str) -> None:
        """Put `text` at `key`, or leave what is there.

        Raises:
            StorageError: If localStorage is full, forbidden or missing.
        """
        failure = self._js_glue.writeText(key, text)
        if failure:
            raise StorageError(
                f"localStorage cannot keep {len(text)} characters at {key!r}: {failure} "
                "(it holds about 5 million in all; what was there before is still there)"
            )

    def remove(self, key: str) -> None:
        """Remove `key`, if it is there and there is localStorage."""
        self._js_glue.removeText(key)

    def check(self) -> None:
        """Make sure that localStorage can be used.

        Raises:
            StorageError: If it is forbidden or missing, as in workers.
        """
        failure = self._js_glue.whyUnusable()
        if failure:
            raise StorageError(f"localStorage cannot be used here: {failure} (pages have it, workers do not)")


class BrowserPlatform:
    """This page, as `webraft_web.site.platform.Platform` asks for it."""

    def __init__(self) -> None:
        self._js_locks = _glue("web_locks")
        self._js_journals = _glue("journal")
        self._js_lifecycle = _glue("lifecycle")
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

    def open_channel(self, name: str, on_text: Callable[[str], None]) -> BrowserChannel:
        return BrowserChannel(name, on_text)

    def request_lock(
        self,
        name: str,
        *,
        steal: bool = False,
        on_held: Callable[[], None],
        on_lost: Callable[[], None],
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

        proxy = _create_proxy(answered)
        self._js_locks.heldLocks(prefix, proxy)

    def open_journal(self, name: str, done: Callable[[BrowserJournal | StorageError], None]) -> None:
        if self.has_journals:
            BrowserJournal(name, done)
        else:
            done(_no_indexed_db())

    async def list_journals(self) -> list[str]:
        if not self.has_journals:
            raise _no_indexed_db()
        try:
            names = json.loads(await self._js_journals.listJournals(JOURNAL_PREFIX))
        except Exception as error:
            raise StorageError(f"this browser does not list its IndexedDB databases: {error}") from error
        return [name.removeprefix(JOURNAL_PREFIX) for name in names]

    async def delete_journal(self, name: str) -> None:
        failure = await self._js_journals.deleteJournal(JOURNAL_PREFIX + name)
        if failure:
            raise _journal_error(name, failure)

    def on_lifecycle(self, handler: Callable[[str], None]) -> Callable[[], None]:
        proxy = _create_proxy(handler)
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

    def mirror_get(self, key: str) -> str | None:
        return self._mirror.get(key)

    def mirror_set(self, key: str, text: str) -> None:
        self._mirror.set(key, text)

    def mirror_remove(self, key: str) -> None:
        self._mirror.remove(key)

    def random_id(self) -> str:
        return secrets.token_hex(16)


async def fetch_text(url: str) -> str:
    """Return the text at `url`, as the page's `fetch` gets it.

    Raises:
        TransportError: If it cannot be reached, or answers with an error.
    """
    if not IN_PYODIDE:
        raise ConfigError(f"{url!r} is fetched by a browser, and Python runs outside of one here")
    from pyodide.http import pyfetch  # noqa: PLC0415 - exists in Pyodide alone

    try:
        response = await pyfetch(url)
    except Exception as error:
        raise TransportError(f"{url!r} cannot be fetched: {error}") from error
    if not response.ok:
        raise TransportError(f"{url!r} answered {response.status}, expected the text of a stored value")
    return str(await response.text())
