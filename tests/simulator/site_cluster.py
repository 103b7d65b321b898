"""Clusters of sites: servers run by tabs that take over from one another, under one shared document."""

from __future__ import annotations

from typing import NamedTuple, cast

from tests.histories.recorder import History
from tests.simulator.clients import Client
from tests.simulator.faults import Faults
from tests.simulator.place import Host
from tests.simulator.properties import Properties
from tests.simulator.simulation import Simulation
from tests.simulator.site import Runner, Site
from tests.simulator.world import SafetyError
from webraft_web.core.entry import Committed, Configuration, EntryKind
from webraft_web.core.errors import WebraftError
from webraft_web.core.raft import Raft
from webraft_web.document.commands import open_command
from webraft_web.driver import Driver


class Bounds(NamedTuple):
    """The sizes at which this run's servers cut, chunk and pause: small, so that they do."""

    message_size: int
    inflight_messages: int
    inflight_size: int
    apply_size: int
    uncommitted_size: int
    compact_after: int
    compact_size: int
    voters: int | None


class SiteCluster(Simulation):
    """One room across browsers, its clients, and what befalls it."""

    def __init__(self, seed: int, torment_s: float | None = None) -> None:
        super().__init__(seed, torment_s)
        chance = self.world.chance
        self.properties = Properties(self.world)
        self.history = History("register")
        self.histories = [self.history]
        self.apply_delays_ms = chance.choice([[0], [0], [0, 0, 0, 2], [1, self.scale_ms]])
        self.bounds = Bounds(
            message_size=chance.choice([150, 600, 64 * 1024]),
            inflight_messages=chance.choice([1, 4, 64]),
            inflight_size=chance.choice([400, 1024 * 1024]),
            apply_size=chance.choice([300, 4 * 1024 * 1024]),
            uncommitted_size=chance.choice([2000, 64 * 1024 * 1024]),
            compact_after=chance.choice([3, 20, 10_000]),
            compact_size=chance.choice([200, 4 * 1024 * 1024]),
            voters=chance.choice([None, None, 3]),
        )
        size = chance.randint(1, 7)
        founders = [f"s{number}" for number in range(chance.randint(1, size))]
        self.sites = [
            Site(self, f"s{number}", founders if number < len(founders) else ()) for number in range(size)
        ]
        self.places = list(self.sites)
        self.clients = [Client(self, f"c{number}") for number in range(chance.randint(1, 4))]
        self.faults = SiteFaults(self)
        self._last: list[Committed] = []

    def check(self, host: Host) -> None:
        if host.is_alive and host.raft is not None:
            self.properties.check(host.raft, host.name)

    def committed_configurations(self) -> list[Configuration]:
        return [self.properties.configuration]

    def is_converged(self) -> bool:
        """Whether all clients are done, and every member has the last command and the same document."""
        if not self._last:
            self._propose()
            return False
        leader = cast("Runner | None", self.leader())
        if leader is None or leader.raft is None or any(client.is_busy for client in self.clients):
            return False
        members = set(leader.raft.configuration.servers)
        documents = {leader.machine.take_snapshot()}
        for site in self.sites:
            runner = site.runner
            if site.stored_id not in members:
                continue
            if runner is None or runner.raft is None or runner.machine.applied_index < self._last[0].index:
                return False
            if runner.machine.applied_index == leader.machine.applied_index:
                documents.add(runner.machine.take_snapshot())
        if len(documents) > 1:
            raise SafetyError(f"State Machine Safety: {len(documents)} different documents at one index")
        return True

    def _propose(self) -> None:
        leader = self.leader()
        if leader is None or leader.driver is None:
            return
        driver = leader.driver

        def settled(outcome: Committed | WebraftError) -> None:
            if isinstance(outcome, Committed):
                self._last.append(outcome)

        leader.execute(lambda: driver.propose(open_command("last"), EntryKind.HOUSEKEEPING, settled))

    def is_excused(self) -> bool:
        """Whether nobody could win an election, as all of them are now."""
        rafts = {site.stored_id: site.host.raft for site in self.sites if site.host is not None}
        for raft in rafts.values():
            if raft is None:
                continue
            granting = [
                voter
                for voter in raft.configuration.voters
                if (other := rafts.get(voter)) is not None
                and other.log.is_up_to_date(raft.log.last_index, raft.log.last_term)
            ]
            if 2 * len(granting) > len(raft.configuration.voters):
                return False
        return not self._last


