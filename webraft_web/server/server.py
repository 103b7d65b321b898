"""The life of one server at one address: fresh, founding, member, removed, fresh again.

Between webraft's façade above and the driver below. A driver runs one identity
in one cluster; here is what comes before, between and after that. Sending and
hearing is in `correspondence`, cold starts in `founding`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from copy import copy
from typing import Final, NamedTuple, Protocol

from webraft_web.clock import Clock
from webraft_web.core.config import Config, Timeouts
from webraft_web.core.entry import (
    Committed,
    Configuration,
    Entry,
    EntryKind,
    HardState,
    ServerId,
    make_server_id,
)
from webraft_web.core.errors import (
    ConfigError,
    LocalProtocolError,
    OutcomeUnknownError,
    RemoteProtocolError,
    StorageError,
    WebraftError,
)
from webraft_web.core.message import Message, TimeoutNow
from webraft_web.core.raft import Raft
from webraft_web.core.ready import RestoredState
from webraft_web.core.role import Role
from webraft_web.driver import Driver
from webraft_web.server.founding import Acquaintances, Founding
from webraft_web.server.machine import LastingMachine, Place
from webraft_web.server.pending import PendingProposals, Settled
from webraft_web.storage.base import Batch, Identity, Storage, StoredState

CHOSEN = "!"
"""Ends the data of a YIELD entry that the application chose: its own data does not make that void."""
MAX_DISSOLVED = 16
"""How many clusters that yielded a server remembers."""
MIN_MEND_MS = 2000
MIN_DEMOTE_MS = 10_000
"""See `core.config.Config`; longer where the timeouts are."""


class Outlet(Protocol):
    """What a server needs from above."""

    def send(self, messages: Sequence[Message]) -> None:
        """Carry Raft's messages to their receivers, now or never."""

    def report(self, error: WebraftError) -> None:
        """Tell the application that something is wrong."""

    def rejected(self, message: Message, error: RemoteProtocolError) -> None:
        """Learn that Raft refused a message."""

    def changed(self) -> None:
        """Learn that role, term, leader, cluster or identity may have changed."""

    def wake(self) -> None:
        """Learn that `deadline_ms` may have changed."""


class ServerOptions(NamedTuple):
    """What differs between kinds of servers.

    Fields:
        max_voters: The leader promotes while there are fewer voters; None for no limit.
        compact_after_entries: See `Driver`.
    """

    max_voters: int | None = None
    compact_after_entries: int = 10_000


OPEN_MEMBERSHIP: Final = ServerOptions()
"""Whoever is linked with the leader becomes a voter."""


