"""Servers for the core's tests: one whose batches are carried out by hand, or a few in lock step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from webraft_web.core.config import Config, FixedTimeouts
from webraft_web.core.entry import Configuration, Entry, EntryKind, HardState, Snapshot
from webraft_web.core.leadership import Leadership
from webraft_web.core.message import AppendEntriesResponse, Message, RequestVoteResponse
from webraft_web.core.progress import Progress
from webraft_web.core.raft import Raft
from webraft_web.core.ready import ReadState, Ready, RefreshRequest, RestoredState, may_go_early

HEARTBEAT_MS = 100
TIMEOUT_MS = 200


def members(voters: Iterable[str], non_voting: Iterable[str] = "") -> Configuration:
    """Make a configuration of servers with one-letter ids."""
    return Configuration(tuple(voters), tuple(non_voting))


def change(index: int, voters: str, non_voting: str = "", term: int = 1) -> Entry:
    """Make a configuration entry."""
    return Entry(term, index, EntryKind.CONFIGURATION, "", members(voters, non_voting))


def command(index: int, term: int = 1, data: str = "") -> Entry:
    """Make a command entry."""
    return Entry(term, index, EntryKind.COMMAND, data or f"{term}/{index}")


def stored(
    *terms: int, voters: str = "abc", non_voting: str = "", term: int = 0, commit_index: int = 1
) -> RestoredState:
    """Make a founded server's storage: a configuration at index 1, then commands of `terms`."""
    entries = [change(1, voters, non_voting)]
    for entry_term in terms:
        entries.append(command(len(entries) + 1, entry_term))
    return RestoredState(HardState(term or entries[-1].term, None, commit_index), None, tuple(entries))


def persisted(before: RestoredState, ready: Ready) -> RestoredState:
    """Return what a storage holds after the batch, by the rules of `Ready`."""
    hard_state, snapshot, entries = before
    if ready.snapshot is not None:
        snapshot = ready.snapshot
        entries = after_snapshot(entries, snapshot)
    if ready.entries:
        first = ready.entries[0].index
        entries = (*[entry for entry in entries if entry.index < first], *ready.entries)
    return RestoredState(ready.hard_state or hard_state, snapshot, entries)


def after_snapshot(entries: tuple[Entry, ...], snapshot: Snapshot) -> tuple[Entry, ...]:
    """Return what a snapshot leaves of a stored log."""
    last = (snapshot.last_index, snapshot.last_term)
    if last not in [(entry.index, entry.term) for entry in entries]:
        return ()
    return tuple(entry for entry in entries if entry.index > snapshot.last_index)


class SpreadTimeouts:
    """Waits that differ from server to server, so that elections among a few succeed at once."""

    def __init__(self, position: int) -> None:
        self._more_ms = HEARTBEAT_MS // 2 * position

    def heartbeat_timeout_ms(self) -> int:
        return TIMEOUT_MS + self._more_ms

    def election_timeout_ms(self) -> int:
        return TIMEOUT_MS + self._more_ms

    def heartbeat_interval_ms(self) -> int:
        return HEARTBEAT_MS

    def lease_ms(self) -> int:
        return TIMEOUT_MS


class Server:
    """A core with a storage and an application around it.

    Args:
        server_id: Its id.
        state: What its storage holds at first.
        options: For its Config.
    """

    def __init__(self, server_id: str, state: RestoredState | None = None, **options: Any) -> None:
        self.server_id = server_id
        self.stored = stored() if state is None else state
        self.options = options
        self.now_ms = 0
        self.applied: list[Entry] = []
        self.read_states: list[ReadState] = []
        self.refreshes: list[RefreshRequest] = []
        self.restart()

    def restart(self) -> None:
        """Lose everything but the storage."""
        options = {"timeouts": FixedTimeouts(TIMEOUT_MS, TIMEOUT_MS, HEARTBEAT_MS), **self.options}
        self.raft = Raft(Config(self.server_id, **options), self.stored, self.now_ms)

    @property
    def leadership(self) -> Leadership:
        assert self.raft.leadership is not None
        return self.raft.leadership

    def peer(self, server_id: str) -> Progress:
        return self.leadership.progress[server_id]

    @property
    def commands(self) -> list[str]:
        """The commands applied so far."""
        return [entry.data for entry in self.applied if entry.kind is EntryKind.COMMAND]

    def carry_out(self, ready: Ready) -> list[Message]:
        """Persist, advance and apply a batch; return its messages in the order they leave."""
        self.stored = persisted(self.stored, ready)
        self.raft.advance()
        self.read_states += ready.read_states
        if ready.refresh is not None:
            self.refreshes.append(ready.refresh)
        if ready.snapshot is not None:
            self.raft.applied_to(ready.snapshot.last_index)
        if ready.committed_entries:
            self.applied += ready.committed_entries
            self.raft.applied_to(ready.committed_entries[-1].index)
        early = [message for message in ready.messages if may_go_early(message)]
        return early + [message for message in ready.messages if not may_go_early(message)]

    def settle(self) -> list[Message]:
        """Carry out batches while there are any; return all their messages."""
        messages: list[Message] = []
        while self.raft.has_ready():
            messages += self.carry_out(self.raft.ready())
        return messages

    def step(self, *received: Message) -> list[Message]:
        """Step messages, then settle."""
        for message in received:
            self.raft.step(message)
        return self.settle()

    def pass_time(self, milliseconds: int) -> list[Message]:
        """Tick once, that much later, then settle."""
        self.now_ms += milliseconds
        self.raft.tick(self.now_ms)
        return self.settle()

    def elect(self) -> list[Message]:
        """Make it the leader by the votes of all others; return what it sends as such."""
        self.raft.config.pre_vote, before = False, self.raft.config.pre_vote
        self.raft.campaign()
        self.raft.config.pre_vote = before
        self.settle()
        for voter in self.raft.configuration.voters:
            if voter != self.server_id and not self.raft.is_leader:
                self.raft.step(RequestVoteResponse(voter, self.server_id, self.raft.current_term, True))
        sent = self.settle()
        assert self.raft.is_leader
        return sent

    def compact(self, index: int, data: str | None) -> Snapshot:
        """Compact the log and the storage."""
        snapshot = self.raft.compact(index, data)
        entries = after_snapshot(self.stored.entries, snapshot)
        self.stored = RestoredState(self.stored.hard_state, snapshot, entries)
        return snapshot


