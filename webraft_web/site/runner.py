"""The room's server, for as long as this tab runs it.

From the moment the lock is held: open the journal, take it over, begin the room
if there is none, run the server, feed the other tabs, give signs of life. It
ends for good by `stop`, or by a fence that says another tab has taken over.
What it applies goes to this tab's own copy, which is fed to nobody: others get
what the log holds as committed and persisted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from webraft_web.core.config import Config, FixedTimeouts
from webraft_web.core.entry import Committed, Entry, EntryKind, Snapshot, address_of, make_server_id
from webraft_web.core.errors import (
    NotLeaderError,
    OverloadedError,
    RemoteProtocolError,
    StorageError,
    WebraftError,
)
from webraft_web.core.raft import Raft
from webraft_web.core.ready import Feed, RefreshRequest, RestoredState
from webraft_web.core.role import Role
from webraft_web.driver import Driver
from webraft_web.site.cluster import first_batch, found_cluster, mint_cluster
from webraft_web.site.local_copy import LocalCopy
from webraft_web.site.platform import Platform
from webraft_web.site.protocol import Beat, Document, Entries, ReadAnswer, Refused, Starting, Text
from webraft_web.storage.base import Storage, StoredState
from webraft_web.storage.indexed_db import JournalStorage
from webraft_web.storage.journal import JournalStore
from webraft_web.storage.memory import MemoryStorage

BEAT_MS: Final = 200
GATHER_MS: Final = 5
"""How long a tab that lacks something waits for others: what one lost, most lost, and one text serves all."""

MAX_FEED_SIZE: Final = 1024 * 1024
DOCUMENT_AFTER: Final = 2000
"""A tab that lacks more entries than this gets the whole document instead: it is sooner there."""

COMPACT_AFTER: Final = 2000
"""Entries after which the log is cut: the next runner reads what is left before it can serve."""


class RunnerOptions(NamedTuple):
    """What a runner is told about its room.

    Fields:
        room: The room's name, and its journal's.
        genesis: The command that a new room begins with.
        is_durable: Whether to keep the room in the journal; else in this page's memory.
        max_voters: How many servers vote at most.
    """

    room: str
    genesis: str
    is_durable: bool
    max_voters: int


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
        on_failed: Called once if the tenure ended by itself; the store may be gone, or another tab's.
    """

    def __init__(
        self,
        platform: Platform,
        options: RunnerOptions,
        tab: str,
        run: int,
        known_tabs: list[str],
        copy: LocalCopy,
        *,
        post: Callable[[Text, str], None],
        on_serving: Callable[[], None],
        on_change: Callable[[], None],
        on_failed: Callable[[StorageError], None],
    ) -> None:
        self._platform = platform
        self._options = options
        self._tab = tab
        self._run = run
        self._known_tabs = known_tabs
        self._copy = copy
        self._post = post
        self._on_serving = on_serving
        self._on_change = on_change
        self._on_failed = on_failed
        self._is_stopped = False
        self._storage: Storage | None = None
        self._driver: Driver | None = None
        self._cluster = ""
        self._fed_index = 0
        self._is_settled = False
        self._tabs: list[str] | None = None
        self._said: object = None
        self._beat_timer = platform.clock.timer(self._on_beat)
        self._lacking: dict[str, tuple[str, int]] = {}
        self._supply_timer = platform.clock.timer(self._supply)

    # -- beginning -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin the tenure: the lock is held."""
        self._on_beat()
        if self._options.is_durable:
            self._platform.open_journal(self._options.room, self._on_opened)
        else:
            self._on_stored(MemoryStorage(), None)

    def stop(self) -> None:
        """End the tenure as a crash would: nothing more is said or called."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self._beat_timer.close()
        self._supply_timer.close()
        if self._driver is not None:
            self._driver.stop()
        if self._storage is not None:
            self._storage.close()

    def _on_opened(self, store: JournalStore | StorageError) -> None:
        if isinstance(store, StorageError):
            self._fail(store)
            return
        if self._is_stopped:
            store.close()
            return
        store.on_closed = self._fail
        storage = JournalStorage(store, runner=self._tab)
        self._storage = storage
        storage.take_over(partial(self._on_taken_over, storage))

    def _on_taken_over(self, storage: JournalStorage, stored: StoredState | StorageError | None) -> None:
        if isinstance(stored, StorageError):
            self._fail(stored)
        elif not self._is_stopped:
            self._run = storage.takeover_position
            self._on_stored(storage, stored)

    def _on_stored(self, storage: Storage, stored: StoredState | None) -> None:
        self._storage = storage
        if stored is not None:
            self._serve(storage, stored)
        elif self._copy.applied_index:
            # There was no store to take over, or it was cleared: what was seen of the room goes on.
            self._begin(storage, mint_cluster(self._platform, self._copy))
        else:
            self._begin(storage, found_cluster(self._platform, self._options.genesis))

    def _begin(self, storage: Storage, stored: StoredState) -> None:
        cluster = stored.identity.cluster_id or ""

        def on_persisted(error: StorageError | None) -> None:
            if error is not None:
                self._fail(error)
            elif not self._is_stopped:
                # What the copy holds, if anything, is what this cluster begins with.
                self._copy.cluster = cluster
                if stored.snapshot is not None:
                    self._post(Document(self._run, cluster, stored.snapshot), "")  # which nobody has yet
                self._serve(storage, stored)

        storage.persist(first_batch(stored), on_persisted)

    def _serve(self, storage: Storage, stored: StoredState) -> None:
        identity, hard_state, snapshot, entries = stored
        self._cluster = identity.cluster_id or ""  # every room's store begins with `first_batch`
        self._is_settled = False
        machine = _CopyMachine(self._copy, self._fail)
        self._copy.belong_to(self._cluster)
        if snapshot is not None:
            machine.restore(snapshot, _ignore)
        self._fed_index = max(hard_state.commit_index, 0 if snapshot is None else snapshot.last_index)
        raft = Raft(
            Config(
                make_server_id(identity.address, identity.incarnation),
                FixedTimeouts(heartbeat_timeout=1000, election_timeout=1000, heartbeat_interval=500),
                max_voters=self._options.max_voters,
            ),
            RestoredState(hard_state, snapshot, entries),
            self._platform.clock.now_ms(),
        )
        if self._is_stopped:
            return
        self._driver = Driver(
            raft,
            storage,
            self._platform.clock,
            machine=machine,
            send=_ignore,  # a room of one browser has no other servers
            on_batch=self._on_batch,
            on_stopped=self._fail,
            compact_after_entries=COMPACT_AFTER,
        )
        if raft.configuration.voters == (raft.server_id,):
            # Nobody else could lead: a new term, as after any restart, but without the wait.
            self._driver.change(Raft.campaign)
        else:
            self._driver.flush()
        if not self._is_stopped:
            self._on_serving()

    def _fail(self, error: StorageError) -> None:
        if not self._is_stopped:
            self.stop()
            self._on_failed(error)

    @property
    def _live_driver(self) -> Driver | None:
        """The driver, if it is one that still takes orders."""
        return None if self._driver is None or self._driver.is_stopped else self._driver

    # -- serving -------------------------------------------------------------------------

    def propose(self, commands: Sequence[str], kind: EntryKind, recipient: str) -> None:
        """Append commands for the tab `recipient`, and tell it which certainly were not."""
        driver = self._live_driver
        if driver is None:
            self._post(Refused(self._run, is_overload=False, commands=list(commands)), recipient)
            return
        for command in commands:
            driver.propose(command, kind, partial(self._on_settled, command, recipient))

    def _on_settled(self, command: str, recipient: str, outcome: Committed | WebraftError) -> None:
        if isinstance(outcome, _NOT_APPENDED):
            is_overload = isinstance(outcome, OverloadedError)
            self._post(Refused(self._run, is_overload=is_overload, commands=[command]), recipient)
        # Other failures need no word: what does not settle is sent again, and known again.

    def flush(self) -> None:
        """Do at once what the texts just handled ask for."""
        if self._live_driver is not None:
            self._live_driver.flush()

    def read(self, done: Callable[[int | WebraftError], None]) -> None:
        """Confirm a read index and hand it over; never, if the server does not run."""
        if self._live_driver is not None:
            self._live_driver.read(done)

    def answer_read(self, request_id: int, recipient: str) -> None:
        """Confirm a read index for another tab."""

        def answer(outcome: int | WebraftError) -> None:
            if isinstance(outcome, int):
                self._post(ReadAnswer(self._run, request_id, outcome), recipient)

        self.read(answer)

    def supply(self, cluster: str, applied: int, recipient: str) -> None:
        """Send the tab `recipient`, soon, what follows `applied` in `cluster`, or the whole document."""
        if not self._lacking:
            self._supply_timer.set(self._platform.clock.now_ms() + GATHER_MS)
        self._lacking[recipient] = (cluster, applied)

    def _supply(self) -> None:
        """Send those who asked meanwhile what they lack: at most two texts, however many they are."""
        lacking, self._lacking = self._lacking, {}
        if self._driver is None or self._copy.applied_index == 0:
            return
        raft = self._driver.raft
        first = max(raft.log.first_index - 1, self._fed_index - DOCUMENT_AFTER, 1)
        near = {
            tab: applied
            for tab, (cluster, applied) in lacking.items()
            if cluster == self._cluster and applied >= first
        }
        far = ",".join(sorted(lacking.keys() - near.keys()))
        if far:
            document = self._copy.snapshot(raft.configuration)
            self._post(Document(self._run, self._cluster, document), far)
        # Those who lack less pass over what they have.
        feed = raft.feed_after(min(near.values()), MAX_FEED_SIZE) if near else None
        if isinstance(feed, Feed) and feed.entries:
            self._post(Entries(self._run, self._cluster, feed), ",".join(sorted(near)))

    def recover(self, cluster: str) -> None:
        """Mint a new cluster from this tab's copy, unless `cluster` is no longer this one."""
        driver, storage = self._driver, self._storage
        if driver is None or storage is None or cluster != self._cluster or self._copy.applied_index == 0:
            return
        self._driver = None

        def begin() -> None:
            if not self._is_stopped:
                self._begin(storage, mint_cluster(self._platform, self._copy))

        driver.stop(begin)

    # -- saying --------------------------------------------------------------------------

    @property
    def run(self) -> int:
        """The number of this tenure."""
        return self._run

    @property
    def is_serving(self) -> bool:
        """Whether the server runs."""
        return self._driver is not None

    @property
    def is_leader(self) -> bool:
        """Whether the server leads its cluster."""
        return self._driver is not None and self._driver.raft.role is Role.LEADER

    @property
    def is_joined(self) -> bool:
        """Whether this tab's copy shows all that was acknowledged before the tenure began."""
        return (
            self._driver is not None
            and self._is_settled
            and self._copy.applied_index >= self._driver.raft.commit_index
        )

    def set_tabs(self, tabs: list[str]) -> None:
        """Learn which tabs are here; the others hear of it at once."""
        self._tabs = tabs
        self._say_news()

    def beat(self) -> Beat | None:
        """Return what there is to say; None before the server runs."""
        if self._driver is None:
            return None
        raft = self._driver.raft
        configuration = raft.configuration
        return Beat(
            run=self._run,
            cluster=self._cluster,
            address=address_of(raft.server_id),
            role=_ROLES[raft.role],
            leader=address_of(raft.leader_id) if raft.leader_id else "",
            term=raft.current_term,
            commit=self._fed_index,
            is_settled=self._is_settled,
            members={address_of(server): "voter" for server in configuration.voters}
            | {address_of(server): "non_voting" for server in configuration.non_voting},
            missing=_missing_addresses(raft),
            tabs=self._tabs or self._known_tabs,
        )

    def say(self, recipient: str = "") -> None:
        """Say what there is to say now, without waiting for the next heartbeat."""
        beat = self.beat()
        self._post(Starting() if beat is None else beat, recipient)

    def _on_beat(self) -> None:
        self._beat_timer.set(self._platform.clock.now_ms() + BEAT_MS)
        self.say()

    def _on_batch(self) -> None:
        if self._driver is None:
            return
        raft = self._driver.raft
        if not self._is_settled and (
            len(raft.configuration.voters) > 1 or raft.log.term_at(raft.commit_index) == raft.current_term
        ):
            self._is_settled = True
        self._feed(raft)
        self._say_news()
        self._on_change()

    def _feed(self, raft: Raft) -> None:
        """Tell all tabs what was committed; rule 12: once it is persisted here."""
        while self._fed_index < raft.commit_index:
            feed = raft.feed_after(self._fed_index, MAX_FEED_SIZE)
            if isinstance(feed, Snapshot):
                self._fed_index = feed.last_index  # the tabs will find that they lack it, and ask
            elif feed.entries:
                self._fed_index = feed.entries[-1].index
                if self._tabs is None or len(self._tabs) > 1:
                    self._post(Entries(self._run, self._cluster, feed), "")
            else:
                return

    def _say_news(self) -> None:
        if self._driver is None:
            return
        raft = self._driver.raft
        news = (
            raft.role,
            raft.current_term,
            raft.leader_id,
            raft.configuration,
            self._is_settled,
            self._tabs,
        )
        if news != self._said:
            self._said = news
            self.say()


