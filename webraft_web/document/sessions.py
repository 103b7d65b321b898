"""Client sessions (§6.3): what makes a command that is sent twice take effect once.

Part of the machine, so everything here follows from the log alone: who has a
session, what each command came to, and which session gives way to a new one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from webraft_web.core.entry import Committed
from webraft_web.document.commands import check_count
from webraft_web.json_text import Json

MAX_SESSIONS: Final = 1024
"""Beyond it, the session whose last command lies furthest back in the log is closed."""

MAX_OUTCOMES: Final = 65_536
"""Outcomes that one session keeps; far above what a `Client` leaves unsettled."""


class Outcome(NamedTuple):
    """What a command came to.

    Fields:
        committed: The entry that carried it first.
        reason: Why it changed nothing; "" if it took effect.
        position: Of the operation that could not apply; -1 for an update whose base was superseded.
    """

    committed: Committed
    reason: str = ""
    position: int = -1


class Session:
    """One client, as the log knows it.

    Invariant: `floor` <= every number in `outcomes`; numbers below it are settled and forgotten.
    """

    __slots__ = ("conflicts", "floor", "name", "outcomes")

    def __init__(self, name: str) -> None:
        self.name = name
        self.floor = 1
        self.outcomes: dict[int, Outcome] = {}
        self.conflicts = 0
        """Updates superseded since one succeeded."""

    def forget_below(self, watermark: int) -> None:
        """Forget what the client has settled."""
        if watermark - self.floor > len(self.outcomes):
            self.outcomes = {
                number: outcome for number, outcome in self.outcomes.items() if number >= watermark
            }
            self.floor = watermark
        while self.floor < watermark:
            self.outcomes.pop(self.floor, None)
            self.floor += 1

    def remember(self, number: int, outcome: Outcome) -> None:
        """Keep an outcome; a client that settles nothing loses its oldest."""
        self.outcomes[number] = outcome
        if len(self.outcomes) > MAX_OUTCOMES:
            self.forget_below(min(self.outcomes) + 1)


class Sessions:
    """The open sessions by id, the one used longest ago first."""

    def __init__(self) -> None:
        self._sessions: dict[int, Session] = {}
        self._ids: dict[str, int] = {}

    def __contains__(self, session_id: int) -> bool:
        return session_id in self._sessions

    def open(self, name: str, index: int) -> int | None:
        """Open a session whose id is the entry's `index`, unless `name` has one.

        An id, unlike a name, never comes back: a late second copy of the command
        that opened a session cannot revive it without its outcomes.

        Returns:
            The id of the session that had to be closed for it, or None.
        """
        if name in self._ids:
            return None
        self._sessions[index] = Session(name)
        self._ids[name] = index
        if len(self._sessions) <= MAX_SESSIONS:
            return None
        oldest = next(iter(self._sessions))
        del self._ids[self._sessions.pop(oldest).name]
        return oldest

    def use(self, session_id: int) -> Session | None:
        """Return a session and count it as the one used last; None if it is closed or never was."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            self._sessions[session_id] = session
        return session

    def find(self, session_id: int) -> Session | None:
        """Return a session without counting it as used."""
        return self._sessions.get(session_id)

    def find_id(self, name: str) -> int | None:
        """Return the id of the session opened under `name`, None if there is none."""
        return self._ids.get(name)

    def to_json(self) -> Json:
        """Return everything for a snapshot, in order of last use."""
        return [
            [session_id, session.name, session.floor, session.conflicts]
            + [
                [number, *outcome.committed, outcome.reason, outcome.position]
                for number, outcome in session.outcomes.items()
            ]
            for session_id, session in self._sessions.items()
        ]

    @classmethod
    def from_json(cls, data: Json) -> Sessions:
        """Read what `to_json` wrote.

        Raises:
            ValueError: If it cannot be that.
        """
        sessions = cls()
        if type(data) is not list or len(data) > MAX_SESSIONS:
            raise ValueError("sessions are a bounded list")
        for record in data:
            session_id, name, floor, conflicts, *outcomes = record
            if type(name) is not str or name in sessions._ids or session_id in sessions._sessions:
                raise ValueError("a session has an id and a name of its own")
            session = Session(name)
            session.floor = check_count(floor)
            session.conflicts = check_count(conflicts)
            session.outcomes = {check_count(number): _read_outcome(*outcome) for number, *outcome in outcomes}
            sessions._sessions[check_count(session_id)] = session
            sessions._ids[name] = session_id
        return sessions


def _read_outcome(term: Json, index: Json, reason: Json, position: Json) -> Outcome:
    if type(reason) is not str or type(position) is not int:
        raise ValueError("an outcome gives its reason and position")
    return Outcome(Committed(check_count(term), check_count(index)), reason, position)
