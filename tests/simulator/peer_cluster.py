"""Clusters of peers: who found, meet, conflict, leave and return, each cluster on its own."""

from __future__ import annotations

from typing import cast

from tests.histories.operation import Operation
from tests.histories.recorder import History
from tests.simulator.faults import Faults
from tests.simulator.peer import Peer, PeerHost
from tests.simulator.place import Host
from tests.simulator.properties import Properties
from tests.simulator.simulation import Simulation
from tests.simulator.world import SafetyError
from webraft_web.core.entry import Committed, Configuration, EntryKind
from webraft_web.core.errors import LocalProtocolError, NotLeaderError, OverloadedError, WebraftError
from webraft_web.core.raft import Raft


class PeerCluster(Simulation):
    """Servers that were told of each other, in two groups at first, and what becomes of them."""

    def __init__(self, seed: int, torment_s: float | None = None) -> None:
        super().__init__(seed, torment_s)
        chance = self.world.chance
        self.apply_delays_ms = chance.choice([[0], [0, 0, 2], [1, self.scale_ms]])
        self.apply_failures = chance.choice([0.0, 0.0, 0.05])
        self.by_cluster: dict[str, Properties] = {}
        self._history_by_cluster: dict[str, History] = {}
        self.histories: list[History] = []
        self.unknown: dict[str, Operation] = {}
        """Texts of which nothing was heard since: they may be in any cluster, or in none."""
        self.compact_after = chance.choice([3, 20, 10_000])
        size = chance.randint(1, 7)
        self.peers = [Peer(self, f"p{number}") for number in range(size)]
        self.places = list(self.peers)
        self._join_groups(chance.randint(0, size))
        self.clients = [PeerClient(self, f"c{number}") for number in range(chance.randint(1, 3))]
        self.faults = PeerFaults(self)
        self._known: dict[Raft, None] = {}
        self._last: dict[str, Committed] = {}

    def _join_groups(self, first: int) -> None:
        """Have two groups join within, and each other later."""
        for number, peer in enumerate(self.peers):
            for other_number, other in enumerate(self.peers):
                if number != other_number and (number < first) == (other_number < first):
                    peer.joined.add(other.address)
                elif number != other_number:
                    self._join_later(peer, other.address)

    def _join_later(self, peer: Peer, address: str) -> None:
        delay_ms = self.world.chance.randint(0, 100) * self.scale_ms
        self.world.at(delay_ms, lambda: peer.join(address))

    # What is there

    def properties_of(self, cluster_id: str) -> Properties:
        """Return what was seen in one cluster."""
        if cluster_id not in self.by_cluster:
            self.by_cluster[cluster_id] = Properties(self.world)
            self.world.counts["clusters founded"] += bool(cluster_id)
        return self.by_cluster[cluster_id]

    def history_of(self, cluster_id: str) -> History:
        """Return what clients saw of one cluster."""
        if cluster_id not in self._history_by_cluster:
            self._history_by_cluster[cluster_id] = History("register")
            self.histories.append(self._history_by_cluster[cluster_id])
        return self._history_by_cluster[cluster_id]

    def notice(self, host: PeerHost) -> None:
        """Begin to watch a server that has just started from its store."""
        raft = host.raft
        if raft is not None and raft not in self._known:
            self._known[raft] = None
            host.properties.begins(raft)
            assert host.driver is not None, "a core at work has a driver"
            host.driver._compaction._after_entries = self.compact_after
        if host.server.is_ready:
            host.peer.stored_id = host.server_id

    def check(self, host: Host) -> None:
        host = cast("PeerHost", host)
        if host.is_alive and host.raft is not None:
            self.notice(host)
            host.properties.check(host.raft, host.name)

    def committed_configurations(self) -> list[Configuration]:
        return [one.configuration for one in self.by_cluster.values()]

    # How it ends

    def judge(self) -> None:
        for history in self.histories:
            known = {str(operation.input[2:]) for operation in history.operations}
            for operation in self.unknown.values():
                if str(operation.input[2:]) not in known:
                    history.add(operation)
        super().judge()

    def is_converged(self) -> bool:
        """Whether every server has a cluster, and in each all members have applied one more command."""
        hosts = [cast("PeerHost", peer.host) for peer in self.peers if peer.host is not None]
        if len(hosts) < len(self.peers) or any(host.raft is None for host in hosts):
            return False
        if any(host.server.is_dissolving or not host.server.is_ready for host in hosts):
            return False
        by_cluster: dict[str, list[PeerHost]] = {}
        for host in hosts:
            by_cluster.setdefault(host.server.identity.cluster_id or "", []).append(host)
        return all(self._has_converged(name, members) for name, members in by_cluster.items())

    def _has_converged(self, cluster_id: str, hosts: list[PeerHost]) -> bool:
        if cluster_id not in self._last:
            self._propose_last(cluster_id, hosts[0])
            return False
        last = self._last[cluster_id]
        leaders = [host for host in hosts if host.raft is not None and host.raft.is_leader]
        if len(leaders) != 1:
            return False
        members = leaders[0].raft.configuration.servers if leaders[0].raft else ()
        if any(host.server_id not in members or host.server.last_applied < last.index for host in hosts):
            return False
        texts = {host.shelf.texts for host in hosts if host.shelf.index == leaders[0].shelf.index}
        if len(texts) > 1:
            raise SafetyError("State Machine Safety: different texts at one index")
        return True

    def _propose_last(self, cluster_id: str, host: PeerHost) -> None:
        text = f"last.{self.world.now_ms}.{cluster_id} "
        self.unknown[text] = Operation("the end", self.world.now_ms, None, ["append", "l", text])

        def settled(outcome: Committed | WebraftError) -> None:
            if isinstance(outcome, Committed):
                self._last[cluster_id] = outcome

        host.execute(lambda: host.server.propose(f'"{text}"', EntryKind.COMMAND, settled, 20 * self.scale_ms))

    def is_excused(self) -> bool:
        """Whether, for want of lost stores, some server waits for a cluster that cannot elect a leader."""
        rafts = {peer.stored_id: peer.host.raft for peer in self.peers if peer.host is not None}
        for raft in rafts.values():
            voters = raft.configuration.voters if raft is not None else ()
            if 2 * len([voter for voter in voters if rafts.get(voter) is not None]) <= len(voters):
                return True
        return False


