"""Peers: servers behind webraft's API, which greet, found, meet, leave, are removed and come back.

Everything below `RaftInterface` is the real one: its servers, their greetings and
foundings, and the application that is offered commands. What is played is the
application: a list of texts on a shelf that survives whatever happens to the
server, as handlers that keep their own state have it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tests.simulator.place import Host, Place, SwarmTimeouts, WatchedStorage
from tests.simulator.properties import Properties
from tests.simulator.world import ProcessClock, SafetyError
from webraft_web.core.errors import ClusterConflictError, RemoteProtocolError, StorageError, WebraftError
from webraft_web.core.message import Message
from webraft_web.core.raft import Raft
from webraft_web.driver import Driver
from webraft_web.emitter import RAFT_EVENTS, Listeners
from webraft_web.server.application import Application
from webraft_web.server.correspondence import Correspondence
from webraft_web.server.own_time import OwnTime
from webraft_web.server.server import Server
from webraft_web.storage.indexed_db import JournalStorage

if TYPE_CHECKING:
    from tests.simulator.peer_cluster import PeerCluster


class Shelf:
    """What one application has of one cluster: the texts committed, and up to which entry."""

    def __init__(self) -> None:
        self.term = 0
        self.index = 0
        self.texts: tuple[str, ...] = ()


class Peer(Place):
    """An address whose server runs in one process at a time."""

    def __init__(self, cluster: PeerCluster, address: str) -> None:
        super().__init__(cluster, address)
        self.cluster = cluster
        self.joined: set[str] = set()
        self.shelves: dict[str, Shelf] = {}
        """By cluster."""

    def make_host(self, name: str) -> PeerHost:
        return PeerHost(self, name)

    def join(self, address: str) -> None:
        """Have the application join another address, now and after every start."""
        self.joined.add(address)
        if isinstance(self.host, PeerHost):
            self.host.tell(lambda letters: letters.joined(address))

    def leave(self, address: str) -> None:
        """Have the application leave another address."""
        self.joined.discard(address)
        if isinstance(self.host, PeerHost):
            self.host.tell(lambda letters: letters.left(address))


class PeerHost(Host):
    """A page that runs one server of webraft's."""

    def __init__(self, peer: Peer, name: str) -> None:
        super().__init__(peer.cluster.world, name)
        self.place = self.peer = peer
        self.cluster = peer.cluster
        time = OwnTime(ProcessClock(self), lambda: self.cluster.scale_ms, self._show_life)
        listeners = Listeners(RAFT_EVENTS)
        listeners.add("apply", self._apply, once=False)
        listeners.add("refresh", self._refresh, once=False)
        listeners.add("error", self._report, once=False)
        self.letters = Correspondence(time, self._write, self._report, _nothing, _nothing)
        self.server = self.letters.server = Server(
            peer.address,
            None,
            WatchedStorage(self, JournalStorage(peer.disk.open(self), runner=name, strict=True)),
            time,
            SwarmTimeouts(self.cluster),
            Application(listeners, time),
            _CrashingOutlet(self),
        )

    @property
    def driver(self) -> Driver | None:
        return self.server.driver

    @property
    def server_id(self) -> str:
        return self.server.server_id

    @property
    def properties(self) -> Properties:
        return self.cluster.properties_of(self.server.identity.cluster_id or "")

    @property
    def shelf(self) -> Shelf:
        """What the application has of the present cluster."""
        return self.peer.shelves.setdefault(self.server.identity.cluster_id or "", Shelf())

    def boot(self) -> None:
        for address in sorted(self.peer.joined):
            self.letters.joined(address)
        self.server.start()

    def tell(self, what: Callable[[Correspondence], object]) -> None:
        """Do what an application's call does, if the server lives."""
        self.execute(lambda: None if self.server.over else what(self.letters))

    def receive(self, sender: str, text: str) -> None:
        if sender in self.peer.joined:
            self.letters.got(sender, json.loads(text))

    def write(self, address: str, payload: Any) -> None:
        """Send a payload."""
        self.cluster.network.send(self.peer.address, address, json.dumps(payload, separators=(",", ":")))

    def _write(self, address: str, payload: Any) -> None:
        self.crash_point()
        self.write(address, payload)

    def _report(self, error: Exception) -> None:
        if isinstance(error, StorageError) and self.server.over is error:
            self.store_ended(error)
        elif isinstance(error, ClusterConflictError):
            self.world.counts["conflicts between clusters"] += 1
        elif isinstance(error, RemoteProtocolError) or not isinstance(error, WebraftError):
            # Honest servers never say what others refuse: whoever does is dropped, between browsers.
            raise SafetyError(f"{self.name} reported {error!r}")

    def _show_life(self) -> None:
        self.server.show_life()

    # The application

    def _apply(self, entry: str, index: int, done: Callable[..., None]) -> None:
        self.crash_point()
        shelf = self.shelf
        raft = self.raft
        if raft is None:
            raise SafetyError(f"{self.name} is offered entry {index} without a server")
        self.properties.check(raft, self.name)
        committed = self.properties.committed.get(index)
        if committed is None or json.loads(committed.data) != entry:
            raise SafetyError(
                f"State Machine Safety: {self.name} applies {entry} at {index}, not {committed!r}"
            )
        if index > shelf.index:  # a handler that keeps its state is offered some entries again
            shelf.texts = (*shelf.texts, entry)
            shelf.index = index
            shelf.term = committed.term
            self.properties.agrees(index, shelf.texts)
        self.crash_point()
        delay_ms = self.world.chance.choice(self.cluster.apply_delays_ms)
        if self.world.is_likely(self.cluster.apply_failures):
            done("not now")
        elif delay_ms:
            self.at(delay_ms, done)
        else:
            done()

    def _refresh(self, done: Callable[..., None]) -> None:
        """Take over what another application has: any of the same cluster."""
        cluster_id = self.server.identity.cluster_id or ""
        own = self.shelf  # of this cluster, whichever is the present one when the answer comes
        others = [
            shelf
            for peer in self.cluster.peers
            if (shelf := peer.shelves.get(cluster_id)) is not None and peer.host is not None
        ]
        newest = max(others, key=lambda shelf: shelf.index, default=own)
        self.world.counts["refreshes"] += 1

        def answer() -> None:
            if newest.index > own.index:
                own.term, own.index, own.texts = newest.term, newest.index, newest.texts
            done(own.term, own.index)

        self.at(self.world.chance.choice([0, 1, self.cluster.scale_ms]), answer)


class _CrashingOutlet:
    """What the server's letters leave through: the process may die before each."""

    def __init__(self, host: PeerHost) -> None:
        self._host = host

    def send(self, messages: Sequence[Message]) -> None:
        host = self._host
        raft: Raft | None = host.server.raft
        for message in messages:
            host.crash_point()
            if raft is not None:
                host.properties.sends(raft, message)
        host.letters.send(messages)

    def report(self, error: WebraftError) -> None:
        self._host.letters.report(error)

    def rejected(self, message: Message, error: RemoteProtocolError) -> None:
        self._host.letters.rejected(message, error)

    def changed(self) -> None:
        self._host.cluster.notice(self._host)
        self._host.letters.changed()

    def wake(self) -> None:
        self._host.letters.wake()


def _nothing(*_: object) -> None:
    """Do nothing: there is no application to tell."""
