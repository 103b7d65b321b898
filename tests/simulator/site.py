"""Sites: servers whose store belongs to a browser and that one of its tabs runs, sometimes two at once.

Driver, core, codec, journal and document are the real ones. What rooms across
browsers add around them is played here: who is a member is for `faults` to say,
a server that was removed, or lost its store, comes back under a new incarnation,
and links carry both ends' epochs, so that who has heard a runner no longer talks
to the one before it (rules 1 and 13).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from tests.simulator.clients import FIRST_DOCUMENT
from tests.simulator.place import Host, Place, SwarmTimeouts, WatchedStorage
from tests.simulator.properties import Properties
from tests.simulator.world import ProcessClock
from webraft_web.core.config import Config
from webraft_web.core.entry import (
    Configuration,
    Entry,
    EntryKind,
    HardState,
    Snapshot,
    address_of,
    make_server_id,
)
from webraft_web.core.errors import StorageError
from webraft_web.core.message import Message
from webraft_web.core.raft import Raft
from webraft_web.core.ready import RefreshRequest, RestoredState
from webraft_web.document.commands import genesis_command
from webraft_web.document.machine import DocumentMachine, Result
from webraft_web.driver import Driver
from webraft_web.storage.base import Batch, Identity, Storage, StoredState
from webraft_web.storage.indexed_db import JournalStorage
from webraft_web.wire import decode_message, encode_message

if TYPE_CHECKING:
    from tests.simulator.site_cluster import SiteCluster

RESULTS_KEPT = 2000


class Site(Place):
    """One browser: an address, a disk, and the tabs that run its server."""

    def __init__(self, simulation: SiteCluster, address: str, first_voters: Sequence[str] = ()) -> None:
        super().__init__(simulation, address)
        self.cluster = simulation
        self.incarnations = 0
        self._first_voters = tuple(first_voters)

    @property
    def runner(self) -> Runner | None:
        """The one that should act, if it is alive."""
        return cast("Runner | None", self.host)

    @property
    def runners(self) -> list[Runner]:
        return cast("list[Runner]", self.hosts)

    def make_host(self, name: str) -> Runner:
        return Runner(self, name)

    def next_identity(self) -> Identity:
        """Return an identity that was never used before (rule 1)."""
        self.incarnations += 1
        return Identity(self.address, f"i{self.incarnations}", "cluster")

    def first_state(self) -> StoredState:
        """Return what an empty store begins with: the cluster's foundation, or nothing yet."""
        identity = self.next_identity()
        if not self._first_voters or self.incarnations > 1:
            return StoredState(identity)
        voters = Configuration(tuple(make_server_id(address, "i1") for address in self._first_voters))
        entries = (
            Entry(1, 1, EntryKind.CONFIGURATION, configuration=voters),
            Entry(1, 2, EntryKind.HOUSEKEEPING, genesis_command(FIRST_DOCUMENT)),
        )
        return StoredState(identity, HardState(1, None, 2), None, entries)

    def receive(self, sender: str, text: str) -> None:
        """Hand a text to the newest tab, or to a zombie whose links still stand."""
        if self.runners:
            runner = self.simulation.world.chance.choice([self.runners[-1], *self.runners])
            epoch = json.loads(text)[2]
            for one in self.runners:
                if epoch and one.epoch == epoch:
                    runner = one
            runner.execute(lambda: runner.receive(sender, text))


