"""Servers over a simulated network in virtual time: real drivers, cores and storages, a fake link."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from webraft_web.clock import AsyncioClock
from webraft_web.core.config import Config
from webraft_web.core.entry import (
    Committed,
    Configuration,
    Entry,
    EntryKind,
    HardState,
    ServerId,
    Snapshot,
    make_server_id,
)
from webraft_web.core.errors import StorageError, WebraftError
from webraft_web.core.message import Message
from webraft_web.core.raft import Raft
from webraft_web.core.ready import RefreshRequest, RestoredState
from webraft_web.driver import Driver
from webraft_web.storage.base import Batch, Identity, Storage, StoredState
from webraft_web.storage.memory import MemoryStorage
from webraft_web.testing import run as run_in_virtual_time
from webraft_web.wire import decode_message, encode_message


class SteppedTimeouts:
    """Different for every server and every wait, without randomness."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._calls = 0

    def heartbeat_timeout_ms(self) -> int:
        self._calls += 1
        return 200 + (37 * self._number + 11 * self._calls) % 50

    def election_timeout_ms(self) -> int:
        self._calls += 1
        return 150 + (53 * self._number + 29 * self._calls) % 150

    def heartbeat_interval_ms(self) -> int:
        return 100

    def lease_ms(self) -> int:
        return 200


class RecordingMachine:
    """A state machine that keeps all it was given; `is_manual` leaves the answers to the test."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.restored: list[Snapshot] = []
        self.refreshes: list[RefreshRequest] = []
        self.is_manual = False
        self.pending: list[tuple[int, Callable[[int], None]]] = []
        self.compact_limit = 0
        self.is_bare = False
        self.snapshot_padding = 0
        self.snapshots_taken = 0

    def apply(self, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
        self.entries.extend(entries)
        if self.is_manual:
            self.pending.append((entries[-1].index, done))
        else:
            done(entries[-1].index)

    def restore(self, snapshot: Snapshot, done: Callable[[int], None]) -> None:
        self.restored.append(snapshot)
        done(snapshot.last_index)

    def refresh(self, request: RefreshRequest) -> None:
        self.refreshes.append(request)

    def take_snapshot(self) -> str | None:
        self.snapshots_taken += 1
        return None if self.is_bare else f"state at {self.entries[-1].index}" + " " * self.snapshot_padding

    def may_compact_to(self) -> int:
        return self.compact_limit

    @property
    def commands(self) -> list[str]:
        return [entry.data for entry in self.entries if entry.kind is EntryKind.COMMAND]


class SlowStorage:
    """A MemoryStorage that takes its time, counts, and can be made to fail."""

    def __init__(self, delay_ms: int = 0) -> None:
        self.memory = MemoryStorage()
        self.delay_ms = delay_ms
        self.batches: list[Batch] = []
        self.under_way = 0
        self.error: StorageError | None = None

    def load(self, done: Callable[[StoredState | StorageError | None], None]) -> None:
        self.memory.load(done)

    def persist(self, batch: Batch, done: Callable[[StorageError | None], None]) -> None:
        assert self.under_way == 0, "only one batch at a time"
        self.batches.append(batch)
        self.under_way += 1

        def finish() -> None:
            self.under_way -= 1
            if self.error is not None:
                done(self.error)
            else:
                self.memory.persist(batch, done)

        if self.delay_ms:
            asyncio.get_running_loop().call_later(self.delay_ms / 1000, finish)
        else:
            finish()

    def close(self) -> None:
        pass


class Server:
    """One server: what survives a crash (id, storage), and what a start makes anew."""

    def __init__(self, network: "Network", number: int, storage: Storage, **options: int) -> None:
        self.network = network
        self.number = number
        self.server_id = make_server_id(f"server{number}", f"life{number}")
        self.storage = storage
        self.options = options
        self.stopped: list[StorageError] = []
        self.machine = RecordingMachine()

    def start(self) -> None:
        """Start, or start again, from what the storage holds."""
        found: list[StoredState | StorageError | None] = []
        self.storage.load(found.append)
        state = found[0]
        assert isinstance(state, StoredState), "the cluster wrote it"
        restored = RestoredState(state.hard_state, state.snapshot, state.entries)
        config = Config(self.server_id, SteppedTimeouts(self.number))
        clock = AsyncioClock()
        self.machine = RecordingMachine()
        self.driver = Driver(
            Raft(config, restored, clock.now_ms()),
            self.storage,
            clock,
            machine=self.machine,
            send=self.network.carry,
            on_stopped=self.stopped.append,
            **self.options,
        )

    @property
    def raft(self) -> Raft:
        return self.driver.raft

    def propose(self, command: str) -> "asyncio.Future[Committed | WebraftError]":
        """Propose a command; the future's result is the outcome, errors too."""
        future: asyncio.Future[Committed | WebraftError] = asyncio.get_running_loop().create_future()
        self.driver.propose(command, EntryKind.COMMAND, future.set_result)
        return future

    def read(self) -> "asyncio.Future[int | WebraftError]":
        future: asyncio.Future[int | WebraftError] = asyncio.get_running_loop().create_future()
        self.driver.read(future.set_result)
        return future


