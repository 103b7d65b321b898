"""README's localStorage example, made safe: `apply` and `refresh` handlers that keep a document.

Commands are JSON Patches: one RFC 6902 operation, or a list of them. The whole
document is one value under one key, written at once with the place in the log
that it stands for, so that no crash leaves half of it. It is what the page shows
first, not the truth: that is the log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, Protocol

from webraft_web.core.errors import BadArgumentError, PatchConflictError, RemoteProtocolError, WebraftError
from webraft_web.emitter import Handler
from webraft_web.json_text import (
    MAX_DEPTH,
    clone,
    decode,
    encode,
    is_within_depth,
    nesting_bound,
    to_json_text,
)
from webraft_web.patching import Conflict, apply_patch, check_patch

KEY_PREFIX: Final = "webraft:"


class TextStore(Protocol):
    """Texts under keys, like localStorage."""

    def get(self, key: str) -> str | None:
        """Return the text at `key`, None if there is none."""

    def set(self, key: str, text: str) -> None:
        """Replace the text at `key`, or raise StorageError and leave what is there."""


class HandledServer(Protocol):
    """What of a RaftInterface is needed here."""

    @property
    def address(self) -> str: ...
    @property
    def cluster_id(self) -> str | None: ...
    def term_of(self, index: int) -> int | None: ...
    def listen(self, event: str, handler: Handler) -> Callable[[], None]: ...
    def emit(self, event: str, *arguments: object) -> None: ...


class Value(NamedTuple):
    """The document, and the place in a cluster's log that it stands for."""

    cluster: str | None = None
    term: int = 0
    index: int = 0  # type: ignore[assignment]  # hides a method of tuples that nobody needs here
    data: Any = None


