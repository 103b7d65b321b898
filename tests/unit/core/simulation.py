"""A whole cluster under faults, from one seed: the same seed gives the same run.

Events lie on a heap in virtual time: messages to deliver, timers, writes that
end, entries that get applied, and faults. `Check` watches what every server
does and asserts the five properties of Fig. 3.2 after each event.
"""

from __future__ import annotations

import heapq
import random
import zlib
from collections.abc import Callable
from typing import Any

from tests.unit.core.servers import after_snapshot, members, persisted, stored
from webraft_web.core.config import Config
from webraft_web.core.entry import Entry, EntryKind, Snapshot
from webraft_web.core.errors import LocalProtocolError, NotLeaderError, OverloadedError
from webraft_web.core.message import AppendEntriesResponse, Message, RequestVoteResponse
from webraft_web.core.raft import Raft
from webraft_web.core.ready import Ready, RestoredState, may_go_early

FAULTS = ["crash", "start", "cut", "deaf", "heal", "heal", "transfer", "transfer", "member", "member"]
"""What may happen, as often as it is named."""


class RandomTimeouts:
    """Waits as a server would draw them, from the simulation's own chance."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def heartbeat_timeout_ms(self) -> int:
        return self._chance.randint(200, 250)

    def election_timeout_ms(self) -> int:
        return self._chance.randint(150, 300)

    def heartbeat_interval_ms(self) -> int:
        return 100

    def lease_ms(self) -> int:
        return 200


class State:
    """The application: how many commands it has seen, and a checksum over all of them."""

    def __init__(self, data: str = "0 0") -> None:
        count, checksum = data.split()[:2]
        self.count = int(count)
        self.checksum = int(checksum)

    def apply(self, entry: Entry) -> None:
        if entry.kind is EntryKind.COMMAND:
            self.count += 1
            self.checksum = zlib.crc32(entry.data.encode(), self.checksum)

    def text(self) -> str:
        """Long enough to travel in several chunks."""
        return f"{self.count} {self.checksum} " + "." * 400


class Host:
    """A server with its disk; `life` counts starts and crashes, so that what is older is dropped."""

    def __init__(self, simulation: Simulation, server_id: str, disk: RestoredState) -> None:
        self.simulation = simulation
        self.server_id = server_id
        self.disk = disk
        self.life = 0
        self.is_up = False
        self.start()

    def start(self) -> None:
        self.life += 1
        self.is_up = True
        simulation = self.simulation
        config = Config(
            self.server_id,
            RandomTimeouts(simulation.chance),
            max_message_size=150,
            max_inflight_messages=4,
            max_inflight_size=400,
            max_apply_size=300,
            mend_after_ms=700,
            demote_after_ms=1500,
        )
        self.raft = Raft(config, self.disk, simulation.now_ms)
        snapshot = self.disk.snapshot
        self.state = State(snapshot.data or "0 0" if snapshot else "0 0")
        self.applied_index = self.raft.last_applied
        self.to_apply: list[tuple[Snapshot | None, list[Entry]]] = []
        self.is_writing = False
        self.timer_ms = -1
        self.work()

    def crash(self) -> None:
        """Lose all but the disk; whatever was scheduled for this life does nothing any more."""
        self.life += 1
        self.is_up = False

    def soon(self, delay_ms: int, action: Callable[..., None], *arguments: Any) -> None:
        """Schedule something that a crash prevents."""
        life = self.life

        def act() -> None:
            if self.is_up and self.life == life:
                action(*arguments)

        self.simulation.at(delay_ms, act)

    def receive(self, message: Message) -> None:
        if self.is_up:
            self.raft.tick(self.simulation.now_ms)
            self.raft.step(message)
            self.work()

    def wake(self) -> None:
        if self.simulation.now_ms >= self.timer_ms:
            self.timer_ms = -1
            self.raft.tick(self.simulation.now_ms)
            self.work()

    def work(self) -> None:
        """Hand a batch to the disk unless one is there; set the timer."""
        self.simulation.check.after_input(self)
        if not self.is_writing and self.raft.has_ready():
            self.is_writing = True
            ready = self.raft.ready()
            self.simulation.check.batch(self, ready)
            for message in ready.messages:
                if may_go_early(message):
                    self.simulation.send(message)
            self.soon(self.simulation.chance.choice([0, 0, 1, 3, 20]), self.written, ready)
        deadline_ms = max(self.raft.deadline_ms, self.simulation.now_ms + 1)
        if self.timer_ms < 0 or deadline_ms < self.timer_ms:
            self.timer_ms = deadline_ms
            self.soon(deadline_ms - self.simulation.now_ms, self.wake)

    def written(self, ready: Ready) -> None:
        """Persist, then send, then apply, with a crash in between now and then."""
        if ready.must_persist or self.simulation.chance.random() < 0.3:
            self.disk = persisted(self.disk, ready)
        if self.simulation.strikes(0.002):
            return self.crash()
        for message in ready.messages:
            if not may_go_early(message):
                self.simulation.check.promise(self, message)
                self.simulation.send(message)
        if self.simulation.strikes(0.002):
            return self.crash()
        self.is_writing = False
        self.raft.tick(self.simulation.now_ms)
        self.raft.advance()
        for read in ready.read_states:
            self.simulation.check.read(read.context, read.index)
        self.to_apply.append((ready.snapshot, ready.committed_entries))
        self.soon(self.simulation.chance.choice([0, 0, 2]), self.apply)
        return self.work()

    def apply(self) -> None:
        """Apply the oldest batch that waits; compact what is done with now and then."""
        snapshot, entries = self.to_apply.pop(0)
        if snapshot is not None and snapshot.last_index > self.applied_index:
            assert snapshot.data is not None
            self.state = State(snapshot.data)
            self.applied_index = snapshot.last_index
            self.raft.applied_to(self.applied_index)
        for entry in entries:
            if entry.index > self.applied_index:
                self.simulation.check.applies(self, entry)
                self.state.apply(entry)
                self.applied_index = entry.index
                self.raft.applied_to(entry.index)
        self.simulation.check.state(self)
        if self.raft.log.size > 1200 and self.applied_index > self.raft.log.snapshot.last_index:
            taken = self.raft.compact(self.applied_index, self.state.text())
            kept = after_snapshot(self.disk.entries, taken)
            self.disk = RestoredState(self.disk.hard_state, taken, kept)
        self.work()


class Simulation:
    """A cluster, its network and its faults."""

    def __init__(self, seed: int, size: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.now_ms = 0
        self.check = Check(self)
        self.trace = 0
        """A checksum over all messages sent, with their times."""
        self.has_faults = True
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0
        self._cut: set[tuple[str, str]] = set()
        self._fresh = [f"n{number}" for number in range(3)]
        ids = [f"s{number}" for number in range(size)]
        disk = stored(voters=())
        disk.entries[0].configuration = members(ids)
        self.hosts = {one: Host(self, one, disk) for one in ids}

    def at(self, delay_ms: int, action: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (self.now_ms + delay_ms, self._number, action))

    def strikes(self, probability: float) -> bool:
        return self.has_faults and self.chance.random() < probability

    def send(self, message: Message) -> None:
        """Lose, repeat, delay and so reorder a message."""
        self.trace = zlib.crc32(f"{self.now_ms} {message}".encode(), self.trace)
        for _ in range(2 if self.strikes(0.03) else 1):
            if (message.sender, message.receiver) not in self._cut and not self.strikes(0.05):
                delay_ms = self.chance.choice([0, 1, 1, 2, 5, 20]) if self.has_faults else 1
                self.at(delay_ms, lambda: self.hosts[message.receiver].receive(message))

    def run(self, until_ms: int) -> None:
        while self._events and self._events[0][0] <= until_ms:
            self.now_ms, _, action = heapq.heappop(self._events)
            action()
        self.now_ms = until_ms

    def torment(self, milliseconds: int) -> None:
        """Run with clients and faults for so long, then heal everything."""
        self.at(0, self._client)
        self.at(0, self._fault)
        self.run(self.now_ms + milliseconds)
        self.has_faults = False
        self._cut = set()
        for host in self.hosts.values():
            if not host.is_up:
                host.start()

    def converge(self, milliseconds: int) -> None:
        """Assert that, nothing failing any more, a leader commits a command everywhere."""
        self.run(self.now_ms + milliseconds)
        leaders = [host for host in self.hosts.values() if host.is_up and host.raft.is_leader]
        assert leaders, f"seed {self.seed}: nobody leads"
        leader = max(leaders, key=lambda host: host.raft.current_term)
        index = leader.raft.propose(["last"])
        leader.work()
        self.run(self.now_ms + milliseconds)
        for one in leader.raft.configuration.servers:
            assert self.hosts[one].applied_index >= index, f"seed {self.seed}: {one} is behind"

    def _client(self) -> None:
        """Propose and read at some server, every few milliseconds."""
        if not self.has_faults:
            return
        host = self.hosts[self.chance.choice(sorted(self.hosts))]
        if host.is_up:
            host.raft.tick(self.now_ms)
            data = [f"{self._number}-{part}" for part in range(self.chance.choice([1, 1, 3]))]
            try:
                if host.raft.is_leader:
                    host.raft.propose(data)
                else:
                    host.raft.forward(self._number, data)
                host.raft.read_index(self.check.begin_read())
            except (NotLeaderError, OverloadedError):
                pass
            host.work()
        self.at(self.chance.randint(1, 25), self._client)

    def _fault(self) -> None:
        if not self.has_faults:
            return
        host = self.hosts[self.chance.choice(sorted(self.hosts))]
        what = self.chance.choice(FAULTS)
        ids = sorted(self.hosts)
        if what == "crash" and host.is_up:
            host.crash()
        elif what == "start":
            for down in [one for one in self.hosts.values() if not one.is_up]:
                down.start()
        elif what == "cut":
            some = set(self.chance.sample(ids, self.chance.randint(1, max(1, len(ids) // 2))))
            self._cut = {(one, two) for one in ids for two in ids if (one in some) != (two in some)}
        elif what == "deaf":
            self._cut |= {(one, host.server_id) for one in ids}
        elif what == "heal":
            self._cut = set()
        elif host.is_up and host.raft.is_leader:
            self._disturb(host, what)
        self.at(self.chance.randint(20, 200), self._fault)

    def _disturb(self, leader: Host, what: str) -> None:
        """Hand the leadership over, or change the membership."""
        raft = leader.raft
        raft.tick(self.now_ms)
        if not raft.is_leader:
            return
        try:
            if what == "transfer":
                raft.transfer_leadership(self.chance.choice(raft.configuration.voters))
            elif self._fresh and self.chance.random() < 0.5:
                new = self._fresh.pop()
                self.hosts[new] = Host(self, new, RestoredState())
                raft.add_server(new)
            elif len(raft.configuration.servers) > 2:
                raft.remove_server(self.chance.choice(raft.configuration.servers))
        except LocalProtocolError:
            pass
        leader.work()


class Check:
    """The five properties of Fig. 3.2, and that promises rest on the disk."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.leaders: dict[int, str] = {}
        self.committed: dict[int, tuple[Entry, int]] = {}
        """By index: the entry, and the term in which it was first known to be committed."""
        self.states: dict[int, tuple[int, int]] = {}
        self.highest_commit = 0
        self._appended: dict[tuple[int, int], tuple[Entry, int | None]] = {}
        self._led: dict[tuple[str, int], tuple[int, int]] = {}
        self._reads: list[int] = []

    def after_input(self, host: Host) -> None:
        """Check what a server knows, whenever something has reached it."""
        raft = host.raft
        log = raft.log
        assert log.applied_index <= log.handed_out_index <= log.commit_index <= log.last_index
        for index in range(max(self.highest_commit + 1, log.first_index), log.commit_index + 1):
            entry = log.entries_from(index, 1)[0]
            self.committed[index] = (entry, raft.current_term)
        self.highest_commit = max(self.highest_commit, log.commit_index)
        if raft.is_leader:
            self._leads(host)

    def _leads(self, host: Host) -> None:
        raft = host.raft
        term = raft.current_term
        assert self.leaders.setdefault(term, host.server_id) == host.server_id, "Election Safety"
        key = (host.server_id, term)
        if key not in self._led:
            for index, (entry, committed_in) in self.committed.items():
                if committed_in < term and index >= raft.log.first_index:
                    assert raft.log.matches(index, entry.term), f"Leader Completeness at {index}"
        else:
            last_index, last_term = self._led[key]
            assert raft.log.last_index >= last_index, "Leader Append-Only"
            assert raft.log.term_at(last_index) in {last_term, None}, "Leader Append-Only"
        self._led[key] = (raft.log.last_index, raft.log.last_term)

    def batch(self, host: Host, ready: Ready) -> None:
        """Check that equal index and term mean equal entries and equal predecessors."""
        for entry in ready.entries:
            found = (entry, host.raft.log.term_at(entry.index - 1))
            assert self._appended.setdefault((entry.index, entry.term), found) == found, "Log Matching"

    def promise(self, host: Host, message: Message) -> None:
        """Check that a vote or an acknowledgement claims nothing that the disk does not hold."""
        disk = host.disk
        if message.term < disk.hard_state.term:
            return
        if isinstance(message, RequestVoteResponse) and message.vote_granted:
            assert (disk.hard_state.term, disk.hard_state.voted_for) == (message.term, message.receiver)
        if isinstance(message, AppendEntriesResponse) and message.success:
            last = disk.entries[-1].index if disk.entries else 0
            assert message.index <= max(last, disk.snapshot.last_index if disk.snapshot else 0)

    def applies(self, host: Host, entry: Entry) -> None:
        assert entry.index == host.applied_index + 1, "entries are applied in order"
        assert self.committed[entry.index][0] == entry, "State Machine Safety"

    def state(self, host: Host) -> None:
        found = (host.state.count, host.state.checksum)
        assert self.states.setdefault(host.applied_index, found) == found, "State Machine Safety"

    def begin_read(self) -> int:
        """Note what is committed when a read begins; return its context."""
        self._reads.append(self.highest_commit)
        return len(self._reads) - 1

    def read(self, context: int, index: int) -> None:
        assert index == 0 or index >= self._reads[context], "a read misses what was committed before it"
