"""One tab's end of a shared document: applies entries, sends commands, settles calls.

Everything in this package revolves around this. The connection feeds it the
log by `apply` and `restore`, the handles (`SharedDocument`) call it, and it
talks back through `Replica`.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from webraft_web.clock import Clock
from webraft_web.core.entry import Committed, Entry, EntryKind, Snapshot
from webraft_web.core.errors import (
    BadArgumentError,
    LocalProtocolError,
    NotLeaderError,
    OutcomeUnknownError,
    PatchConflictError,
    RemoteProtocolError,
    WebraftError,
)
from webraft_web.document.commands import patch_body, patch_operation, update_body
from webraft_web.document.machine import DocumentMachine
from webraft_web.document.outbox import Call, Outbox
from webraft_web.document.reading import Reads
from webraft_web.document.sessions import Outcome
from webraft_web.document.waiting import Deadlines, Waiter
from webraft_web.json_text import Json, clone, decode, to_json_text
from webraft_web.patching import difference

T = TypeVar("T")

_UNKNOWN: Final = "it may or may not have taken effect; read the state to tell"


class Replica(Protocol):
    """What a shared document needs from the connection of its tab, in the layer above."""

    @property
    def room(self) -> str:
        """The room's name."""

    def submit(self, commands: Sequence[str], kind: EntryKind) -> None:
        """Have the room's server append `commands`, in order. They may get lost, or arrive twice.

        What certainly was not appended is reported by `Client.refused`, at once or
        later; what just vanishes is sent again after a while.
        """

    def read(self, done: Callable[[int | WebraftError], None]) -> None:
        """Confirm a linearizable read: `done(index)`, to be served once `index` is applied here.

        `done` may be called at once, later, or never; after an error, or after a
        while, it is asked for again.
        """

    def status(self) -> dict[str, Any]:
        """What `SharedDocument.status` returns; never raises."""

    async def release(self) -> None:
        """One handle was closed; the last one to close ends the connection."""

    async def leave_room(self) -> None:
        """Take this browser out of the room and forget it here."""

    async def recover(self) -> None:
        """Mint a new cluster from what this browser holds."""

    async def yield_to(self, cluster: str) -> None:
        """Give up what this browser holds, and join another cluster of the room's name."""

    def invite_link(self) -> str:
        """Return what `SharedDocument.invite_link` does."""


class Handle(Protocol):
    """What a client tells each `SharedDocument`."""

    def applied(self, index: int) -> None:
        """A command took effect at `index`, or a snapshot up to there was adopted."""

    def emit(self, event: str, *arguments: object) -> None:
        """Something happened in the room."""

    def over(self) -> None:
        """The connection is over."""


