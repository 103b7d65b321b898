"""The room's server, for as long as this tab runs it.

From the moment the lock is held: open the journal, take it over, begin the room
or look for it in other browsers if there is none, run the server, feed the
other tabs, give signs of life. It ends for good by `stop`, or by a fence that
says another tab has taken over. What it applies goes to this tab's own copy,
which is fed to nobody: others get what the log holds as committed and persisted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from webraft_web.core.entry import Committed, address_of
from webraft_web.core.errors import (
    ClusterConflictError,
    NotLeaderError,
    OverloadedError,
    RemoteProtocolError,
    StorageError,
    TransportError,
    WebraftError,
)
from webraft_web.core.message import TimeoutNow
from webraft_web.core.raft import Raft
from webraft_web.core.role import Role
from webraft_web.driver import Driver
from webraft_web.server.correspondence import Correspondence
from webraft_web.server.leaving import Leaving
from webraft_web.server.own_time import OwnTime
from webraft_web.server.server import Server, ServerOptions
from webraft_web.server.transfer import best_successor
from webraft_web.site.cluster import RoomGoneError, found_cluster, mint_cluster, newcomer
from webraft_web.site.feeder import Feeder
from webraft_web.site.local_copy import LocalCopy
from webraft_web.site.machine import RoomMachine
from webraft_web.site.neighbours import Claim, Neighbours
from webraft_web.site.options import RoomOptions
from webraft_web.site.platform import Platform
from webraft_web.site.protocol import Beat, Commands, Order, ReadAnswer, Refused, Text
from webraft_web.site.timeouts import RoomTimeouts
from webraft_web.storage.base import Storage, StoredState
from webraft_web.storage.indexed_db import JournalStorage
from webraft_web.storage.journal import JournalStore
from webraft_web.storage.memory import MemoryStorage

COMPACT_AFTER: Final = 2000
"""Entries after which the log is cut: the next runner reads what is left before it can serve."""
PAIR: Final = 2
YIELD_WITHIN_MS: Final = 5000
LOOK_MS: Final = 3000
"""How long a browser that does not hold the room looks for others that do, before it begins one."""


class Runner:
    """One tenure as the room's runner.

    Args:
        platform: The page.
        options: About the room.
        tab: This tab's id.
        run: The number of this tenure where no journal gives one: above all that were heard.
        known_tabs: Who was here so far, to be told until somebody has looked.
        copy: This tab's copy of the document.
        post: Says something to some tabs (ids between commas), or ("") to all others.
        on_serving: Called once the server runs, and again after a recovery.
        on_change: Called after every batch of work.
        on_error: Told what is wrong while the tenure goes on.
        on_failed: Called once if the tenure ended by itself; the store may be gone, or another tab's, or
            there is no room here, and no way to look for it.
    """

    def __init__(
        self,
        platform: Platform,
        options: RoomOptions,
        tab: str,
        run: int,
        known_tabs: list[str],
        copy: LocalCopy,
        *,
        post: Callable[[Text, str], None],
        on_serving: Callable[[], None],
        on_change: Callable[[], None],
        on_error: Callable[[WebraftError], None],
        on_failed: Callable[[WebraftError], None],
    ) -> None:
        self._platform = platform
        self._options = options
        self._tab = tab
        self._copy = copy
        self._post = post
        self._on_serving = on_serving
        self._on_change = on_change
        self._on_error = on_error
        self._on_failed = on_failed
        self._is_stopped = False
        self._storage: Storage | None = None
        self._server: Server | None = None
        self._served: Driver | None = None
        """The driver that `on_serving` told of."""
        self._neighbours: Neighbours | None = None
        self._leaving: Leaving | None = None
        self._is_looking = False
        self._look_timer = platform.clock.timer(self._on_looked)
        self._feeder = Feeder(platform.clock, copy, run, known_tabs, post, lambda: self.links)
        self._machine = RoomMachine(copy, self._fail)
        self._timeouts = RoomTimeouts(platform.random_id())
        self._time = OwnTime(platform.clock, self._timeouts.heartbeat_interval_ms, on_stall=self._show_life)
        self._letters = Correspondence(
            self._time,
            self._write,
            self._on_report,
            self._on_changed,
            _ignore,
            invited_to=options.invited_to,
            refuse=self._refuse,
        )

    # -- beginning -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin the tenure: the lock is held."""
        self._feeder.start()
        if self._options.is_durable:
            self._platform.open_journal(self._options.room, self._on_opened)
        else:
            self._on_stored(MemoryStorage(), None)

    def stop(self) -> None:
        """End the tenure as a crash would: nothing more is said or called."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self._feeder.close()
        self._look_timer.close()
        if self._neighbours is not None:
            self._neighbours.close()
        if self._server is not None:
            self._server.close()
        self._letters.close()
        if self._storage is not None:
            self._storage.close()  # at once: a frozen page's open journal would be in the way

    def _on_opened(self, store: JournalStore | StorageError) -> None:
        if isinstance(store, StorageError):
            self._fail(store)
            return
        if self._is_stopped:
            store.close()
            return
        store.on_closed = self._fail
        # Other browsers count on what this one has told them that it holds, also after a power cut (rule 13).
        storage = JournalStorage(store, runner=self._tab, strict=self._options.open_network is not None)
        self._storage = storage
        storage.take_over(partial(self._on_taken_over, storage))

    def _on_taken_over(self, storage: JournalStorage, stored: StoredState | StorageError | None) -> None:
        if isinstance(stored, StorageError):
            self._fail(stored)
        elif not self._is_stopped:
            self._feeder.run = storage.takeover_position
            self._on_stored(storage, stored)

    def _on_stored(self, storage: Storage, stored: StoredState | None) -> None:
        self._storage = storage
        self._server = self._letters.server = Server(
            None,
            None,
            storage,
            self._time,
            self._timeouts,
            self._machine,
            self._letters,
            ServerOptions(self._options.max_voters, COMPACT_AFTER),
        )
        if self._options.is_always_on:
            self._letters.aspire()
        if stored is not None:
            self._server.resume(stored)
            self._copy.is_old = False
        elif self._copy.is_old and self._copy.applied_index and self._options.is_durable:
            self._fail(RoomGoneError(f"room {self._options.room!r} was deleted while this page slept"))
        elif self._copy.applied_index:
            # There was no store to take over, or it was cleared: what was seen of the room goes on.
            self._mint(self._server, address=None)
        elif self._options.open_network is None:
            self._server.become(found_cluster(self._platform, self._options.genesis))
        else:
            self._server.become(newcomer(self._platform))

    def _mint(self, server: Server, address: str | None) -> None:
        minted = mint_cluster(self._platform, self._copy, address)
        self._machine.minted = minted.identity.cluster_id
        server.become(minted)

    def _on_changed(self) -> None:
        """Look at the server after each batch of its work."""
        server = self._server
        if self._is_stopped or server is None or not server.is_ready:
            return
        if self.has_left:
            if self._neighbours is not None:
                self._neighbours.close()  # or somebody would add it again
            self._on_change()
            return
        self._look_for_others(server)
        driver = self._driver
        if driver is None:
            self._feeder.pause()
        elif driver is self._served:
            self._settle(driver.raft)
            if self._options.is_durable and 0 < driver.raft.first_command_index <= driver.raft.commit_index:
                self._platform.keep_stored()  # now that there is something to keep
            self._feeder.feed()
            self._feeder.say_news()
        else:
            self._serve(self._cluster, driver)
        self._on_change()

    def _serve(self, cluster: str, driver: Driver) -> None:
        """Begin to serve with a new driver."""
        self._served = driver
        raft = driver.raft
        self._feeder.begin(cluster, raft)
        if cluster == self._machine.minted:
            self._feeder.bring()
        if raft.configuration.voters == (raft.server_id,):
            # Nobody else could lead: a new term, as after any restart, but without the wait.
            driver.change(Raft.campaign)
        if self._machine.is_newcomer:
            self._catch_up(driver)
        if not self._is_stopped:
            self._on_serving()

    def _catch_up(self, driver: Driver) -> None:
        """Have what a new member shows be no beginning of the document, but all of it."""

        def confirmed(outcome: int | WebraftError) -> None:
            if driver is not self._driver:
                return
            if isinstance(outcome, WebraftError):
                self._catch_up(driver)
            else:
                self._machine.is_newcomer = False
                self._on_changed()

        driver.read(confirmed)

    def _settle(self, raft: Raft) -> None:
        """Find out whether what is committed here covers what this browser acknowledged before."""
        if self._feeder.is_settled or self._machine.is_newcomer:
            return
        is_alone = raft.configuration.voters == (raft.server_id,)
        self._feeder.is_settled = not is_alone or raft.log.term_at(raft.commit_index) == raft.current_term

    def _fail(self, error: WebraftError) -> None:
        if not self._is_stopped:
            self.stop()
            self._on_failed(error)

    def _on_report(self, error: WebraftError) -> None:
        if self._server is not None and self._server.over is error and isinstance(error, StorageError):
            self._fail(error)
        else:
            self._on_error(error)

    # -- between browsers ----------------------------------------------------------------

    def _look_for_others(self, server: Server) -> None:
        """Open the network once the server has an address; begin the room if nobody else has it."""
        if self._options.open_network is None:
            return
        if self._neighbours is None:
            self._neighbours = Neighbours(
                Claim(server.identity.address, self.run, self._platform.random_id()),
                self._options.open_network,
                on_linked=self._letters.linked,
                on_lost=self._letters.lost,
                on_payload=self._letters.got,
                on_error=self._on_error,
                on_failed=self._on_no_network,
            )
        was_looking = self._is_looking
        self._is_looking = server.identity.cluster_id is None
        if self._is_looking and not was_looking:
            self._look_timer.set(self._platform.clock.now_ms() + LOOK_MS)

    def _on_no_network(self, error: TransportError) -> None:
        """Go on without the others; but who cannot look for the room neither waits for it nor begins it."""
        if self._is_looking:
            self._fail(error)
        else:
            self._on_error(error)

    def _on_looked(self) -> None:
        """Begin the room if nobody has it; find fault with those who have it if they did not invite."""
        server, options = self._server, self._options
        if server is None or not (server.is_ready and self._is_looking):
            return
        others = server.other_clusters()
        if options.may_found and not options.invited_to and not others:
            address = server.identity.address
            server.become(found_cluster(self._platform, options.genesis, address))
            return
        if options.invited_to and others and options.invited_to not in others:
            self._on_error(
                ClusterConflictError(
                    f"this link invites to cluster {options.invited_to} of room {options.room!r}, and who is "
                    f"there belongs to {', '.join(sorted(others))}: the room was recovered or given up for "
                    "another since; ask somebody there for a new link"
                )
            )
        self._look_timer.set(self._platform.clock.now_ms() + LOOK_MS)

    def _write(self, address: str, payload: Any) -> None:
        if self._neighbours is not None:
            self._neighbours.write(address, payload)

    def _refuse(self, address: str, error: RemoteProtocolError) -> None:
        if self._neighbours is not None:
            self._neighbours.refuse(address, error)

    def _show_life(self) -> None:
        if self._server is not None:
            self._server.show_life()

    @property
    def links(self) -> dict[str, Any]:
        """What is known of the connections to other browsers, by address."""
        return {} if self._neighbours is None else self._neighbours.statistics()

    # -- serving -------------------------------------------------------------------------

    @property
    def _driver(self) -> Driver | None:
        """The driver, while there is a log that belongs to a living cluster."""
        server = self._server
        if server is None or not server.is_ready or server.is_blank or server.is_dissolving:
            return None
        driver = server.driver
        return None if driver is None or driver.is_stopped else driver

    @property
    def _cluster(self) -> str:
        """The cluster whose log `_driver` keeps."""
        return "" if self._server is None else self._server.identity.cluster_id or ""

    def propose(self, content: Commands, recipient: str) -> None:
        """Append commands for the tab `recipient`, and tell it which certainly were not.

        What is meant for another cluster is not: there the numbers in it may be somebody else's here.
        """
        driver = self._driver
        if driver is None or content.cluster != self._cluster:
            self._post(Refused(self.run, is_overload=False, commands=content.commands), recipient)
            return
        for command in content.commands:
            driver.propose(command, content.kind, partial(self._on_settled, command, recipient))

    def _on_settled(self, command: str, recipient: str, outcome: Committed | WebraftError) -> None:
        if isinstance(outcome, _NOT_APPENDED):
            is_overload = isinstance(outcome, OverloadedError)
            self._post(Refused(self.run, is_overload=is_overload, commands=[command]), recipient)
        # Other failures need no word: what does not settle is sent again, and known again.

    def flush(self) -> None:
        """Do at once what the texts just handled ask for."""
        if self._driver is not None:
            self._driver.flush()

    def read(self, done: Callable[[int | WebraftError], None]) -> None:
        """Confirm a read index and hand it over; never, if the server does not run."""
        if self._driver is not None:
            self._driver.read(done)

    def answer_read(self, request_id: int, recipient: str) -> None:
        """Confirm a read index for another tab."""
        cluster = self._cluster

        def answer(outcome: int | WebraftError) -> None:
            if isinstance(outcome, int):
                self._post(ReadAnswer(self.run, cluster, request_id, outcome), recipient)

        self.read(answer)

    def supply(self, cluster: str, applied: int, recipient: str) -> None:
        """Send the tab `recipient`, soon, what follows `applied` in `cluster`, or the whole document."""
        self._feeder.supply(cluster, applied, recipient)

    def carry_out(self, order: Order) -> None:
        """Do what only the server can do, unless its cluster is not the one that was meant."""
        server = self._server
        if server is None or not server.is_ready or server.identity.cluster_id != order.cluster:
            return
        if order.what == "recover" and self._copy.applied_index > 0:
            self._mint(server, server.identity.address)
        elif order.what == "yield" and order.other in server.other_clusters():
            if server.leader_id is None:
                server.start_afresh(may_found=False)  # what is left of its cluster goes without it
            else:
                server.yield_cluster(order.other, _ignore, YIELD_WITHIN_MS)
        elif order.what == "leave":
            self._leaving = self._letters.leave()
            self._on_changed()

    def say_farewell(self) -> None:
        """Let the others go on without this browser, whose last page is going away or to sleep.

        Of more than two the best successor is told to stand for election, instead of waiting in vain
        for a heartbeat: a hint and no promise, so that no fence is needed (rule 3), for which there is no
        time. The other one of two needs this one's vote, until it has the entry that says otherwise:
        it goes out at once, and can still be taken in.
        """
        driver = self._driver
        if driver is None or driver.raft.role is not Role.LEADER:
            return
        raft = driver.raft
        if len(raft.configuration.voters) > PAIR:
            successor = best_successor(raft)
            if successor is not None:
                self._letters.send([TimeoutNow(raft.server_id, successor, raft.current_term)])
        elif len(raft.configuration.voters) == PAIR:
            driver.change(_leave_to_the_other)

    # -- what it is ----------------------------------------------------------------------

    @property
    def run(self) -> int:
        """The number of this tenure."""
        return self._feeder.run

    @property
    def is_serving(self) -> bool:
        """Whether the server runs."""
        return self._driver is not None

    @property
    def is_leader(self) -> bool:
        """Whether the server leads its cluster."""
        return self._driver is not None and self._driver.raft.role is Role.LEADER

    @property
    def led_by(self) -> tuple[str, int]:
        """The address of the server that leads, "" if none is known, and the term."""
        driver = self._driver
        if driver is None or driver.raft.leader_id is None:
            return "", 0
        return address_of(driver.raft.leader_id), driver.raft.current_term

    @property
    def is_joined(self) -> bool:
        """Whether this tab's copy shows all that was acknowledged before the tenure began."""
        driver = self._driver
        return (
            driver is not None
            and self._feeder.is_settled
            and self._copy.applied_index >= max(driver.raft.commit_index, 1)
        )

    @property
    def has_left(self) -> bool:
        """Whether this browser was asked to leave, and no other counts on it any more."""
        return self._leaving is not None and self._leaving.is_done

    def set_tabs(self, tabs: list[str]) -> None:
        """Learn which tabs are here; the others hear of it at once."""
        self._feeder.set_tabs(tabs)

    def beat(self) -> Beat | None:
        """Return what there is to say; None before the server runs."""
        return self._feeder.beat()

    def say(self, recipient: str = "") -> None:
        """Say what there is to say now, without waiting for the next heartbeat."""
        self._feeder.say(recipient)


_NOT_APPENDED: Final = (OverloadedError, NotLeaderError)


def _leave_to_the_other(raft: Raft) -> None:
    # The time that passed just now may have begun another change: that of a leader that gives the other up.
    if raft.can_change_configuration():
        raft.remove_server(raft.server_id)


def _ignore(_: object) -> None:
    """Nothing is to be done: links end by themselves."""