class PeerClient:
    """Proposes texts at any server, and reads them back; what it is not told of it does not repeat."""

    def __init__(self, simulation: PeerCluster, name: str) -> None:
        self.simulation = simulation
        self.name = name
        self.is_busy = False
        self._number = 0

    def act(self) -> None:
        """Begin an operation, unless one is under way."""
        world = self.simulation.world
        hosts = [
            cast("PeerHost", peer.host)
            for peer in self.simulation.peers
            if peer.host is not None and cast("PeerHost", peer.host).server.over is None
        ]
        if self.is_busy or not hosts:
            return
        self.is_busy = True
        host = world.chance.choice(hosts)
        self._number += 1
        number = self._number
        begun = world.now_ms
        # Nobody else ends it if that server dies.
        world.at(15 * self.simulation.scale_ms, lambda: self._end(number))
        if world.chance.random() < 0.4:
            host.execute(lambda: self._read(host, number, begun))
        else:
            host.execute(lambda: self._propose(host, number, begun))

    def _propose(self, host: PeerHost, number: int, begun: float) -> None:
        text = f"{self.name}.{number} "
        world = self.simulation.world
        unknown = self.simulation.unknown
        unknown[text] = Operation(self.name, begun, None, ["append", "l", text])
        proposed_in = host.server.identity.cluster_id

        def settled(outcome: Committed | WebraftError) -> None:
            cluster_id = host.server.identity.cluster_id or ""
            has_moved = cluster_id != proposed_in or cluster_id in host.server.identity.dissolved
            if isinstance(outcome, Committed):
                host.properties.acknowledged(outcome)
                self.simulation.history_of(cluster_id).add(
                    Operation(self.name, begun, world.now_ms, ["append", "l", text], None)
                )
            # Where the cluster was given up meanwhile, it may have taken effect there, too.
            if isinstance(outcome, Committed | NotLeaderError | OverloadedError) and not has_moved:
                del unknown[text]
            world.counts["operations"] += 1
            self._end(number)

        host.server.propose(f'"{text}"', EntryKind.COMMAND, settled, 10 * self.simulation.scale_ms)

    def _read(self, host: PeerHost, number: int, begun: float) -> None:
        driver = host.driver
        if driver is None or driver.is_stopped:
            self._end(number)
            return
        properties = host.properties
        cluster_id = host.server.identity.cluster_id or ""
        began_at = properties.highest_commit

        def done(index: int | WebraftError) -> None:
            if not isinstance(index, WebraftError):
                properties.read(began_at, index)
                texts = (
                    "".join(host.peer.shelves[cluster_id].texts) if cluster_id in host.peer.shelves else ""
                )
                now = self.simulation.world.now_ms
                self.simulation.history_of(cluster_id).add(
                    Operation(self.name, begun, now, ["read", "l"], texts or None)
                )
                self.simulation.world.counts["reads"] += 1
            self._end(number)

        try:
            driver.read(done)
        except LocalProtocolError:
            self._end(number)

    def _end(self, number: int) -> None:
        if number == self._number:
            self.is_busy = False


class PeerFaults(Faults):
    """What befalls peers beyond what befalls every server."""

    simulation: PeerCluster

    def _peer(self) -> Peer:
        return cast("Peer", self.place())

    def _fault_leave(self) -> None:
        """An application leaves another, which the leader takes for a removal; it joins again later."""
        leaver, left = self._peer(), self._peer()
        if leaver is left:
            return
        leaver.leave(left.address)
        self.world.at(self.later(5, 60), lambda: leaver.join(left.address))

    def _fault_yield(self) -> None:
        """An application gives its cluster up for another that it hears."""
        host = cast("PeerHost | None", self.host())
        if host is None or host.server.over is not None:
            return
        # Two that give themselves up for each other are both gone: that is theirs to avoid.
        own = host.server.identity.cluster_id or ""
        others = sorted(one for one in host.server.other_clusters() if one < own)
        if others and host.driver is not None:
            chosen = self.world.chance.choice(others)
            host.execute(lambda: host.server.yield_cluster(chosen, lambda _: None, 10 * self._scale_ms))

    def _fault_transfer(self) -> None:
        """The leader is told to hand over (§3.10)."""
        self.as_leader(
            lambda raft: raft.transfer_leadership(self.world.chance.choice(raft.configuration.servers))
        )