class Runner(Host):
    """A tab that runs, or believes to run, its site's server."""

    def __init__(self, site: Site, name: str) -> None:
        super().__init__(site.simulation.world, name)
        self.place = self.site = site
        self.simulation = site.cluster
        self.clock = ProcessClock(self)
        self.identity: Identity | None = None
        self._driver: Driver | None = None
        self.machine = Machine(self)
        self._journal = JournalStorage(site.disk.open(self), runner=name, strict=True)
        self.storage: Storage = WatchedStorage(self, self._journal)
        self._epochs: dict[str, int] = {}
        """By server id: its newest runner heard of, see rule 13. A lost store counts from 1 again."""

    @property
    def driver(self) -> Driver | None:
        return self._driver

    @property
    def properties(self) -> Properties:
        return self.simulation.properties

    @property
    def epoch(self) -> int:
        """Which of its site's runners this is: higher ones took over from it."""
        return self._journal.takeover_position

    @property
    def server_id(self) -> str:
        return (
            "" if self.identity is None else make_server_id(self.identity.address, self.identity.incarnation)
        )

    def boot(self) -> None:
        """Take the store over, and go on from what is there."""
        self.storage.load(self._loaded)

    def _loaded(self, stored: StoredState | StorageError | None) -> None:
        if isinstance(stored, StorageError):
            self.store_ended(stored)
        elif stored is None:
            self._become(self.site.first_state())
        else:
            self._enter(stored)

    def _become(self, stored: StoredState) -> None:
        batch = Batch(True, stored.identity, stored.hard_state, stored.snapshot, stored.entries)
        self.storage.persist(batch, lambda error: self.store_ended(error) if error else self._enter(stored))

    def _enter(self, stored: StoredState) -> None:
        self.identity = stored.identity
        self.site.stored_id = self.server_id
        bounds = self.simulation.bounds
        config = Config(
            self.server_id,
            SwarmTimeouts(self.simulation),
            max_message_size=bounds.message_size,
            max_inflight_messages=bounds.inflight_messages,
            max_inflight_size=bounds.inflight_size,
            max_apply_size=bounds.apply_size,
            max_uncommitted_size=bounds.uncommitted_size,
            max_voters=bounds.voters,
            mend_after_ms=5 * self.simulation.scale_ms,
            demote_after_ms=12 * self.simulation.scale_ms,
        )
        restored = RestoredState(stored.hard_state, stored.snapshot, tuple(stored.entries))
        raft = Raft(config, restored, self.clock.now_ms())
        self.machine.begin(stored.snapshot)
        self.properties.begins(raft)
        self._driver = driver = Driver(
            raft,
            self.storage,
            self.clock,
            machine=self.machine,
            send=self._send,
            on_stopped=self.store_ended,
            compact_after_entries=bounds.compact_after,
            compact_after_size=bounds.compact_size,
        )
        driver.message_timeout_ms = 10 * self.simulation.scale_ms
        for other in self.simulation.sites:
            if other is not self.site:
                self._write(other.address, "", [])

    def start_afresh(self) -> None:
        """Become a new server: this one was removed."""
        driver, self._driver = self._driver, None
        assert driver is not None, "only a driver's machine learns of a removal"
        self.world.note(f"{self.name} was removed")
        self.machine = Machine(self)
        driver.stop(lambda: self._become(StoredState(self.site.next_identity())))

    def receive(self, sender: str, text: str) -> None:
        """Take in messages for the server that this tab runs."""
        sender_id, epoch, receiver_epoch, encoded = json.loads(text)
        newest = self._epochs.get(sender_id, 0)
        if epoch < newest or self.driver is None or self.driver.is_stopped:
            return
        if receiver_epoch not in {0, self.epoch}:
            self._write(
                sender, sender_id, []
            )  # meant for one before this: let them know that there is a new one
            return
        messages = [decode_message(value) for value in encoded]
        if epoch > newest:
            self._epochs[sender_id] = epoch
            if messages:  # what was sent to the one before is lost
                self.driver.change(lambda raft: raft.report_unreachable(messages[0].sender))
        self.driver.receive(messages)  # those for a former incarnation are the core's to refuse

    def _send(self, messages: Sequence[Message]) -> None:
        """Let messages go one by one, since a crash may come between any two."""
        assert self.driver is not None, "only a driver sends"
        for message in messages:
            self.crash_point()
            self.properties.sends(self.driver.raft, message)
            self._write(address_of(message.receiver), message.receiver, [encode_message(message)])
        self.crash_point()

    def _write(self, address: str, receiver_id: str, encoded: list[Any]) -> None:
        letter = [self.server_id, self.epoch, self._epochs.get(receiver_id, 0), encoded]
        self.simulation.network.send(self.site.address, address, json.dumps(letter, separators=(",", ":")))


class Machine:
    """The document, applied to at once or in a while, and what each entry came to."""

    def __init__(self, runner: Runner) -> None:
        self.document = DocumentMachine()
        self.results: dict[int, Result | None] = {}
        """By index, of late."""
        self.applied_index = 0
        self.was_member = False
        """Whether a committed configuration has named this server."""
        self._runner = runner
        self._order: deque[int] = deque()

    def begin(self, snapshot: Snapshot | None) -> None:
        """Stand where the store's snapshot does."""
        if snapshot is not None and snapshot.data is not None:
            self.document = DocumentMachine.from_snapshot(snapshot.data)
            self.applied_index = snapshot.last_index
            self.was_member |= self._runner.server_id in snapshot.configuration.servers

    def apply(self, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
        runner = self._runner
        if runner.raft is not None:  # what is committed has to be known before it is applied
            runner.properties.check(runner.raft, runner.name)

        def work() -> None:
            for entry in entries:
                if runner.machine is not self:
                    return  # removed: what follows is not for this server
                runner.crash_point()
                self._apply(entry)
            done(entries[-1].index)

        self._later(work)

    def restore(self, snapshot: Snapshot, done: Callable[[int], None]) -> None:
        def work() -> None:
            self._runner.crash_point()
            self._runner.world.counts["snapshots installed"] += 1
            self._note_configuration(snapshot.configuration)
            if self._runner.machine is self:
                self.begin(snapshot)
                done(snapshot.last_index)

        self._later(work)

    def refresh(self, request: RefreshRequest) -> None:
        raise AssertionError(f"snapshots carry the document, and still {request}")

    def take_snapshot(self) -> str:
        return self.document.take_snapshot()

    def may_compact_to(self) -> int:
        return self.applied_index

    def _apply(self, entry: Entry) -> None:
        result = self.document.apply(entry)
        self._runner.properties.applies(entry, self.applied_index, result)
        self.applied_index = entry.index
        self.results[entry.index] = result
        self._order.append(entry.index)
        if len(self._order) > RESULTS_KEPT:
            del self.results[self._order.popleft()]
        if entry.configuration is not None:
            self._note_configuration(entry.configuration)

    def _note_configuration(self, configuration: Configuration) -> None:
        """Begin anew if a committed configuration has dropped this server."""
        is_member = self._runner.server_id in configuration.servers
        if self.was_member and not is_member:
            self._runner.start_afresh()
        self.was_member |= is_member

    def _later(self, work: Callable[[], None]) -> None:
        delay_ms = self._runner.world.chance.choice(self._runner.simulation.apply_delays_ms)
        if delay_ms:
            self._runner.at(delay_ms, work)
        else:
            work()