class _CopyMachine:
    """This tab's copy as the driver's state machine; `on_unreadable` hears of a snapshot it cannot read."""

    def __init__(self, copy: LocalCopy, on_unreadable: Callable[[StorageError], None]) -> None:
        self._copy = copy
        self._on_unreadable = on_unreadable
        self._applied_index = 0

    def apply(self, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
        self._copy.apply(entries)
        self._report(entries[-1].index, done)

    def restore(self, snapshot: Snapshot, done: Callable[[int], None]) -> None:
        try:
            self._copy.restore(snapshot)
        except RemoteProtocolError as error:
            self._on_unreadable(StorageError(f"the stored document cannot be read: {error}"))
            return
        self._report(snapshot.last_index, done)

    def refresh(self, request: RefreshRequest) -> None:
        raise AssertionError(f"documents travel in snapshots, nothing is to be refreshed: {request}")

    def take_snapshot(self) -> str:
        return self._copy.client.take_snapshot()

    def may_compact_to(self) -> int:
        # As a tab's copy it may be ahead of what the driver, restarted, has handed out
        # so far: a snapshot would then claim to be older than it is.
        return self._applied_index if self._copy.applied_index == self._applied_index else 0

    def _report(self, index: int, done: Callable[[int], None]) -> None:
        self._applied_index = index
        done(index)


_ROLES: Final = {
    Role.LEADER: "leader",
    Role.CANDIDATE: "candidate",
    Role.PRE_CANDIDATE: "candidate",
    Role.FOLLOWER: "follower",
}


_NOT_APPENDED: Final = (OverloadedError, NotLeaderError)


def _ignore(_: object) -> None:
    """Nobody waits for this."""


def _missing_addresses(raft: Raft) -> list[str]:
    """Return the voters that a quorum waits for, none while there is one."""
    voters = raft.configuration.voters
    if raft.role is Role.LEADER:
        heard = raft.voters_heard()
    else:
        heard = list(voters) if raft.leader_id else [raft.server_id]
    if 2 * len(heard) > len(voters):
        return []
    return [address_of(server) for server in voters if server not in heard]
