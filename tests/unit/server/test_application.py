"""The application behind a server: what it is asked for, and what it is taken to have done."""

from types import SimpleNamespace

import pytest

from webraft_web.core.config import Config, FixedTimeouts
from webraft_web.core.entry import Configuration, Entry, EntryKind, HardState, Snapshot
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.core.raft import Raft
from webraft_web.core.ready import RefreshRequest, RestoredState
from webraft_web.emitter import RAFT_EVENTS, Listeners
from webraft_web.server.application import Application, _Compactable

ALONE = Configuration(("i@a",))


class StoppedClock:
    """Time stands still, and nothing that was to come later comes."""

    def now_ms(self):
        return 0

    def timer(self, callback):
        return SimpleNamespace(set=lambda _: None, close=lambda: None, callback=callback)

    def call_soon(self, callback):
        raise AssertionError("nothing here needs the event loop")


class Bench:
    """An application whose handlers answer when the test says so."""

    def __init__(self):
        self.refreshes = []
        self.places = []
        self.applied = []
        self.errors = []
        listeners = self.listeners = Listeners(RAFT_EVENTS)
        listeners.add("apply", self._apply, once=False)
        listeners.add("refresh", self.refreshes.append, once=False)
        listeners.add("error", self.errors.append, once=False)
        self.application = Application(listeners, StoppedClock())
        self.application.serve(self)

    def refreshed(self, place):
        self.places.append(place)

    def configuration_applied(self, configuration):
        """Who belongs to the cluster is nothing to an application."""

    def _apply(self, entry, index, done):
        self.applied.append((index, entry))
        done()


def command(index):
    return Entry(1, index, EntryKind.COMMAND, f'"{index}"')


def snapshot(index):
    return Snapshot(index, 1, ALONE)


def test_a_refresh_that_is_asked_for_while_catching_up_with_the_store_is_not_forgotten():
    """What the store lacks is fetched first; the leader asks only once for what it lacks itself."""
    bench = Bench()
    bench.application.begin("cluster", None, snapshot(5))
    bench.application.refresh(RefreshRequest(9, 1))
    assert len(bench.refreshes) == 1
    bench.refreshes.pop()(1, 5)
    assert bench.places == []
    bench.refreshes.pop()(1, 9)
    assert bench.places == [(1, 9)]


def test_what_is_done_while_progress_is_told_is_told_as_well():
    """Whoever is told may hand over a snapshot that the application already stands at."""
    bench = Bench()
    application = bench.application
    application.begin("cluster", None, None)
    application.refresh(RefreshRequest(9, 1))
    bench.refreshes.pop()(1, 9)
    told = []

    def done(index):
        told.append(index)
        if index == 2:
            application.restore(snapshot(9), done)

    application.apply([command(1), command(2)], done)
    assert told == [2, 9]


@pytest.mark.parametrize("data", ["", "{", "NaN", "9007199254740993", "[" * 1000])
def test_a_command_that_is_not_json_is_reported_and_holds_nothing_up(data):
    """Whoever proposed it, the commands behind it are offered, and all are told as applied."""
    bench = Bench()
    bench.application.begin("cluster", None, None)
    told = []
    bench.application.apply([command(1), Entry(1, 2, data=data), command(3)], told.append)
    assert bench.applied == [(1, "1"), (3, "3")]
    assert told == [3]
    (error,) = bench.errors
    assert isinstance(error, RemoteProtocolError)
    assert "index 2" in str(error)


def test_what_one_handler_does_to_a_command_no_other_sees():
    """Each is handed a value of its own, also at a second try."""
    bench = Bench()
    bench.listeners.add("apply", lambda entry, _index, done: (entry["list"].append(0), done()), once=False)
    bench.listeners.add("apply", bench._apply, once=False)
    bench.application.begin("cluster", None, None)
    bench.application.apply([Entry(1, 1, data='{"list":[]}')], lambda _: None)
    assert bench.applied == [(1, {"list": []}), (1, {"list": []})]


@pytest.mark.parametrize(("applied", "index"), [(4, 3), (3, 3), (2, 0)])
def test_a_log_is_cut_at_a_command(applied, index):
    """An application knows its commands alone: at another index it could never say that it stands."""
    bench = Bench()
    entries = (
        Entry(1, 1, EntryKind.CONFIGURATION, configuration=ALONE),
        Entry(1, 2, EntryKind.NO_OP),
        command(3),
        Entry(1, 4, EntryKind.NO_OP),
    )
    raft = Raft(Config("i@a", FixedTimeouts()), RestoredState(HardState(1, None, 4), None, entries), 0)
    application = bench.application
    application.begin("cluster", None, None)
    application.apply(entries[:applied], lambda _: None)
    assert _Compactable(application, raft).may_compact_to() == index