def only(messages: Iterable[Message], kind: type[Message], receiver: str = "") -> list[Any]:
    """Pick the messages of one kind, and to one receiver if one is named."""
    return [
        message
        for message in messages
        if isinstance(message, kind) and (not receiver or message.receiver == receiver)
    ]


def leading(*terms: int, voters: str = "abc", **options: Any) -> Server:
    """A leader "a", elected in the term after those of its log; nobody has acknowledged anything."""
    server = Server("a", stored(*terms, voters=voters), **options)
    server.elect()
    return server


def acknowledge(server: Server, *others: str, index: int = 0) -> list[Message]:
    """Have others acknowledge everything, or up to `index`."""
    index = index or server.raft.log.last_index
    answers = [AppendEntriesResponse(one, "a", server.raft.current_term, True, index) for one in others]
    return server.step(*answers)


def established(voters: str = "abc", **options: Any) -> Server:
    """A leader whose followers have acknowledged its no-op at index 2."""
    server = leading(voters=voters, **options)
    acknowledge(server, *voters[1:])
    return server


class Cluster:
    """A few servers in lock step: `settle` carries everything out until nothing moves."""

    def __init__(self, voters: str = "abc", non_voting: str = "", fresh: str = "", **options: Any) -> None:
        state = stored(voters=voters, non_voting=non_voting)
        self.servers: dict[str, Server] = {}
        for one in voters + non_voting + fresh:
            timeouts = SpreadTimeouts(len(self.servers))
            restored = RestoredState() if one in fresh else state
            self.servers[one] = Server(one, restored, timeouts=timeouts, **options)
        self.under_way: list[Message] = []
        self.cut_off: set[str] = set()
        """Servers that nothing reaches and nothing leaves."""
        self.is_lost: Callable[[Message], bool] = lambda _message: False
        """A test's own choice of messages to lose."""
        self.sent: list[Message] = []
        """All that was ever sent, lost or not."""

    def __getitem__(self, server_id: str) -> Server:
        return self.servers[server_id]

    def _post(self, messages: list[Message]) -> None:
        self.sent += messages
        for message in messages:
            is_cut_off = message.sender in self.cut_off or message.receiver in self.cut_off
            if not is_cut_off and not self.is_lost(message):
                self.under_way.append(message)

    def settle(self) -> None:
        """Carry out batches and deliver messages until nothing moves."""
        while True:
            for server in self.servers.values():
                self._post(server.settle())
            if not self.under_way:
                return
            messages, self.under_way = self.under_way, []
            for message in messages:
                self.servers[message.receiver].raft.step(message)

    def pass_time(self, milliseconds: int, *, only_for: str = "") -> None:
        """Let time pass in steps of half a heartbeat, settling after each."""
        step_ms = HEARTBEAT_MS // 2
        for _ in range(0, milliseconds, step_ms):
            for one, server in self.servers.items():
                if one not in self.cut_off and (not only_for or one in only_for):
                    server.now_ms += step_ms
                    server.raft.tick(server.now_ms)
            self.settle()

    def elect(self, server_id: str) -> Server:
        """Make a server lead, by an election that the others take part in."""
        for one in self.servers.values():
            one.raft.forget_leader()
        self.servers[server_id].raft.campaign()
        self.settle()
        assert self.servers[server_id].raft.is_leader
        return self.servers[server_id]

    @property
    def leaders(self) -> list[str]:
        return [one for one, server in self.servers.items() if server.raft.is_leader]
