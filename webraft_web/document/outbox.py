"""Commands on their way into the log: numbered, sent, sent again, and settled once.

Between `Client`, which knows the document, and the connection, which may lose
and double what it carries. The log deduplicates by (session, number), see
`sessions`, so sending again is always safe while the session lives.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from enum import Enum, auto
from typing import Final, Protocol

from webraft_web.clock import Clock
from webraft_web.core.entry import Committed, EntryKind
from webraft_web.core.errors import OverloadedError, WebraftError
from webraft_web.document.commands import open_command, session_command
from webraft_web.document.machine import DocumentMachine, Result
from webraft_web.document.sessions import Outcome
from webraft_web.document.waiting import Deadlines, Waiter

MAX_PENDING: Final = 16_384
"""Commands that one client leaves unsettled; a session keeps more outcomes than that."""

MAX_PENDING_SIZE: Final = 16 * 1024 * 1024
"""Characters of them."""

HOLD_MS: Final = 300
"""How long to hold commands back for another session's turn: it takes one round trip, or is dead."""

RESEND_MS: Final = 2_000
"""When to send again what has vanished; doubles up to `MAX_RESEND_MS`."""

MAX_RESEND_MS: Final = 16_000

RETRY_MS: Final = 50
"""When to send again what was refused; doubles up to `MAX_RETRY_MS`."""

MAX_RETRY_MS: Final = 1_000

SUPERSEDED: Final = Outcome(Committed(0, 0), "superseded by the document of another cluster")
"""What an update comes to that was made for a document which has been given up."""


class Submitter(Protocol):
    """The part of a `Replica` that the outbox needs."""

    def submit(self, commands: Sequence[str], kind: EntryKind) -> None: ...


class Call(Waiter[Outcome]):
    """A patch or one try of an update, waiting for its outcome.

    Args:
        body: What is particular to its command, see `commands`.
        is_update: Whether the session's turn is meant for it.

    Fields:
        number: Of its command in the session.
        text: The command as sent; "" before.
        copies: How many copies may be in the log or under way to it.
        sendings: How often it was sent.
        refusals: How often it was refused.
        has_waited: Whether it has waited long enough for others' turns.
    """

    def __init__(self, body: str, *, is_update: bool = False) -> None:
        super().__init__()
        self.body = body
        self.is_update = is_update
        self.number = 0
        self.text = ""
        self.copies = 0
        self.sendings = 0
        self.refusals = 0
        self.has_waited = False


class _Timer(Enum):
    """What is timed besides calls that are to be sent again."""

    HOLD = auto()
    """The patience with another session's turn."""
    OPENING = auto()
    """The wait for a session."""


