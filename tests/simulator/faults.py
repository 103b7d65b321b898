"""What goes wrong, and when: each run draws which faults it knows, and how often they strike.

Runs that know few faults get further than those that know all (swarm testing),
so that both kinds of trouble are found: the rare one, and the one that needs calm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from webraft_web.core.errors import WebraftError
from webraft_web.core.raft import Raft

if TYPE_CHECKING:
    from tests.simulator.place import Host, Place
    from tests.simulator.simulation import Simulation

ALWAYS_POSSIBLE = ("crash",)


class Faults:
    """Strikes until it is told to stop."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.world = simulation.world
        self._scale_ms = simulation.scale_ms
        chance = simulation.world.chance
        names = sorted(name.removeprefix("_fault_") for name in dir(self) if name.startswith("_fault_"))
        self.known = [name for name in names if name in ALWAYS_POSSIBLE or chance.random() < 0.5]
        self._pace = chance.choice([4, 12, 40])
        self._is_over = False

    def begin(self) -> None:
        """Strike from now on, now and then."""
        chance = self.world.chance
        network = self.simulation.network
        network.loss = chance.choice([0, 0.01, 0.1, 0.3])
        network.repeat = chance.choice([0, 0.02, 0.2])
        network.delays_ms = chance.choice([[0, 1], [1, 1, 2, 5, 20], [0, 1, 2, self._scale_ms]])
        self._next()

    def end(self) -> None:
        """Strike no more."""
        self._is_over = True

    def _next(self) -> None:
        delay_ms = self.world.chance.randint(self._scale_ms, self._pace * self._scale_ms)
        self.world.at(delay_ms, self._strike)

    def _strike(self) -> None:
        if self._is_over:
            return
        name = self.world.chance.choice(self.known)
        self.world.note(f"fault: {name}")
        self.world.counts[f"fault: {name}"] += 1
        getattr(self, f"_fault_{name}")()
        self._next()

    def place(self) -> Place:
        """Choose a place: its leader's more often than others."""
        leader = self.simulation.leader()
        if leader is not None and self.world.is_likely(0.4):
            return leader.place
        return self.world.chance.choice(self.simulation.places)

    def host(self) -> Host | None:
        """Choose a host, if it is alive."""
        return self.place().host

    def later(self, least: int, most: int) -> int:
        """Draw a delay between so many heartbeat intervals."""
        return self.world.chance.randint(least * self._scale_ms, most * self._scale_ms)

    def as_leader(self, what: Callable[[Raft], object]) -> None:
        """Have the leader do something, if it may."""
        leader = self.simulation.leader()
        if leader is None or leader.driver is None:
            return
        driver = leader.driver

        def do() -> None:
            try:
                driver.change(what)
            except WebraftError:
                self.world.counts["refused by the leader"] += 1

        leader.execute(do)

    # Processes

    def _fault_crash(self) -> None:
        """A tab dies, at one of the next points between persisting, sending and applying."""
        place = self.place()
        if place.host is not None:
            place.host.fuse = self.world.chance.randint(0, 12)
            place.restart_when_dead()

    def _fault_power(self) -> None:
        """A whole browser dies, with what its disk had not synced."""
        place = self.place()
        place.stop("no power", with_power=True)
        place.start_soon()

    def _fault_blackout(self) -> None:
        """All of them die at once."""
        for place in self.simulation.places:
            place.stop("no power", with_power=True)
            place.start_soon()

    def _fault_freeze(self) -> None:
        """A tab stands still, and goes on as if nothing had been."""
        host = self.host()
        if host is not None:
            host.freeze()
            self.world.at(self.later(1, 40), host.thaw)

    def _fault_throttle(self) -> None:
        """A tab is hidden: its timers fire once a second."""
        host = self.host()
        if host is not None:
            host.throttled_to_ms = 1000
            self.world.at(self.later(10, 60), lambda: setattr(host, "throttled_to_ms", 0))

    def _fault_jump(self) -> None:
        """A clock jumps forward, as after a sleep."""
        host = self.host()
        if host is not None:
            host.ahead_ms += self.later(1, 100)

    # Disks

    def _fault_full(self) -> None:
        """A disk is full for a while: the server ends, and comes back."""
        disk = self.place().disk
        disk.is_full = True
        self.world.at(self.later(1, 30), lambda: setattr(disk, "is_full", False))

    def _fault_slow(self) -> None:
        """A disk is slow for a while."""
        disk = self.place().disk
        disk.delays_ms = [1, self._scale_ms // 4, self._scale_ms]
        self.world.at(self.later(5, 40), lambda: setattr(disk, "delays_ms", [0, 1]))

    def _fault_torn(self) -> None:
        """A power failure leaves half a record, if the cluster can bear to lose that store."""
        place = self.place()
        if self.simulation.may_lose(place):
            place.disk.tears = True
            place.stop("no power", with_power=True)
            place.disk.tears = False
            place.start_soon()

    def _fault_lose(self) -> None:
        """A store is cleared: whoever comes back at this address is another server."""
        place = self.place()
        if self.simulation.may_lose(place):
            place.stop("its store is cleared")
            place.lose_store()
            place.start_soon()

    # The network

    def _fault_cut(self) -> None:
        """Some servers are cut off from the others."""
        addresses = [place.address for place in self.simulation.places]
        some = set(self.world.chance.sample(addresses, self.world.chance.randint(1, len(addresses))))
        self.simulation.network.cut = {
            (one, two) for one in addresses for two in addresses if (one in some) != (two in some)
        }

    def _fault_deaf(self) -> None:
        """A server is not heard, or hears nobody, or some pairs do not hear each other in one direction."""
        addresses = [place.address for place in self.simulation.places]
        address = self.place().address
        kind = self.world.chance.randrange(3)
        pairs = [(one, two) for one in addresses for two in addresses if one != two]
        self.simulation.network.cut |= {
            (one, two)
            for one, two in pairs
            if (kind == 0 and one == address)
            or (kind == 1 and two == address)
            or (kind == 2 and self.world.is_likely(0.3))
        }

    def _fault_flap(self) -> None:
        """A server's links come and go, faster than anything times out, or just as fast."""
        addresses = [place.address for place in self.simulation.places]
        address = self.place().address
        pairs = {(address, other) for other in addresses} | {(other, address) for other in addresses}
        at_ms = 0
        for _ in range(self.world.chance.randint(2, 12)):
            at_ms += self.later(0, 3)
            self.world.at(at_ms, lambda: self.simulation.network.cut.update(pairs))
            at_ms += self.later(0, 3)
            self.world.at(at_ms, lambda: self.simulation.network.cut.difference_update(pairs))

    def _fault_heal(self) -> None:
        """The cuts are mended."""
        self.simulation.network.cut = set()