class SiteFaults(Faults):
    """What befalls sites beyond what befalls every server."""

    simulation: SiteCluster

    def _runner(self) -> Runner | None:
        return cast("Runner | None", self.host())

    def _fault_zombie(self) -> None:
        """A tab takes over from one that lives, frozen or merely slow."""
        place = self.place()
        zombie = place.host
        if zombie is not None:
            if self.world.is_likely(0.6):
                zombie.freeze()
                self.world.at(self.later(1, 20), zombie.thaw)
            place.start()

    def _fault_transfer(self) -> None:
        """The leader is told to hand over (§3.10)."""
        self.as_leader(lambda raft: raft.transfer_leadership(self._member(raft)))

    def _fault_isolate(self) -> None:
        """The leader is cut off with commands that nobody else has, until it is none any more."""
        leader = self.simulation.leader()
        if leader is None or leader.driver is None:
            return
        driver, own = leader.driver, leader.place.address
        others = [place.address for place in self.simulation.places]
        pairs = {(own, other) for other in others} | {(other, own) for other in others}
        self.simulation.network.cut |= pairs
        self.world.at(self.later(1, 30), lambda: self.simulation.network.cut.difference_update(pairs))
        for _ in range(self.world.chance.choice([1, 3, 12, 40])):
            leader.execute(lambda: self._propose_filler(driver))
        if self.world.is_likely(0.6):
            self._fault_churn()
        for _ in range(self.world.chance.randint(0, 3)):  # so that its successor has successors, too
            self.world.at(self.later(4, 20), self._fault_transfer)

    def _fault_churn(self) -> None:
        """Several changes of the membership are asked for at once, and again before the first can be done."""
        for _ in range(self.world.chance.randint(2, 5)):
            change = self._fault_join if self.world.is_likely(0.6) else self._fault_leave
            self.world.at(self.world.chance.choice([0, 0, 1, self._scale_ms]), change)

    def _propose_filler(self, driver: Driver) -> None:
        if not driver.is_stopped:
            driver.propose(open_command("filler"), EntryKind.HOUSEKEEPING, lambda _: None)

    def _fault_campaign(self) -> None:
        """Somebody stands for election without need."""
        runner = self._runner()
        if runner is not None and runner.driver is not None and not runner.driver.is_stopped:
            driver = runner.driver
            runner.execute(lambda: driver.change(lambda raft: raft.campaign()))

    def _fault_join(self) -> None:
        """A server that is no member is added, or takes the place of a former one of its address."""
        runner = self._runner()
        if runner is None or runner.raft is None or runner.is_frozen:
            return
        new = runner.server_id
        if new in self.simulation.properties.retired:
            runner.execute(runner.start_afresh)
            return

        def join(raft: Raft) -> None:
            former = [one for one in raft.configuration.servers if one.endswith(f"@{runner.site.address}")]
            if not former:
                raft.add_server(new)
            elif former[0] != new and former[0] != raft.server_id:
                raft.replace_server(former[0], new)

        self.as_leader(join)

    def _fault_leave(self) -> None:
        """A member is removed, if the others that answer can go on without it."""

        def leave(raft: Raft) -> None:
            leaving = self._member(raft)
            voters = [one for one in raft.configuration.voters if one != leaving]
            heard = [one for one in raft.voters_heard() if one != leaving]
            if 2 * len(heard) > len(voters):
                raft.remove_server(leaving)

        self.as_leader(leave)

    def _member(self, raft: Raft) -> str:
        return self.world.chance.choice(raft.configuration.servers)
