"""Where a server lives: an address, a disk, and the processes that have run it, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.simulator.disk import Disk
from tests.simulator.world import Process
from webraft_web.core.entry import Entry
from webraft_web.core.errors import FencedError, StorageError
from webraft_web.core.raft import Raft
from webraft_web.driver import Driver
from webraft_web.storage.base import Batch, Storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.properties import Properties
    from tests.simulator.simulation import Simulation


class Host(Process):
    """A process that runs a server."""

    place: Place

    @property
    def server_id(self) -> str | None:
        """Which server it runs, None before it knows."""
        raise NotImplementedError

    @property
    def driver(self) -> Driver | None:
        raise NotImplementedError

    @property
    def raft(self) -> Raft | None:
        """The core at work, None where there is none at present."""
        driver = self.driver
        return driver.raft if driver is not None and not driver.is_stopped else None

    @property
    def properties(self) -> Properties:
        """Those of its cluster."""
        raise NotImplementedError

    def boot(self) -> None:
        """Begin, as the first thing that happens in this process."""
        raise NotImplementedError

    def receive(self, sender: str, text: str) -> None:
        """Take in a text from the network."""
        raise NotImplementedError

    def store_ended(self, error: StorageError) -> None:
        """The store failed, or fenced this process off: it ends, and somebody may have to follow."""
        self.world.counts["fenced" if isinstance(error, FencedError) else "failed stores"] += 1
        self.die(str(error))
        if "record at position" in str(error):
            self.place.lose_store()  # torn: what it held counts as lost
        if self.place.host is None:
            self.place.start_soon()


class Place:
    """An address, and what is there.

    Attributes:
        hosts: The newest last; those before it are zombies, if alive.
    """

    def __init__(self, simulation: Simulation, address: str) -> None:
        self.simulation = simulation
        self.address = address
        self.disk = Disk(simulation.world, f"disk of {address}")
        self.hosts: list[Host] = []
        self.stored_id: str | None = None
        """Whose state the disk holds."""
        self._started = 0
        simulation.network.receivers[address] = self.receive

    def make_host(self, name: str) -> Host:
        """Return a new process for this place."""
        raise NotImplementedError

    def receive(self, sender: str, text: str) -> None:
        """Hand a text to whom it is for."""
        host = self.host
        if host is not None:
            host.execute(lambda: host.receive(sender, text))

    @property
    def host(self) -> Host | None:
        """The process that should act, if it is alive."""
        return self.hosts[-1] if self.hosts and self.hosts[-1].is_alive else None

    def start(self) -> None:
        """Let another process run the server, whatever becomes of those before."""
        self._started += 1
        self.hosts = [host for host in self.hosts if host.is_alive]
        if self.hosts:
            self.simulation.world.counts["takeovers from the living"] += 1
        host = self.make_host(f"{self.address}#{self._started}")
        self.hosts.append(host)
        host.at(0, host.boot)

    def start_soon(self) -> None:
        """Start again after a while, unless somebody else does before."""
        delay_ms = self.simulation.world.chance.randint(10, 20 * self.simulation.scale_ms)
        self.simulation.world.at(delay_ms, lambda: None if self.host else self.start())

    def restart_when_dead(self) -> None:
        """See to it that somebody runs the server again, once the present one has died."""
        self.simulation.world.at(
            20 * self.simulation.scale_ms, lambda: None if self.host else self.start_soon()
        )

    def stop(self, why: str, *, with_power: bool = False) -> None:
        """End all its processes."""
        for host in self.hosts:
            host.die(why)
        if with_power:
            self.disk.lose_power()

    def lose_store(self) -> None:
        """Have its store be gone."""
        self.disk.wipe()
        self.stored_id = None
        self.simulation.has_lost_stores = True
        self.simulation.world.counts["stores lost"] += 1


class WatchedStorage:
    """A storage that tells the properties what is being written, and what has become durable."""

    def __init__(self, host: Host, storage: Storage) -> None:
        self.load = storage.load
        self.close = storage.close
        self._host = host
        self._storage = storage

    def persist(self, batch: Batch, done: Callable[[StorageError | None], None]) -> None:
        raft = None if batch.reset else self._host.raft
        entries: Sequence[Entry] = batch.entries
        if raft is not None:
            self._host.properties.writes(raft, entries)

        def answered(error: StorageError | None) -> None:
            if error is None and raft is not None:
                self._host.properties.durable(raft, batch)
            done(error)

        self._storage.persist(batch, answered)


class SwarmTimeouts:
    """Timeouts drawn anew for every wait, on the scale of this run."""

    def __init__(self, simulation: Simulation) -> None:
        self._chance = simulation.world.chance
        self._scale_ms = simulation.scale_ms

    def heartbeat_timeout_ms(self) -> int:
        return self._chance.randint(2 * self._scale_ms, 3 * self._scale_ms)

    def election_timeout_ms(self) -> int:
        return self._chance.randint(2 * self._scale_ms, 4 * self._scale_ms)

    def heartbeat_interval_ms(self) -> int:
        return self._scale_ms

    def lease_ms(self) -> int:
        return 2 * self._scale_ms
