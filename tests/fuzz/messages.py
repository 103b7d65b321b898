"""Messages of a hostile generator: well-formed in most places, and meant for the server at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.core_objects import attributes, put, remove
from tests.fuzz import garbage
from tests.fuzz.choices import Choices
from webraft_web.core.entry import Configuration, Entry, EntryKind
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    ConfirmRefresh,
    ConfirmRefreshResponse,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
    Message,
    PreVote,
    PreVoteResponse,
    Propose,
    ProposeResponse,
    ReadIndex,
    ReadIndexResponse,
    RequestVote,
    RequestVoteResponse,
    TimeoutNow,
)
from webraft_web.core.raft import Raft

_SENDERS: Final = ("b", "c") * 7 + ("d", "stranger")
_BAD_SENDERS: Final = ("a", "", "x" * 1025, "\ud800")
_CONFIGURATIONS: Final = ("abc", "ab", "a", "bc", "abcd", "b", "", "abcdefg")


class Hostile:
    """Makes messages for one server, by what it knows and what it does not."""

    def __init__(self, choices: Choices, raft: Raft) -> None:
        self.choices = choices
        self._raft = raft

    def message(self) -> Any:
        """Return a message, or something that only looks like one."""
        choices = self.choices
        message = self.straight_message()
        for _ in range(max(0, choices.below(8) - 5)):
            _bend(choices, message)
        return garbage.any_value(choices) if choices.one_in(64) else message

    def straight_message(self) -> Message:
        """Return a message whose every field is of its type."""
        return self.choices.pick(_MAKERS)(self)

    def sender(self) -> str:
        return self.choices.pick(_BAD_SENDERS if self.choices.one_in(64) else _SENDERS)

    def ends(self) -> tuple[str, str, int]:
        return self.sender(), self._raft.server_id, self.term()

    def term(self) -> int:
        """Return the server's term, mostly: messages of another are soon dealt with."""
        term = self._raft.current_term
        if self.choices.one_in(32):
            return garbage.number(self.choices)
        return self.choices.pick((term,) * 12 + (term + 1, term - 1, term + 2**32, term + 2**32 + 1))

    def index(self) -> int:
        log = self._raft.log
        near = self.choices.pick((log.last_index, log.commit_index, log.snapshot.last_index, log.last_index))
        if self.choices.one_in(16):
            return garbage.number(self.choices)
        return max(0, near + self.choices.below(5) - 2)

    def log_term(self, index: int) -> int:
        """Return the term that belongs at `index`, or another."""
        own_term = self._raft.log.term_at(index) if type(index) is int else None
        if own_term is None or self.choices.one_in(4):
            return self.choices.pick((self._raft.current_term, 0, 1, 2, 3, self._raft.current_term + 1))
        return own_term

    def small(self) -> int:
        return (
            garbage.number(self.choices) if self.choices.one_in(16) else self.choices.pick((0, 1, 2, 3, 7, 9))
        )

    def flag(self) -> bool:
        return self.choices.one_in(2)

    def configuration(self) -> Configuration:
        choices = self.choices
        return Configuration(
            tuple(choices.pick(_CONFIGURATIONS)), tuple(choices.pick(_CONFIGURATIONS) if self.flag() else "")
        )

    def entries(self, index: int, term: int, last_term: int) -> list[Entry]:
        """Return entries that follow on, of terms between the two, as a leader would send them."""
        entries: list[Entry] = []
        for _ in range(self.choices.below(4)):
            index += 1
            term = self.choices.pick((term, last_term, last_term))
            kind = self.choices.pick((EntryKind.COMMAND, *EntryKind))
            configuration = self.configuration() if kind is EntryKind.CONFIGURATION else None
            data = self.choices.text() if kind in {EntryKind.COMMAND, EntryKind.HOUSEKEEPING} else ""
            entries.append(Entry(term, index, kind, data, configuration))
        return entries

    def append_entries(self) -> Message:
        sender, receiver, term = self.ends()
        index = self.index()
        log_term = self.log_term(index)
        entries = self.entries(index, log_term, term)
        return AppendEntries(sender, receiver, term, index, log_term, entries, self.index())

    def install_snapshot(self) -> Message:
        choices = self.choices
        data = choices.pick(("half", "s" * 500, "", None, choices.text(200)))
        offset = choices.pick((0, 4, self.small(), self._raft.config.max_snapshot_size))
        index = self.index() + choices.pick((0, 1, 9))
        return InstallSnapshot(
            *self.ends(),
            index,
            self.log_term(index),
            self.configuration(),
            self.small(),
            offset,
            data,
            self.flag(),
        )

    def vote_request(self) -> Message:
        index = self.index()
        if self.flag():
            return RequestVote(*self.ends(), index, self.log_term(index), self.flag())
        return PreVote(*self.ends(), index, self.log_term(index))

    def propose(self) -> Message:
        commands = [self.choices.text(40) for _ in range(self.choices.below(5))]
        if self.choices.one_in(8):
            commands.append("y" * 700)
        kind = self.choices.pick((EntryKind.COMMAND, *EntryKind))
        return Propose(*self.ends(), self.choices.below(2000), commands, kind)

    def confirmation(self) -> Message:
        index = self.choices.pick((9, self.index()))
        configuration = self.configuration() if self.flag() else None
        entry_term = self.choices.pick((2, self.small()))
        adopted = (self.small(), self.index()) if self.flag() else (None, None)
        return ConfirmRefreshResponse(*self.ends(), entry_term, index, configuration, self.small(), *adopted)


_MAKERS: Final[tuple[Callable[[Hostile], Message], ...]] = (
    Hostile.append_entries,
    Hostile.append_entries,
    Hostile.install_snapshot,
    Hostile.install_snapshot,
    Hostile.vote_request,
    Hostile.vote_request,
    Hostile.propose,
    Hostile.confirmation,
    lambda one: AppendEntriesResponse(*one.ends(), one.flag(), one.index(), one.index(), one.small()),
    lambda one: AppendEntriesResponse(*one.ends(), True, one.index()),
    lambda one: RequestVoteResponse(*one.ends(), one.flag()),
    lambda one: PreVoteResponse(*one.ends(), one.flag()),
    lambda one: Heartbeat(*one.ends(), one.index(), one.small()),
    lambda one: HeartbeatResponse(*one.ends(), one.small()),
    lambda one: InstallSnapshotResponse(
        *one.ends(), one.index(), one.choices.pick((0, 200, 400, one.small()))
    ),
    lambda one: TimeoutNow(*one.ends()),
    lambda one: ProposeResponse(*one.ends(), one.small(), one.small(), one.index(), one.choices.text()),
    lambda one: ReadIndex(*one.ends(), one.small()),
    lambda one: ReadIndexResponse(*one.ends(), one.small(), one.index()),
    lambda one: ConfirmRefresh(*one.ends(), one.log_term(one.index()), one.index()),
)


def _bend(choices: Choices, message: Message) -> None:
    """Put something else, or nothing at all, in one place of a message or of what it carries."""
    places: list[object] = [message]
    for name in attributes(type(message)):
        inner = getattr(message, name, None)
        inside = inner if type(inner) is list else [inner]
        places += [one for one in inside if isinstance(one, Entry | Configuration)]
    place = choices.pick(places)
    name = choices.pick(attributes(type(place)))
    if choices.one_in(8):
        if hasattr(place, name):
            remove(place, name)
    else:
        put(place, name, garbage.any_value(choices))
