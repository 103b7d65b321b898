"""One run: a cluster is built from a seed, tormented, left in peace, and judged."""

from __future__ import annotations

import os
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import NamedTuple, Protocol, cast

from tests.histories.checker import Verdict as HistoryVerdict
from tests.histories.recorder import History
from tests.simulator.faults import Faults
from tests.simulator.network import Network
from tests.simulator.place import Host, Place
from tests.simulator.world import LivenessError, SafetyError, World
from webraft_web.core.entry import Configuration

CALM = 400
"""After the last fault the cluster must converge within so many heartbeat intervals…"""
LEAST_CALM_MS = 60_000
"""… and it is given this long at least."""


class Verdict(Enum):
    """What a run came to."""

    OK = "ok"
    SAFETY = "safety violated"
    LIVENESS = "liveness violated"


class Actor(Protocol):
    """A client, as far as every simulation is concerned."""

    name: str
    is_busy: bool

    def act(self) -> None:
        """Begin an operation, unless one is under way."""


class Outcome(NamedTuple):
    """A run's verdict, why, and what it explored."""

    seed: int
    verdict: Verdict
    reason: str
    simulated_ms: int
    counts: Counter[str]
    digest: int
    trace: list[tuple[int, str, str]]
    histories: list[History]


class Simulation:
    """One cluster under one seed: what all kinds of clusters have in common.

    Args:
        seed: Of everything.
        torment_s: For how long there are faults, in virtual seconds; None draws it.
    """

    places: Sequence[Place]
    clients: Sequence[Actor]
    faults: Faults
    histories: list[History]

    def __init__(self, seed: int, torment_s: float | None = None) -> None:
        self.world = World(seed)
        chance = self.world.chance
        self.scale_ms = chance.choice([50, 100, 200])
        """The heartbeat interval; every wait is a multiple of it."""
        self.network = Network(self.world)
        self.has_lost_stores = False
        self._pause_ms = chance.choice([self.scale_ms // 2, 4 * self.scale_ms])
        self._torment_ms = round(1000 * torment_s) if torment_s else chance.randint(100, 1500) * self.scale_ms
        self._has_clients = True
        self.world.after_event = lambda process: self.check(cast("Host", process))

    def leader(self) -> Host | None:
        """Return the leader of the newest term that is awake, if any."""
        leaders = [
            (host.raft.current_term, host.name, host)
            for place in self.places
            for host in place.hosts
            if host.is_alive and not host.is_frozen and host.raft is not None and host.raft.is_leader
        ]
        return max(leaders)[-1] if leaders else None

    def may_lose(self, place: Place) -> bool:
        """Whether the others are a majority of every configuration that may be in force."""
        intact = {other.stored_id for other in self.places if other is not place}
        in_force = self.committed_configurations() + [
            other.hosts[-1].driver.raft.configuration
            for other in self.places
            if other.hosts and other.hosts[-1].driver is not None
        ]
        return all(
            place.stored_id not in one.servers or 2 * len(intact & set(one.voters)) > len(one.voters)
            for one in in_force
        )

    # What each kind of cluster has to say

    def check(self, host: Host) -> None:
        """Check the properties after something has happened in a process."""
        raise NotImplementedError

    def committed_configurations(self) -> list[Configuration]:
        """Return the last one committed in each cluster."""
        raise NotImplementedError

    def is_converged(self) -> bool:
        """Whether everything is as it should be once nothing fails any more; asked now and then."""
        raise NotImplementedError

    def is_excused(self) -> bool:
        """Whether, after stores were lost, nobody can be expected to lead."""
        raise NotImplementedError

    # What happens

    def run(self) -> Outcome:
        """Run from the first event to the verdict."""
        verdict, reason = Verdict.OK, ""
        with _seeded_ids(self.world):
            try:
                self._live()
            except SafetyError as violation:
                verdict, reason = Verdict.SAFETY, str(violation)
            except LivenessError as violation:
                verdict, reason = Verdict.LIVENESS, str(violation)
            except Exception:  # noqa: BLE001 - whatever a server raises is its failure
                verdict, reason = Verdict.SAFETY, f"a server raised\n{traceback.format_exc()}"
        self.world.counts["runs"] += 1
        return Outcome(
            self.world.seed,
            verdict,
            reason,
            self.world.now_ms,
            self.world.counts,
            self.world.digest,
            list(self.world.last_events),
            self.histories,
        )

    def _live(self) -> None:
        for place in self.places:
            place.start()
        for client in self.clients:
            self._act(client)
        self.world.run(10 * self.scale_ms)
        self.faults.begin()
        self.world.run(self._torment_ms)
        self._calm_down()
        self._converge()
        self.judge()

    def _act(self, client: Actor) -> None:
        if self._has_clients:
            client.act()
            self.world.at(self.world.chance.randint(1, self._pause_ms), lambda: self._act(client))

    def _calm_down(self) -> None:
        """Let nothing fail any more."""
        self.faults.end()
        self.world.note("no more faults")
        self._has_clients = False
        self.network.heal()
        for place in self.places:
            place.disk.is_full = False
            place.disk.delays_ms = [0, 1]
            for host in place.hosts:
                host.fuse = -1
                host.throttled_to_ms = 0
                host.thaw()
            if place.host is None:
                place.start()

    def _converge(self) -> None:
        """Wait until a leader commits something new and every member has it, and all clients are done."""
        calm_ms = max(CALM * self.scale_ms, LEAST_CALM_MS)
        deadline_ms = self.world.now_ms + calm_ms
        while self.world.now_ms < deadline_ms:
            self.world.run(self.world.now_ms + 5 * self.scale_ms)
            if self.is_converged():
                self.world.counts["converged"] += 1
                return
        if self.has_lost_stores and self.is_excused():
            self.world.counts["stuck for want of lost stores"] += 1
            return
        raise LivenessError(f"no convergence within {calm_ms / 1000:g} s\n{self.describe()}")

    def judge(self) -> None:
        """Check what clients saw."""
        for history in self.histories:
            result = without_unread(history).check()
            if result.verdict is HistoryVerdict.NOT_LINEARIZABLE:
                raise SafetyError(f"Linearizability: {result.explanation}")
            if result.verdict is HistoryVerdict.UNKNOWN:
                self.world.counts["histories too hard to judge"] += 1

    def describe(self) -> str:
        """Return what every server believes, for those who have to find out."""
        lines = []
        for place in self.places:
            for host in place.hosts:
                raft = host.raft
                what = "no server"
                if raft is not None:
                    log = raft.log
                    what = (
                        f"{host.server_id} {raft.role.name.lower()} term {raft.current_term} follows "
                        f"{raft.leader_id}, log {log.first_index}..{log.last_index}/{log.last_term}, commit "
                        f"{log.commit_index}, applied {log.applied_index}, {raft.configuration}"
                    )
                lines.append(f"  {host.name}{'' if host.is_alive else ' (dead)'}: {what}")
        busy = [client.name for client in self.clients if client.is_busy]
        return "\n".join([*lines, f"  clients still waiting: {', '.join(busy) or 'none'}"])


def without_unread(history: History) -> History:
    """Leave out what was appended with unknown outcome and never read: it need not have happened."""
    read = "".join(str(one.output) for one in history.operations if one.input[0] == "read")
    pruned = History(history.model, history.initial)
    for operation in history.operations:
        is_append = operation.input[0] == "append"
        if not (is_append and operation.returned is None and operation.input[2] not in read):
            pruned.add(operation)
    return pruned


@contextmanager
def _seeded_ids(world: World) -> Iterator[None]:
    """Draw random ids from the seed, too."""
    urandom = os.urandom
    os.urandom = world.chance.randbytes
    try:
        yield
    finally:
        os.urandom = urandom