class LocalStorageHandlers:
    """Keeps a server's document in localStorage, from its construction on.

    An entry at or below the stored index is not applied again. A value of another
    cluster means nothing in this one: `url` is asked for a better one, and without
    it the document starts as `{}`; see `previous` for what was there. A patch that
    cannot apply changes nothing, on any server alike, and is told by the server's
    `error` event; a full localStorage is told as well, and tried again until there
    is room.

    Args:
        raft: The server.
        key: Of the value; None for `webraft:` and the server's address.
        url: Where `refresh` gets a value, in the form in which it is stored:
            `{"cluster", "term", "index", "data"}`. None for localStorage alone.
        storage: In place of the browser's localStorage.
        fetch: In place of the browser's fetch: returns the text at a URL.

    Raises:
        ConfigError: Without a browser, if `storage` is None.
        StorageError: If localStorage cannot be used, as in workers, and `storage` is None.
    """

    def __init__(
        self,
        raft: HandledServer,
        key: str | None = None,
        url: str | None = None,
        *,
        storage: TextStore | None = None,
        fetch: Callable[[str], Awaitable[str]] | None = None,
    ) -> None:
        self.key = KEY_PREFIX + raft.address if key is None else key
        self.url = url
        self._raft = raft
        self._storage = _browser_storage() if storage is None else storage
        self._fetch = _browser_fetch if fetch is None else fetch
        self._text: str | None = None
        self._value = Value()
        self.previous: Any = self.data
        """What was stored before this server's first entry: perhaps another cluster's document."""
        self._unlisten = [raft.listen("apply", self._apply), raft.listen("refresh", self._refresh)]

    @property
    def data(self) -> Any:
        """The document as it is stored: a copy."""
        return clone(self._load().data)

    @property
    def index(self) -> int:
        """The index of the last entry in it."""
        return self._load().index

    def close(self) -> None:
        """Listen no more; what is stored stays."""
        for unlisten in self._unlisten:
            unlisten()

    def _apply(self, command: Any, index: int, done: Callable[..., None]) -> Any:
        value = self._load()
        if value.cluster == self._raft.cluster_id or self.url is None:
            self._advance(command, index)
            done()
            return None
        return self._apply_after_refresh(command, index, done)

    async def _apply_after_refresh(self, command: Any, index: int, done: Callable[..., None]) -> None:
        """Apply the first entry of another cluster than the stored value's."""
        try:
            fetched = await self._fetch_value()
            if fetched.cluster == self._raft.cluster_id:
                self._save(fetched)
            self._advance(command, index)
        except WebraftError as error:
            done(error)
        else:
            done()

    def _advance(self, command: Any, index: int) -> None:
        """Store what comes of `command`, unless the stored value holds it already."""
        value = self._load()
        if value.cluster != self._raft.cluster_id:
            value = Value(self._raft.cluster_id, data={})
        elif index <= value.index:
            return
        self._text = None  # patched in place: the cached document is only good together with its text
        data = self._patched(value.data, command, index)
        self._save(Value(value.cluster, self._raft.term_of(index) or value.term, index, data))

    def _patched(self, data: Any, command: Any, index: int) -> Any:
        """Return `data` with the patch applied, or as it is if it cannot be."""
        operation = None
        try:
            text = to_json_text(command)  # a peer may have sent what `propose` refuses
            operations = decode(text if isinstance(command, list) else f"[{text}]")
            return apply_patch(data, check_patch(operations, nesting_bound(text)))
        except BadArgumentError as error:
            reason = str(error)
        except Conflict as conflict:
            operation = operations[conflict.position]
            reason = f"operation {conflict.position} ({operation!r:.200}) cannot apply: {conflict}"
        path = None if operation is None else operation["path"]
        message = f"the patch at index {index} changes nothing: {reason}"
        self._raft.emit("error", PatchConflictError(message, operation, path))
        return data

    async def _refresh(self) -> tuple[int, int]:
        """Return where the stored document stands, after fetching a newer one if there is a URL."""
        if self.url is not None:
            fetched = await self._fetch_value()
            stored = self._load()
            is_newer = stored.cluster != self._raft.cluster_id or fetched.index > stored.index
            if fetched.cluster == self._raft.cluster_id and is_newer:
                self._save(fetched)
        value = self._load()
        if value.cluster != self._raft.cluster_id:
            places = "localStorage" if self.url is None else f"localStorage and {self.url}"
            raise WebraftError(
                f"this server has to refresh, but {places} hold nothing of cluster {self._raft.cluster_id}"
            )
        return value.term, value.index

    async def _fetch_value(self) -> Value:
        assert self.url is not None, "there is a URL to fetch from"
        return _read_value(await self._fetch(self.url), self.url)

    def _load(self) -> Value:
        """Return the stored value; another page may have written it."""
        text = self._storage.get(self.key)
        if text is None:
            self._text, self._value = None, Value()
        elif text != self._text:
            try:
                value = _read_value(text, f"localStorage at {self.key!r}")
            except RemoteProtocolError as error:
                self._raft.emit("error", error)
                value = Value()
            self._text, self._value = text, value
        return self._value

    def _save(self, value: Value) -> None:
        """Store `value`, or raise StorageError and leave what is stored as it is."""
        text = encode(value._asdict())
        self._storage.set(self.key, text)
        self._text, self._value = text, value


def _read_value(text: str, where: str) -> Value:
    try:
        fields = decode(text)
        value = Value(*(fields[name] for name in Value._fields))
    except (ValueError, TypeError, KeyError) as error:
        raise RemoteProtocolError(f"{where} holds no value of these handlers: {error!r:.100}") from error
    if not isinstance(value.cluster, str) or type(value.term) is not int or type(value.index) is not int:
        raise RemoteProtocolError(f"{where} holds no value of these handlers: its place in the log is wrong")
    if not is_within_depth(value.data, MAX_DEPTH):
        raise RemoteProtocolError(
            f"{where} holds no value of these handlers: its document nests deeper than {MAX_DEPTH} levels"
        )
    return value


def _browser_storage() -> TextStore:
    from webraft_web._browser import BrowserLocalStorage  # noqa: PLC0415 - needs a page

    storage = BrowserLocalStorage()
    storage.check()
    return storage


async def _browser_fetch(url: str) -> str:
    from webraft_web._browser import fetch_text  # noqa: PLC0415 - needs a page

    return await fetch_text(url)
