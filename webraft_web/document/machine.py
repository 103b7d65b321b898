"""The deterministic part of the shared document: same entries, same state, on every replica.

Nothing here knows time, chance or who runs it; `Client` feeds it the log and
reads the results. An entry that cannot be read as a command is skipped, alike
everywhere, since refusing it would stop all replicas for good.
"""

from __future__ import annotations

import logging
from typing import Final, NamedTuple

from webraft_web.core.entry import Committed, Entry, EntryKind
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.document.commands import (
    Command,
    Open,
    Patch,
    Update,
    check_count,
    check_document,
    read_command,
)
from webraft_web.document.sessions import Outcome, Session, Sessions
from webraft_web.document.turns import Turns
from webraft_web.json_text import Json, decode, encode
from webraft_web.patching import Conflict, Operations, apply_patch, changes_document

_SNAPSHOT_FORMAT: Final = 1
_CONFLICTS_BEFORE_TURN: Final = 2

_CHANGES: Final = (Patch, Update)
_logger = logging.getLogger("webraft_web.document")


class Result(NamedTuple):
    """What an entry came to for the client that sent it.

    `outcome` None: refused, since the session, or that number of it, is no
    longer known; the command did not take effect through this entry.
    """

    session: int
    number: int
    outcome: Outcome | None


class DocumentMachine:
    """The document, the sessions of its clients, and whose turn it is.

    Fields:
        document: Belongs to the machine; whoever hands it out copies it.
        version: Index of the entry that changed the document last; 0 for none.
        sessions: See `Sessions`.
        turns: See `Turns`.
    """

    def __init__(self) -> None:
        self.document: Json = {}
        self.version = 0
        self.sessions = Sessions()
        self.turns = Turns()

    def apply(self, entry: Entry) -> Result | None:
        """Apply the next entry of the log, of whatever kind.

        Returns:
            What a patch or update came to; None for anything else.
        """
        if entry.kind not in (EntryKind.COMMAND, EntryKind.HOUSEKEEPING):
            return None
        try:
            command = read_command(entry)
        except ValueError as error:
            _logger.warning("skipped the malformed command at index %d: %.200s", entry.index, error)
            return None
        return self._apply(command, entry)

    def _apply(self, command: Command, entry: Entry) -> Result | None:
        if isinstance(command, _CHANGES):
            self.turns.count_command()
            return self._apply_once(command, entry)
        if isinstance(command, Open):
            closed = self.sessions.open(command.name, entry.index)
            if closed is not None:
                self.turns.leave(closed)
        elif self.version == 0:
            self.document = command.document
            self.version = entry.index
        return None

    def _apply_once(self, command: Patch | Update, entry: Entry) -> Result:
        """Apply a command unless its session tells that it has been (§6.3)."""
        session = self.sessions.use(command.session)
        if session is None:
            return Result(command.session, command.number, None)
        session.forget_below(command.watermark)
        if command.number < session.floor:
            return Result(command.session, command.number, None)
        outcome = session.outcomes.get(command.number)
        if outcome is None:
            committed = Committed(entry.term, entry.index)
            if isinstance(command, Patch):
                outcome = self._patch(command.operations, committed)
            else:
                outcome = self._update(command, session, committed)
            session.remember(command.number, outcome)
        return Result(command.session, command.number, outcome)

    def _patch(self, operations: Operations, committed: Committed) -> Outcome:
        try:
            self.document = apply_patch(self.document, operations)
        except Conflict as conflict:
            return Outcome(committed, str(conflict), conflict.position)
        if changes_document(operations):
            self.version = committed.index
        return Outcome(committed)

    def _update(self, command: Update, session: Session, committed: Committed) -> Outcome:
        if command.base != self.version:
            session.conflicts += 1
            if session.conflicts >= _CONFLICTS_BEFORE_TURN:
                self.turns.ask(command.session)
            return Outcome(committed, f"superseded by the change at index {self.version}")
        session.conflicts = 0
        self.turns.leave(command.session)
        if command.operations is not None:
            return self._patch(command.operations, committed)
        self.document = command.document
        self.version = committed.index
        return Outcome(committed)

    def take_snapshot(self) -> str:
        """Return everything as text that `from_snapshot` reads, on any replica."""
        return encode(
            {
                "format": _SNAPSHOT_FORMAT,
                "version": self.version,
                "sessions": self.sessions.to_json(),
                "turns": self.turns.to_json(),
                "document": self.document,
            }
        )

    @classmethod
    def from_snapshot(cls, text: str) -> DocumentMachine:
        """Return the machine that wrote this text.

        Raises:
            RemoteProtocolError: If it cannot be read.
        """
        try:
            return cls._read_snapshot(decode(text))
        except (ValueError, KeyError, TypeError) as error:
            raise RemoteProtocolError(f"cannot read the snapshot of the document: {error!r:.200}") from error

    @classmethod
    def _read_snapshot(cls, fields: Json) -> DocumentMachine:
        if fields["format"] != _SNAPSHOT_FORMAT:
            raise ValueError(f"its format is {fields['format']!r:.40}, expected {_SNAPSHOT_FORMAT}")
        machine = cls()
        machine.version = check_count(fields["version"])
        machine.sessions = Sessions.from_json(fields["sessions"])
        machine.turns = Turns.from_json(fields["turns"])
        machine.document = check_document(fields["document"])
        return machine
