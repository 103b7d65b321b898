"""Journals in IndexedDB, and what their failures mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from webraft_web._browser.border import create_callback, glue
from webraft_web.core.errors import FencedError, LocalProtocolError, StorageError

JOURNAL_PREFIX: Final = "webraft:"
"""What the names of this package's IndexedDB databases begin with."""


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

        self._calls: dict[int, tuple[str, Callable[[StorageError | None, Any], None]]] = {
            _OPENING: ("open", opened)
        }
        self._last_call = _OPENING
        js_glue = glue("journal")
        self._proxy: Any = create_callback(self._answered)
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
        self._calls[self._last_call] = verb, done
        getattr(self._js_journal, verb)(self._last_call, *args)

    def _answered(self, call: int, failure: str, result: Any) -> None:
        if call != _CLOSED_FROM_OUTSIDE:
            verb, done = self._calls.pop(call)
            done(journal_error(self.name, failure, verb) if failure else None, result)
        elif self.on_closed is not None:
            self.on_closed(journal_error(self.name, failure))


_OPENING: Final = 0
_CLOSED_FROM_OUTSIDE: Final = -1

_ADVICE: Final = {
    "QuotaExceededError": "the browser's storage for this origin is full; what was stored before is intact, "
    "what was being written is not stored: free some space, and open rooms go on by themselves",
    "VersionError": "a newer version of this package wrote it; reload all pages to get that version",
    "LayoutError": "something else uses a database of this name; it is left as it is",
    "BlockedError": "close the other pages of this origin, or bring them to the front, and try again",
    "VersionChangeError": "join again if it is still wanted",
    "OutdatedError": "reload this page to get that version",
    "ClosedError": "join again to open it anew",
}
_ADVICE_FOR: Final = {
    "open": "it may be that this page is not allowed to keep data, as in some private windows, or that the "
    "disk is full: allow site data and free some space, or ask for "
    'storage="memory", which lasts as long as a tab is open',
    "add": "it may be that the disk is full; what was stored before is intact, what was being written is not "
    "stored: free some space, and open rooms go on by themselves",
    "load": "nothing was changed: export_room saves what can be read, and delete_room makes way",
}


def journal_error(name: str, failure: str, verb: str = "") -> StorageError:
    """Make a failure of the glue, "Name: message", an error that says what to do.

    Args:
        name: The journal.
        failure: What happened.
        verb: What was being done: browsers have few names for many causes.
    """
    kind = failure.partition(":")[0]
    if kind == "ConstraintError":
        return FencedError(f"journal {name!r} was taken over by another page; stop here")
    advice = _ADVICE.get(kind) or _ADVICE_FOR.get(verb)
    # Some of the browser's own errors have a name and nothing to add.
    seen = f"journal {name!r} in IndexedDB: {failure.rstrip(': ')}"
    return StorageError(f"{seen} ({advice})" if advice else seen)


def no_indexed_db() -> StorageError:
    """Return the error that says so, and what to do."""
    return StorageError(
        "IndexedDB is missing here, so nothing can be kept: allow site data for this page, "
        'or ask for storage="memory", which lasts as long as a tab is open'
    )