class Outbox:
    """What one client has under way.

    Invariants: `_pending` holds every unsettled call, in order of number;
    `_unsent` those of them to be sent with the next flush. A call without a
    `text` was never sent in this session. The session is opened when first needed.
    `_is_impatient` is about the present head of the turns alone.

    Args:
        replica: Where commands go.
        clock: For sending again.
        session_name: Random, for the first session; later ones derive from it.
        machine: The replica of the document.
    """

    def __init__(self, replica: Submitter, clock: Clock, session_name: str, machine: DocumentMachine) -> None:
        self._replica = replica
        self._clock = clock
        self._session_names = (f"{session_name}.{count}" for count in itertools.count(1))
        self._session_name = next(self._session_names)
        self._machine = machine
        self._session: int | None = None
        self._is_opening = False
        self._open_refusals = 0
        self._next_number = 1
        self._pending: dict[int, Call] = {}
        self._unsent: dict[int, Call] = {}
        self._size = 0
        self._is_flush_due = False
        self._head: int | None = None
        self._is_holding = False
        self._is_impatient = False
        self._timers: Deadlines[Call | _Timer] = Deadlines(clock, self._on_time)

    def add(self, call: Call) -> None:
        """Take a call on; it is sent with all others of this turn of the event loop.

        Raises:
            OverloadedError: If too much is unsettled; the call was not taken.
        """
        if len(self._pending) >= MAX_PENDING or self._size + len(call.body) > MAX_PENDING_SIZE:
            raise OverloadedError(
                f"{len(self._pending)} commands of {self._size} characters wait for the room's server, "
                f"the most are {MAX_PENDING} of {MAX_PENDING_SIZE}; await earlier calls first"
            )
        call.number = self._next_number
        self._next_number += 1
        self._pending[call.number] = self._unsent[call.number] = call
        self._size += len(call.body)
        self._flush_soon()

    def drop(self, call: Call) -> None:
        """Forget a call, settled or given up; what is under way of it may still take effect."""
        if self._pending.pop(call.number, None) is not None:
            self._unsent.pop(call.number, None)
            self._size -= len(call.body)
            self._timers.drop(call)

    def take_settled(self, result: Result) -> Call | None:
        """Return the call that an entry settles, no longer pending; None if it is none of these."""
        if result.session != self._session:
            return None
        call = self._pending.get(result.number)
        if call is not None:
            self.drop(call)
        return call

    def after_entry(self) -> None:
        """Look at the sessions and turns after an entry was applied."""
        if self._session is None:
            if self._is_opening:
                self._look_for_session()
        elif self._machine.sessions.find_id(self._session_name) != self._session:
            # Closed by this very entry. All before it were seen here, all after it are refused
            # (`Sessions.open`): what is pending has certainly not been applied, and never will be.
            self._renumber()
        head = self._machine.turns.head
        if head != self._head:
            self._head = head
            self._is_impatient = False
            self._flush_soon()

    def after_restore(self, machine: DocumentMachine) -> list[tuple[Call, Outcome | None]]:
        """Look at a state that was reached without seeing every entry.

        Returns:
            The calls that it settles, no longer pending, with their outcomes; None for unknown.
        """
        self._machine = machine
        settled: list[tuple[Call, Outcome | None]] = []
        if self._session is not None:
            session = machine.sessions.find(self._session)
            if session is None or session.name != self._session_name:
                settled = [(call, None) for call in self._pending.values() if call.copies]
            else:
                settled = [
                    (call, session.outcomes.get(number))
                    for number, call in self._pending.items()
                    if number in session.outcomes or number < session.floor
                ]
        for call, _ in settled:
            self.drop(call)
        self.after_entry()
        return settled

    def after_reset(self, machine: DocumentMachine) -> list[tuple[Call, Outcome | None]]:
        """Look at the empty state that another cluster's entries will be applied to.

        Updates that were not sent are superseded: a version means something within one cluster alone.

        Returns:
            The calls that it settles, as `after_restore` does.
        """
        settled = self.after_restore(machine)
        updates = [call for call in self._pending.values() if call.is_update]
        for call in updates:
            self.drop(call)
        return settled + [(call, SUPERSEDED) for call in updates]

    def resubmit(self) -> None:
        """Send everything unsettled again: whoever was to append it may be gone."""
        self._is_opening = False
        self._unsent = dict(self._pending)
        self.flush()

    def refused(self, commands: Sequence[str], error: WebraftError) -> list[Call]:
        """Take note that these commands were certainly not appended.

        Returns:
            The calls that fail with `error`, no longer pending; all others are sent again after a while.
        """
        sent = {call.text: call for call in self._pending.values() if call.copies}
        now_ms = self._clock.now_ms()
        failed = []
        for command in commands:
            call = sent.get(command)
            if call is None:
                if self._is_opening and command == open_command(self._session_name):
                    self._open_refusals += 1
                    self._timers.set(_Timer.OPENING, now_ms + _retry_ms(self._open_refusals))
            elif call.copies > 0:
                call.copies -= 1
                call.refusals += 1
                if isinstance(error, OverloadedError) and call.copies == 0:
                    self.drop(call)
                    failed.append(call)
                else:
                    self._timers.set(call, now_ms + _retry_ms(call.refusals))
        return failed

    def flush(self) -> None:
        """Send what is waiting, unless it has to wait for a session or another one's turn."""
        self._is_flush_due = False
        if not self._unsent:
            return
        if self._session is None:
            self._open()
            return
        now_ms = self._clock.now_ms()
        calls = [call for _, call in sorted(self._unsent.items()) if self._may_send(call)]
        self._hold(len(calls) < len(self._unsent), now_ms)
        watermark = next(iter(self._pending))
        for call in calls:
            del self._unsent[call.number]
            if not call.text:
                call.text = session_command(self._session, call.number, watermark, call.body)
            call.copies += 1
            call.sendings += 1
            self._timers.set(call, now_ms + min(RESEND_MS << min(call.sendings - 1, 8), MAX_RESEND_MS))
        if calls:
            self._replica.submit([call.text for call in calls], EntryKind.COMMAND)

    def close(self) -> None:
        """Send nothing more."""
        self._unsent.clear()
        self._pending.clear()
        self._timers.close()

    def _flush_soon(self) -> None:
        if self._unsent and not self._is_flush_due:
            self._is_flush_due = True
            self._clock.call_soon(self.flush)

    def _may_send(self, call: Call) -> bool:
        """Tell whether a call need not wait for another's turn; what was sent before need not."""
        if self._head is None or self._is_impatient or call.has_waited or call.text:
            return True
        return call.is_update and self._head == self._session

    def _hold(self, is_holding: bool, now_ms: int) -> None:
        """Time the wait for turns; it goes on when one turn follows another, so that calls get through."""
        if is_holding and not self._is_holding:
            self._timers.set(_Timer.HOLD, now_ms + HOLD_MS)
        elif not is_holding:
            self._timers.drop(_Timer.HOLD)
        self._is_holding = is_holding

    def _end_hold(self) -> None:
        self._is_holding = False
        self._is_impatient = True
        for call in self._unsent.values():
            call.has_waited = True

    def _open(self) -> None:
        if not self._is_opening:
            self._is_opening = True
            self._timers.set(_Timer.OPENING, self._clock.now_ms() + RESEND_MS)
            self._replica.submit([open_command(self._session_name)], EntryKind.HOUSEKEEPING)

    def _look_for_session(self) -> None:
        self._session = self._machine.sessions.find_id(self._session_name)
        if self._session is not None:
            self._is_opening = False
            self._open_refusals = 0
            self._timers.drop(_Timer.OPENING)
            self._flush_soon()

    def _renumber(self) -> None:
        """Begin a new session, in which everything pending is yet to be sent."""
        self._session = None
        self._is_opening = False
        self._session_name = next(self._session_names)
        calls = list(self._pending.values())
        self._pending = {}
        for call in calls:
            self._timers.drop(call)
            call.number = self._next_number
            call.text = ""
            call.copies = call.sendings = call.refusals = 0
            self._next_number += 1
            self._pending[call.number] = call
        self._unsent = dict(self._pending)
        self._flush_soon()

    def _on_time(self, key: Call | _Timer) -> None:
        if isinstance(key, Call):
            self._unsent[key.number] = key
        elif key is _Timer.HOLD:
            self._end_hold()
        else:
            self._is_opening = False
        self._flush_soon()


def _retry_ms(refusals: int) -> int:
    return min(RETRY_MS << min(refusals - 1, 8), MAX_RETRY_MS)