class Client:
    """One tab's end of the document, shared by its handles.

    Args:
        replica: The connection.
        clock: For timeouts and for sending again.
        session_id: Random and never used before, at most 48 characters.
    """

    def __init__(self, replica: Replica, clock: Clock, session_id: str) -> None:
        self.replica = replica
        self._clock = clock
        self._machine = DocumentMachine()
        self._applied_index = 0
        self._changes = 0
        self._resets = 0
        self._complete_since = 0
        """The number of resets after which a read confirmed that the document is no mere beginning."""
        self._outbox = Outbox(replica, clock, session_id, self._machine)
        self._reads = Reads(replica, clock)
        self._updates: deque[Waiter[None]] = deque()
        self._waiting: dict[Waiter[Any], Handle] = {}
        self._expiry: Deadlines[Waiter[Any]] = Deadlines(clock, self._expire)
        self._handles: tuple[Handle, ...] = ()
        self._failure: WebraftError | None = None

    # The document

    @property
    def applied_index(self) -> int:
        """Index of the last entry or snapshot applied here, 0 for none."""
        return self._applied_index

    @property
    def document(self) -> Json:
        """The document itself: to be read at once, not kept, and never changed."""
        return self._machine.document

    @property
    def is_over(self) -> bool:
        """Whether the connection has ended, so that nothing can be called any more."""
        return self._failure is not None

    @property
    def changes(self) -> int:
        """How often the document has changed here; tells whether a copy is out of date."""
        return self._changes

    def copy_document(self) -> Json:
        """Return a copy of the document as applied here."""
        return clone(self._machine.document)

    # From the connection

    def apply(self, entries: Sequence[Entry]) -> None:
        """Apply committed entries of every kind, in order; those at or below `applied_index` are ignored.

        Handlers of `updated` see the document as of their entry. Calls are settled
        afterwards, when no later entry at hand can supersede what they do next.

        Raises:
            RemoteProtocolError: If entries are missing in between; nothing was applied.
        """
        expected = self._applied_index + 1
        new = [entry for entry in entries if entry.index >= expected]
        for position, entry in enumerate(new):
            if entry.index != expected + position:
                raise RemoteProtocolError(f"entry {expected + position} was expected, {entry.index} came")
        settled: list[tuple[Call, Outcome | None]] = []
        for entry in new:
            self._apply(entry, settled)
        _settle(settled)
        self._reads.applied(self._applied_index)

    def _apply(self, entry: Entry, settled: list[tuple[Call, Outcome | None]]) -> None:
        machine = self._machine
        version = machine.version
        result = machine.apply(entry)
        self._applied_index = entry.index
        if machine.version != version:
            self._changes += 1
        if result is not None:
            call = self._outbox.take_settled(result)
            if call is not None:
                settled.append((call, result.outcome))
        self._outbox.after_entry()
        if machine.version != version or (result and result.outcome and not result.outcome.reason):
            for handle in self._handles:
                handle.applied(entry.index)

    def restore(self, snapshot: Snapshot) -> None:
        """Adopt a snapshot; ignored at or below `applied_index`.

        Raises:
            RemoteProtocolError: If its data cannot be read; nothing was changed.
        """
        if snapshot.last_index <= self._applied_index:
            return
        if snapshot.data is None:
            raise RemoteProtocolError("a snapshot without data came, a document's has it")
        self._adopt(DocumentMachine.from_snapshot(snapshot.data), snapshot.last_index)
        _settle(self._outbox.after_restore(self._machine))
        for handle in self._handles:
            handle.applied(snapshot.last_index)
        self._reads.applied(self._applied_index)

    def reset(self) -> None:
        """Begin anew with an empty document at index 0: the room's cluster is another one now.

        What was sent to the former cluster is unknown; patches that were not are sent to the new one,
        and updates are made for its document, once that is here.
        """
        self._resets += 1
        self._adopt(DocumentMachine(), 0)
        settled = self._outbox.after_reset(self._machine)
        self._reads.reset()
        _settle(settled)

    def _adopt(self, machine: DocumentMachine, index: int) -> None:
        self._machine = machine
        self._applied_index = index
        self._changes += 1

    def take_snapshot(self) -> str:
        """Return the state after `applied_index` as text."""
        return self._machine.take_snapshot()

    def resubmit(self) -> None:
        """Send everything unsettled again and ask again for reads: a new runner serves."""
        self._outbox.resubmit()
        self._reads.ask_again()

    def refused(self, commands: Sequence[str], error: WebraftError) -> None:
        """Take note that these submitted commands were certainly not appended, because of `error`.

        After an OverloadedError their calls fail with it; otherwise they are sent again after a while.
        """
        for call in self._outbox.refused(commands, error):
            call.fail(type(error)(*error.args))

    def fail(self, error: WebraftError) -> None:
        """End everything: what is pending raises OutcomeUnknownError, later calls LocalProtocolError."""
        if self._failure is not None:
            return
        self._failure = error
        self._outbox.close()
        self._reads.close()
        self._give_up(list(self._waiting), f"the connection to the room is over ({error}); {_UNKNOWN}")
        self._expiry.close()
        for handle in self._handles:
            handle.over()

    def emit(self, event: str, *arguments: object) -> None:
        """Emit `join`, `leave` (tab id), `leader`, `follower` (), or `error` (exception) on every handle."""
        for handle in self._handles:
            handle.emit(event, *arguments)

    # From the handles

    def attach(self, handle: Handle) -> None:
        """Tell `handle` what happens from now on."""
        self._handles = (*self._handles, handle)

    def detach(self, handle: Handle) -> None:
        """Tell it no more; what it has pending is sent, and then raises OutcomeUnknownError."""
        self._handles = tuple(other for other in self._handles if other is not handle)
        self._outbox.flush()
        waiters = [waiter for waiter, owner in self._waiting.items() if owner is handle]
        self._give_up(waiters, f"the document was closed meanwhile; {_UNKNOWN}")

    async def patch(self, handle: Handle, operations: object, deadline_ms: float | None) -> Committed:
        """Do `SharedDocument.patch`; the deadline is on the clock's scale."""
        call = Call(patch_body(operations))
        outcome = await self._send(handle, call, deadline_ms)
        if not outcome.reason:
            return outcome.committed
        operation = patch_operation(call.body, outcome.position)
        path = None if operation is None else operation["path"]
        raise PatchConflictError(
            f"operation {outcome.position} of the patch ({operation!r:.200}) cannot apply: {outcome.reason}",
            operation,
            path,
        )

    async def update(
        self, handle: Handle, function: Callable[[Json], Json], deadline_ms: float | None
    ) -> Json:
        """Do `SharedDocument.update`: one at a time, in the order of the calls."""
        if inspect.iscoroutinefunction(function) or not _is_callable(function):
            raise BadArgumentError(f"update needs a function that is not `async`, got {function!r:.80}")
        place: Waiter[None] = Waiter()
        self._updates.append(place)
        try:
            if self._updates[0] is not place:
                await self._wait(handle, place, deadline_ms)
            return await self._update(handle, function, deadline_ms)
        finally:
            self._updates.remove(place)
            if self._updates:
                self._updates[0].settle(None)

    async def _update(
        self, handle: Handle, function: Callable[[Json], Json], deadline_ms: float | None
    ) -> Json:
        while True:
            self.check_alive()
            await self._completed(handle, deadline_ms)
            base, changes = self._machine.version, self._changes
            text = _call_for_text(function, self.copy_document())
            state = decode(text)
            operations = difference(self._machine.document, state)
            if operations:
                call = Call(update_body(base, operations, text), is_update=True)
                outcome = await self._send(handle, call, deadline_ms)
                if not outcome.reason:
                    return state
                if outcome.position >= 0:
                    raise AssertionError(f"the difference of two documents cannot apply: {outcome.reason}")
            else:
                # Nothing to write. It still has to be the newest state that stays as it is.
                await self.read(handle, deadline_ms)
                if self._changes == changes:
                    return state

    async def _completed(self, handle: Handle, deadline_ms: float | None) -> None:
        """Return once the document is all of its cluster's, which it was when the room was joined."""
        while self._complete_since != self._resets:
            resets = self._resets
            await self.read(handle, deadline_ms)
            self._complete_since = resets

    async def read(self, handle: Handle, deadline_ms: float | None) -> None:
        """Return once this replica holds every write acknowledged anywhere before the call."""
        self.check_alive()
        waiter = self._reads.begin()
        try:
            await self._wait(handle, waiter, deadline_ms)
        finally:
            self._reads.drop(waiter)

    def now_ms(self) -> int:
        """Return the time on the scale of deadlines."""
        return self._clock.now_ms()

    async def _send(self, handle: Handle, call: Call, deadline_ms: float | None) -> Outcome:
        self.check_alive()
        self._outbox.add(call)
        try:
            return await self._wait(handle, call, deadline_ms)
        finally:
            self._outbox.drop(call)

    async def _wait(self, handle: Handle, waiter: Waiter[T], deadline_ms: float | None) -> T:
        self._waiting[waiter] = handle
        if deadline_ms is not None:
            self._expiry.set(waiter, deadline_ms)
        try:
            return await waiter
        finally:
            del self._waiting[waiter]
            self._expiry.drop(waiter)

    def _expire(self, waiter: Waiter[Any]) -> None:
        if isinstance(waiter, Call) and waiter.copies:
            waiter.fail(OutcomeUnknownError(f"no outcome within the timeout; {_UNKNOWN}"))
        else:
            waiter.fail(NotLeaderError("no leader took it within the timeout; it certainly has no effect"))

    def _give_up(self, waiters: Sequence[Waiter[Any]], reason: str) -> None:
        for waiter in waiters:
            waiter.fail(OutcomeUnknownError(reason))

    def check_alive(self) -> None:
        """Raise LocalProtocolError if the connection has ended, saying why."""
        if self._failure is not None:
            raise LocalProtocolError(f"the connection to the room is over: {self._failure}; join it again")


def _settle(settled: Sequence[tuple[Call, Outcome | None]]) -> None:
    for call, outcome in settled:
        if outcome is None:
            call.fail(OutcomeUnknownError(f"the room no longer remembers this call; {_UNKNOWN}"))
        else:
            call.settle(outcome)


def _is_callable(function: object) -> bool:
    return callable(function)


def _call_for_text(function: Callable[[Json], Json], copy: Json) -> str:
    """Return what `function` makes of its private copy, as JSON text."""
    state = function(copy)
    if inspect.isawaitable(state):
        if inspect.iscoroutine(state):
            state.close()
        raise BadArgumentError("the function given to update returned an awaitable; it must be synchronous")
    try:
        return to_json_text(copy if state is None else state)
    except BadArgumentError as error:
        raise BadArgumentError(f"the function given to update returned an unusable state: {error}") from None
