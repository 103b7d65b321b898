"""What users hold: `SharedDocument`, one handle on a room's document, and its stream of changes."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Final, Self
from weakref import WeakSet

from webraft_web.core.entry import Committed
from webraft_web.core.errors import BadArgumentError, LocalProtocolError
from webraft_web.document.client import Client
from webraft_web.emitter import Emitter
from webraft_web.json_text import Json, clone
from webraft_web.patching import Conflict, parse_pointer, resolve

DOCUMENT_EVENTS: Final = {
    "updated": ("index",),
    "join": ("tab",),
    "leave": ("tab",),
    "leader": (),
    "follower": (),
    "error": ("exception",),
}

_ROLES: Final = {
    "leader": "leading",
    "candidate": "electing",
    "follower": "following",
    "observer": "observing",
}


class SharedDocument:
    """One handle on a room; made by `join_room`. Usable with `async with`.

    Args:
        client: The tab's end of the document, which other handles may share.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._emitter = Emitter(DOCUMENT_EVENTS)
        self._streams: WeakSet[Changes] = WeakSet()
        self._copy: Json = None
        self._copied_at = -1
        self._kept: Json = None
        self._closed_at = 0
        self._is_closed = False
        client.attach(self)

    async def patch(
        self,
        ops: list[dict[str, Any]],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - says what is certain, which cancelling cannot
    ) -> Committed:
        """Apply RFC 6902 operations, all or none; return once they are committed and applied here.

        Args:
            ops: Any of add, remove, replace, move, copy and test.
            timeout: Milliseconds; None waits for as long as it takes.

        Raises:
            LocalProtocolError: If the patch is malformed, JSON cannot carry a value (also
                a ValueError), or the document is closed; nothing was sent.
            PatchConflictError: If an operation cannot apply, or would nest the document deeper than
                200 levels, or the patch copies more than 8 MiB; the document is untouched.
            NotLeaderError: At the timeout, if it certainly has no effect.
            OutcomeUnknownError: If it may or may not have one.
            OverloadedError: If too much waits already; nothing was sent.
        """
        return await self._client.patch(self, ops, self._deadline_ms(timeout))

    async def update(
        self,
        fn: Callable[[Any], Any],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as for patch
    ) -> Any:
        """Read, change and write the document atomically; return the new state.

        It costs the document's size. If the state does not change nothing is
        written, but it was the newest one: that is confirmed by a `read`.

        Args:
            fn: Synchronous; gets a private copy and returns the new state, or None for "the
                copy as I changed it". Called again if another change came first. Its
                exception propagates, and nothing is committed.
            timeout: Milliseconds; None waits for as long as it takes.

        Raises:
            LocalProtocolError: If `fn` is async, or JSON cannot carry what it returns (also a ValueError).
            NotLeaderError: At the timeout, if it certainly has no effect.
            OutcomeUnknownError: If it may or may not have one; it is not tried again.
            OverloadedError: If too much waits already.
        """
        return await self._client.update(self, fn, self._deadline_ms(timeout))

    async def read(self, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - as for patch
        """Return a state at least as new as every write acknowledged anywhere before the call.

        Args:
            timeout: Milliseconds; None waits for as long as it takes.

        Raises:
            NotLeaderError: At the timeout.
        """
        await self._client.read(self, self._deadline_ms(timeout))
        return self._client.copy_document()

    @property
    def state(self) -> Any:
        """The document as applied here: a copy, made at the first access after a change."""
        if self._copied_at != self.version:
            self._copied_at = self.version
            self._copy = clone(self._document)
        return self._copy

    @property
    def version(self) -> int:
        """A number that differs whenever `state` does, so that nobody has to look in vain."""
        return self._closed_at if self._is_closed else self._client.changes

    def get(self, pointer: str, default: Any = None) -> Any:
        """Return a copy of the part that a JSON Pointer refers to, or `default` if there is none.

        Raises:
            LocalProtocolError: If it is not a JSON Pointer (also a ValueError).
        """
        parts = parse_pointer(pointer)
        try:
            return clone(resolve(self._document, parts))
        except Conflict:
            return default

    def export(self) -> str:
        """Return the document as applied here, or as it was at `close`, as JSON text for people and files."""
        return json.dumps(self._document, ensure_ascii=False, indent=2)

    def changes(self) -> Changes:
        """Return a stream of the states to come: `async for state in doc.changes()`."""
        stream = Changes(self._client)
        self._streams.add(stream)
        if self._is_closed or self._client.is_over:
            stream.end()
        return stream

    def listen(self, event: str, handler: Callable[..., Any]) -> Callable[[], None]:
        """Call `handler` at each such event, until the returned function is called.

        Events: `updated` (index), `join` and `leave` (tab id), `leader` and `follower`
        () for this tab, `error` (exception). A handler gets as many arguments as it
        accepts and may be a coroutine function; its exception is logged and emitted as `error`.

        Raises:
            LocalProtocolError: If there is no such event (also a ValueError); names the nearest.
        """
        return self._emitter.listen(event, handler)

    def status(self) -> dict[str, Any]:
        """Return what is known of the room now; never raises, also after `close`."""
        return self._client.replica.status()

    def invite_link(self) -> str:
        """Return a link that opens this page with the room's name, cluster and secret in its fragment.

        In a page opened by it `join_room` of that name, with `signaling`, takes the secret from
        there, and waits for the cluster instead of beginning another. Servers never see a
        fragment; whoever does see it may join. A worker has no page's address: there it is the
        fragment alone.
        """
        return self._client.replica.invite_link()

    async def recover(self) -> None:
        """Go on with what this browser holds, as a new cluster, when the majority is lost for good."""
        self._check_open()
        await self._client.replica.recover()

    async def yield_to(self, cluster_id: str) -> None:
        """Give up this browser's document for that of another cluster, which a ClusterConflictError named.

        Two browsers that both began a room of this name keep their documents apart until one of them
        does this. What is given up is lost: `export` it before.

        Raises:
            OutcomeUnknownError: If it has not happened within some seconds, or there is no such cluster.
        """
        self._check_open()
        await self._client.replica.yield_to(cluster_id)

    async def leave_room(self) -> None:
        """Take this browser out of the room and forget the room here; the handle is closed by that.

        A browser that leads hands over first. Where no leader is to be had, the others are left to
        find out that this one is gone.

        Raises:
            OutcomeUnknownError: If the room was deleted here, or the handle closed, meanwhile.
        """
        self._check_open()
        await self._client.replica.leave_room()
        await self.close()

    async def close(self) -> None:
        """Let go of the document. Idempotent; membership is unchanged, and `state` stays readable.

        Calls that are pending raise OutcomeUnknownError, later ones LocalProtocolError.
        """
        if self._is_closed:
            return
        self._kept, self._closed_at = self._client.copy_document(), self._client.changes
        self._is_closed = True
        self._client.detach(self)
        self._end_streams()
        self._emitter.forget_listeners()
        await self._client.replica.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        status = self.status()
        is_over = self._is_closed or self._client.is_over
        role = "closed" if is_over else _ROLES.get(status["role"], status["role"])
        tabs = len(status["tabs"])
        return (
            f"<room {self._client.replica.room!r} · {role} · {tabs} tab{'' if tabs == 1 else 's'}"
            f" · index {status['last_applied']}>"
        )

    # From the client

    def applied(self, index: int) -> None:
        """A command took effect at `index`, or a snapshot up to there was adopted."""
        if self._streams:
            for stream in self._streams:
                stream.changed()
        self._emitter.emit("updated", index)

    def emit(self, event: str, *arguments: object) -> None:
        """Something happened in the room."""
        self._emitter.emit(event, *arguments)

    def over(self) -> None:
        """The connection is over; the handle is as good as closed."""
        self._end_streams()

    def _end_streams(self) -> None:
        for stream in self._streams:
            stream.end()

    @property
    def _document(self) -> Json:
        """What no caller can have changed, unlike `state`."""
        return self._kept if self._is_closed else self._client.document

    def _deadline_ms(self, timeout: object) -> float | None:
        self._check_open()
        if timeout is None:
            return None
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout < math.inf:
            raise BadArgumentError(
                f"a timeout is a number of milliseconds from 0 on, or None; got {timeout!r}"
            )
        return self._client.now_ms() + timeout

    def _check_open(self) -> None:
        if self._is_closed:
            raise LocalProtocolError("this document is closed; join the room again")
        self._client.check_alive()  # or it would speak for a room of the same name that was joined since


class Changes(AsyncIterator[Any]):
    """The document's states as they come, each a private copy; only the newest waits to be taken.

    Begins with the first change after it was made. Ends when the document is
    closed, or by `aclose`. One that is left behind is forgotten by itself.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._seen = client.changes
        self._event = asyncio.Event()
        self._is_over = False

    def __aiter__(self) -> Changes:
        return self

    async def __anext__(self) -> Any:
        while self._seen == self._client.changes and not self._is_over:
            self._event.clear()
            await self._event.wait()
        if self._is_over:
            raise StopAsyncIteration
        self._seen = self._client.changes
        return self._client.copy_document()

    def changed(self) -> None:
        """Wake whoever waits, through the event loop: many changes at once make one state."""
        self._event.set()

    def end(self) -> None:
        """End the stream, for good."""
        self._is_over = True
        self._event.set()

    async def aclose(self) -> None:
        """End the stream, as an asynchronous generator would."""
        self.end()