class Server:
    """One address's server, from `start` to `close`.

    Args:
        address: Where it can be reached; None takes the stored one, or a random one.
        members: The fixed cluster that it belongs to, None for any.
        storage: What it must not forget.
        clock: Where time comes from.
        timeouts: Its waits.
        machine: What committed entries are applied to.
        outlet: Who carries messages and hears of changes.
        options: What differs between kinds of servers.
    """

    def __init__(
        self,
        address: str | None,
        members: Sequence[str] | None,
        storage: Storage,
        clock: Clock,
        timeouts: Timeouts,
        machine: LastingMachine,
        outlet: Outlet,
        options: ServerOptions = OPEN_MEMBERSHIP,
    ) -> None:
        self.identity = Identity(address or _random_id(), _random_id())
        self.driver: Driver | None = None
        self.founding: Founding | None = None
        """Only while its log is empty."""
        self.acquaintances = Acquaintances()
        self._removed: set[ServerId] = set()
        self.is_dissolving = False
        """This cluster has yielded; what is left to do is to let the others know."""
        self.is_ready = False
        """It knows who it is, and is not just becoming another."""
        self.over: WebraftError | None = None
        """Why it does nothing any more."""
        self._address = address
        self._members = members
        self._storage = storage
        self._clock = clock
        self._timeouts = timeouts
        self._outlet = outlet
        self._options = options
        self._pending = PendingProposals()
        self._yielding: list[Callable[[WebraftError | None], None]] = []
        self._was_told_to_campaign = False
        """The next election is not for want of a leader."""
        self._committed_configuration = Configuration()
        self._machine = machine
        machine.serve(self)
        self._dissolve_due_ms: int | None = None

    # What it is

    @property
    def server_id(self) -> ServerId:
        return make_server_id(self.identity.address, self.identity.incarnation)

    @property
    def raft(self) -> Raft | None:
        return self.driver.raft if self.driver is not None else None

    @property
    def role(self) -> Role:
        return Role.FOLLOWER if self.driver is None or self.is_dissolving else self.driver.raft.role

    @property
    def leader_id(self) -> ServerId | None:
        return None if self.driver is None or self.is_dissolving else self.driver.raft.leader_id

    @property
    def is_blank(self) -> bool:
        """Whether its log is empty: nothing depends on it yet."""
        return self.driver is None or self.driver.raft.log.last_index == 0

    @property
    def has_data(self) -> bool:
        """Whether its cluster has committed a command of the application."""
        return self.driver is not None and self.driver.raft.first_command_index > 0 and not self.is_dissolving

    @property
    def last_applied(self) -> int:
        return self._machine.completed

    # Its life

    def start(self) -> None:
        """Find out who this server is, and go on from there."""
        if self.over is None:
            self._storage.load(self._loaded)

    def resume(self, stored: StoredState) -> None:
        """Go on with what a takeover of the storage has handed over, in place of `start`."""
        self._loaded(stored)

    def close(self) -> None:
        """Stop like a crash: nothing more is sent, nobody is told."""
        self._end(OutcomeUnknownError("this server was closed before the outcome was known"))

    def found(self, cluster_id: str, voters: Sequence[ServerId]) -> None:
        """Begin as a voter of a new cluster: every one of its voters begins like this."""
        entry = Entry(1, 1, EntryKind.CONFIGURATION, configuration=Configuration(tuple(voters)))
        # A blank server is no member by its own log, so it never voted: only the term has to be kept.
        term = self.driver.raft.current_term if self.driver is not None else 0
        hard_state = HardState(max(term, 1), None, 1)
        identity = self.identity._replace(cluster_id=cluster_id)
        self.become(StoredState(identity, hard_state, None, (entry,)))

    def join_cluster(self, cluster_id: str) -> None:
        """Belong to a cluster from now on, with an empty log."""
        self.become(StoredState(self.identity._replace(cluster_id=cluster_id)))

    def start_afresh(self, *, may_found: bool) -> None:
        """Become a new server at the same address: an identity that is over never comes back."""
        identity = Identity(self.identity.address, _random_id(), None, may_found, self.identity.dissolved)
        self.become(StoredState(identity))

    def become(self, stored: StoredState) -> None:
        """End the present life, make the next one durable, and begin it: the only way from one to another."""
        self.is_ready = False
        self._dissolve_due_ms = None
        self._machine.hold()
        driver, self.driver = self.driver, None
        error = OutcomeUnknownError("this server was removed from its cluster before the outcome was known")
        self._pending.end_life(error)
        batch = Batch(True, stored.identity, stored.hard_state, stored.snapshot, stored.entries)

        def written(error: StorageError | None) -> None:
            if error is not None:
                self._fail(error)
            elif self.over is None:
                self._enter(stored)

        if driver is None:
            self._storage.persist(batch, written)
        else:
            driver.stop(lambda: self._storage.persist(batch, written))

    def _loaded(self, stored: StoredState | StorageError | None) -> None:
        if self.over is not None:
            return
        if isinstance(stored, StorageError):
            self._fail(stored)
        elif stored is None:
            self.become(StoredState(self.identity))
        elif self._address not in {None, stored.identity.address}:
            self._fail(
                ConfigError(
                    f"this storage belongs to the server at {stored.identity.address!r}, not to one at "
                    f"{self._address!r}; give each server a storage of its own"
                )
            )
        else:
            self._enter(stored)

    def _enter(self, stored: StoredState) -> None:
        """Begin to live with what is durable."""
        self.identity = stored.identity
        was_dissolving, self.is_dissolving = self.is_dissolving, False
        self._removed = set()
        now_ms = self._clock.now_ms()
        self.acquaintances.patience_ms = self._timeouts.heartbeat_timeout_ms()
        self.acquaintances.period_ms = self._timeouts.heartbeat_interval_ms()
        self.founding = Founding(stored.identity, self._members, self.acquaintances, now_ms)
        self.acquaintances.greet_all(now_ms)
        if stored.identity.cluster_id is not None:
            self._run(stored, stored.identity.cluster_id, now_ms)
        self.is_ready = True
        self._on_batch()
        if was_dissolving:
            self._settle_yielding(None)

    def _run(self, stored: StoredState, cluster_id: str, now_ms: int) -> None:
        self._committed_configuration = (
            stored.snapshot.configuration if stored.snapshot is not None else Configuration()
        )
        patience_ms = self._timeouts.heartbeat_timeout_ms()
        config = Config(
            self.server_id,
            self._timeouts,
            max_voters=self._options.max_voters,
            mend_after_ms=max(MIN_MEND_MS, 5 * patience_ms),
            demote_after_ms=max(MIN_DEMOTE_MS, 20 * patience_ms),
        )
        raft = Raft(config, RestoredState(stored.hard_state, stored.snapshot, tuple(stored.entries)), now_ms)
        machine = self._machine.begin(cluster_id, raft, stored.snapshot)
        self.driver = Driver(
            raft,
            self._storage,
            self._clock,
            machine=machine,
            send=self._outlet.send,
            on_batch=self._on_batch,
            on_stopped=self._fail,
            on_rejected=self._outlet.rejected,
            compact_after_entries=self._options.compact_after_entries,
        )

    def _on_batch(self) -> None:
        if self.founding is not None and self.driver is not None and not self.is_blank:
            self.founding = None
            self._pending.hand_over(self.driver)
        self._outlet.changed()

    def _fail(self, error: WebraftError) -> None:
        """End because something is broken that this server cannot do without."""
        if self.over is None:
            self._end(error)
            self._outlet.report(error)
            self._outlet.changed()

    def _end(self, error: WebraftError) -> None:
        if self.over is not None:
            return
        self.over = error
        self.is_ready = False
        self.founding = None
        self._machine.stop()
        driver, self.driver = self.driver, None
        if driver is None:
            self._storage.close()
        else:
            driver.stop(self._storage.close)
        self._settle_yielding(error)
        self._pending.fail(error)

    # What the application asks for

    def propose(self, command: str, kind: EntryKind, settled: Settled, timeout_ms: float) -> None:
        """Have a command appended and applied; wait for a cluster, and for a leader, so long."""
        self.refuse_if_over()
        self._pending.add(command, kind, settled, self._clock.now_ms() + round(timeout_ms))
        if self.driver is not None and self.is_ready and not (self.is_blank or self.is_dissolving):
            self.driver.message_timeout_ms = round(timeout_ms)
            self._pending.hand_over(self.driver)
        else:
            self._outlet.wake()

    def yield_cluster(
        self, cluster_id: str, settled: Callable[[WebraftError | None], None], timeout_ms: float
    ) -> None:
        """Propose to give this cluster up for another; settled once this server has started afresh."""

        def appended(outcome: Committed | WebraftError) -> None:
            if isinstance(outcome, WebraftError) and settled in self._yielding:
                self._yielding.remove(settled)
                settled(outcome)

        self.refuse_if_over()
        self._yielding.append(settled)
        data = yield_data(cluster_id, is_chosen=True)
        self.propose(data, EntryKind.YIELD, appended, timeout_ms)

    def refuse_if_over(self) -> None:
        """Raise why this server does nothing any more, if so."""
        if isinstance(self.over, OutcomeUnknownError):
            raise LocalProtocolError(f"the server at {self.identity.address!r} is closed; create another one")
        if self.over is not None:
            raise copy(self.over) from self.over

    def other_clusters(self) -> set[str]:
        """Return the clusters heard that this server does not belong to."""
        heard = {link.cluster_id for link in self.acquaintances.links.values()}
        return {other for other in heard if other not in {None, self.identity.cluster_id}}

    # Elections that somebody asked for

    def receive(self, messages: Sequence[Message]) -> None:
        """Take in Raft's messages; those for whom this server was before are dropped."""
        mine = [message for message in messages if message.receiver == self.server_id]
        if mine and self.driver is not None:
            if any(isinstance(message, TimeoutNow) for message in mine):
                self._was_told_to_campaign = True
            self.driver.receive(mine)

    def campaign_first(self) -> None:
        """Stand for the first election of a cluster that this server founded, if nobody did yet."""
        raft = self.raft
        if self.driver is None or raft is None or raft.current_term > 1 or raft.leader_id is not None:
            return
        if self.identity.incarnation == self.identity.cluster_id:
            self._was_told_to_campaign = True
            self.driver.change(lambda raft: raft.campaign())

    def take_told_to_campaign(self) -> bool:
        """Tell, once, whether this server campaigns because it was told to, not for want of a leader."""
        was_told, self._was_told_to_campaign = self._was_told_to_campaign, False
        return was_told

    # Time

    def show_life(self) -> None:
        """As leader, send heartbeats at once: this server was blocked, and others may be losing patience."""

        def send_heartbeats(raft: Raft) -> None:
            if raft.leadership is not None:
                raft.leadership.broadcast_heartbeat()

        if self.driver is not None and self.role is Role.LEADER:
            self.driver.change(send_heartbeats)

    def tick(self, now_ms: int) -> None:
        """Do what time alone makes due."""
        self._pending.expire(now_ms)
        if self._dissolve_due_ms is not None and now_ms >= self._dissolve_due_ms:
            self.start_afresh(may_found=False)

    @property
    def deadline_ms(self) -> int | None:
        """When `tick` is next wanted, None for never."""
        return min(
            (ms for ms in (self._pending.deadline_ms, self._dissolve_due_ms) if ms is not None), default=None
        )

    # What was committed

    def configuration_applied(self, configuration: Configuration) -> None:
        """Remember who was removed; if it was this server, begin anew.

        Unless it is a member again by now: a leader that had forgotten the removal added a server that
        had not heard of it, which has kept all that it promised.
        """
        before, self._committed_configuration = self._committed_configuration, configuration
        gone = set(before.servers) - set(configuration.servers)
        self._removed |= gone
        if self.server_id in gone and self.is_retired(self.server_id):
            self.start_afresh(may_found=False)

    def is_retired(self, server_id: ServerId) -> bool:
        """Tell whether that was a member of this cluster, as far as was applied here, and is none now."""
        return server_id in self._removed and server_id not in self._in_force

    def retired(self) -> set[ServerId]:
        """Return who is known to have been a member and is none now: nobody adds an id a second time.

        What is to be applied yet counts as well, for a handler may take its time.
        """
        ever = self._removed if self.raft is None else self._removed | self.raft.log.servers_ever()
        return ever.difference(self._in_force)

    @property
    def _in_force(self) -> tuple[ServerId, ...]:
        return () if self.raft is None else self.raft.configuration.servers

    def yield_applied(self, entry: Entry) -> None:
        """Dissolve this cluster, unless a command came before: then everybody goes on."""
        assert self.driver is not None, "entries are applied by a driver"
        raft = self.driver.raft
        cluster_id = self.identity.cluster_id
        if cluster_id is None or _is_void(entry, cluster_id, raft.first_command_index):
            return
        dissolved = [one for one in self.identity.dissolved if one != cluster_id]
        self.identity = self.identity._replace(dissolved=(*dissolved, cluster_id)[-MAX_DISSOLVED:])
        self._machine.hold()
        is_last = raft.configuration.servers == (self.server_id,)
        is_leading = raft.role is Role.LEADER and not is_last
        self.is_dissolving = True
        # Nothing after this entry is ever applied, so whatever is pending can be proposed elsewhere.
        self._pending.take_back()
        if is_leading:
            # The others have to learn that the entry is committed; only this server can tell them.
            self._dissolve_due_ms = self._clock.now_ms() + 2 * self._timeouts.heartbeat_timeout_ms()
            self._outlet.wake()
        else:
            self.start_afresh(may_found=False)

    def _settle_yielding(self, error: WebraftError | None) -> None:
        yielding, self._yielding = self._yielding, []
        for settled in yielding:
            settled(error)

    def refreshed(self, place: Place) -> None:
        """Pass on where the application has brought itself."""
        if self.driver is not None:
            self.driver.refreshed(*place)


def yield_data(cluster_id: str, *, is_chosen: bool) -> str:
    """Return the data of a YIELD entry."""
    return cluster_id + CHOSEN if is_chosen else cluster_id


def _is_void(entry: Entry, cluster_id: str, first_command_index: int) -> bool:
    """Tell whether a YIELD entry is void: it names its own cluster, or a command precedes it."""
    is_chosen = entry.data.endswith(CHOSEN)
    if entry.data == yield_data(cluster_id, is_chosen=is_chosen):
        return True
    # What the application itself gives up may hold data.
    return not is_chosen and 0 < first_command_index < entry.index


def _random_id() -> str:
    return os.urandom(8).hex()