class Network:
    """Carries messages as encoded lists, a little later, unless their way is cut."""

    def __init__(self, delay_ms: int = 2) -> None:
        self.delay_ms = delay_ms
        self.servers: dict[ServerId, Server] = {}
        self.cut_off: set[ServerId] = set()
        self.sent: list[Message] = []
        self.drops: Callable[[Message], bool] = lambda _: False

    def carry(self, messages: Sequence[Message]) -> None:
        self.sent.extend(messages)
        encoded = [encode_message(message) for message in messages if not self.drops(message)]
        asyncio.get_running_loop().call_later(self.delay_ms / 1000, self._deliver, encoded)

    def _deliver(self, encoded: list[list[object]]) -> None:
        inboxes: dict[ServerId, list[Message]] = {}
        for message in map(decode_message, encoded):
            if message.sender in self.cut_off or message.receiver in self.cut_off:
                continue
            if message.receiver in self.servers:
                inboxes.setdefault(message.receiver, []).append(message)
        for receiver, messages in inboxes.items():
            self.servers[receiver].driver.receive(messages)


class Cluster:
    """Servers 1..count, all voters of one founding configuration."""

    def __init__(self, count: int, *, delay_ms: int = 2, storage_ms: int = 0, **options: int) -> None:
        self.network = Network(delay_ms)
        self.servers = [
            Server(self.network, number, SlowStorage(storage_ms), **options) for number in range(1, count + 1)
        ]
        configuration = Configuration(tuple(server.server_id for server in self.servers))
        founding = Entry(1, 1, EntryKind.CONFIGURATION, configuration=configuration)
        for server in self.servers:
            incarnation, _, address = server.server_id.partition("@")
            identity = Identity(address, incarnation, "cluster")
            batch = Batch(True, identity, HardState(1, None, 1), None, (founding,))
            server.storage.memory.persist(batch, _expect_none)
            self.network.servers[server.server_id] = server
            server.start()

    @property
    def leaders(self) -> list[Server]:
        return [server for server in self.servers if server.raft.is_leader and not server.driver.is_stopped]

    async def leader(self) -> Server:
        """Wait until all reachable servers agree on a leader."""
        for _ in range(1000):
            reachable = [
                server
                for server in self.servers
                if server.server_id not in self.network.cut_off and not server.driver.is_stopped
            ]
            known = {server.raft.leader_id for server in reachable}
            if len(known) == 1 and None not in known:
                leader = self.network.servers[known.pop()]
                if leader in reachable:
                    return leader
            await asyncio.sleep(0.01)
        raise AssertionError("no leader in 10 seconds")

    async def followers(self) -> list[Server]:
        leader = await self.leader()
        return [server for server in self.servers if server is not leader]


def run(main: Coroutine[object, object, None]) -> None:
    """Run a test; what has not happened after a minute of virtual time never will."""
    run_in_virtual_time(asyncio.wait_for(main, 60))


def stored(server: Server) -> StoredState:
    found: list[object] = []
    server.storage.load(found.append)
    assert isinstance(found[0], StoredState)
    return found[0]


async def settle(seconds: float = 0.3) -> None:
    """Let virtual time pass, so that everybody learns what is committed."""
    await asyncio.sleep(seconds)


def _expect_none(error: StorageError | None) -> None:
    assert error is None, error
