"""Whom a tab listens to, and what it asks for: one runner at a time, the latest."""

import pytest

from webraft_web.core.entry import Configuration, Entry, EntryKind
from webraft_web.core.ready import Feed
from webraft_web.document import Client, genesis_command
from webraft_web.site.election import SILENCE_MS
from webraft_web.site.local_copy import LocalCopy
from webraft_web.site.observer import Observer
from webraft_web.site.protocol import Beat, Document, Entries, Need

VOTERS = Configuration(("i@site",))


class StillClock:
    """A clock that the test moves, and that wakes nobody: it is its own timer."""

    ms = 0

    def now_ms(self):
        return self.ms

    def timer(self, _callback):
        return self

    def set(self, _deadline_ms):
        pass

    def call_soon(self, _callback):
        pass


def beat(run, commit, cluster="cluster"):
    return Beat(run, cluster, "site", "leader", "site", 1, commit, True, {"site": "voter"}, [], [], {})


def entries(run, first, last, cluster="cluster"):
    found = [
        Entry(1, index, EntryKind.HOUSEKEEPING, genesis_command({"n": index}))
        for index in range(first, last + 1)
    ]
    return Entries(run, cluster, Feed(1, "i@site", first - 1, found, VOTERS))


class Tab:
    """An observer whose copy stands at index 5, as the runner "one" with the number 3 has left it."""

    def __init__(self):
        self.clock = StillClock()
        self.asked = []
        self.copy = LocalCopy(Client(None, self.clock, "session"), lambda: None)
        self.copy.belong_to("cluster")
        self.observer = Observer(
            self.clock, self.copy, lambda runner, need: self.asked.append((runner, need))
        )
        self.observer.on_entries("one", entries(3, 1, 5))
        self.observer.on_beat("one", beat(3, 5))


@pytest.fixture
def tab():
    return Tab()


def test_entries_are_applied_once_and_in_order(tab):
    """Whatever comes twice, or overlaps."""
    tab.observer.on_entries("one", entries(3, 4, 7))
    tab.observer.on_entries("one", entries(3, 6, 7))
    assert (tab.copy.applied_index, tab.asked) == (7, [])


def test_what_is_missing_is_asked_for_at_once(tab):
    """And nothing is applied over the gap."""
    tab.observer.on_entries("one", entries(3, 8, 9))
    assert tab.copy.applied_index == 5
    assert tab.asked == [("one", Need("cluster", 5))]
    tab.observer.on_entries("one", entries(3, 6, 9))
    assert tab.copy.applied_index == 9


def test_a_runner_that_was_taken_over_is_not_listened_to(tab):
    """It may not know, and say what never was committed."""
    assert tab.observer.on_beat("two", beat(4, 5)) == (True, True)
    assert tab.observer.on_beat("one", beat(3, 9)) == (False, False)
    tab.observer.on_entries("one", entries(3, 6, 9))
    assert (tab.copy.applied_index, tab.observer.runner, tab.asked) == (5, "two", [])


def test_nobody_else_speaks_under_the_runners_number(tab):
    """Two that claim one number cannot both be right: the one that was heard first is listened to."""
    assert tab.observer.on_beat("two", beat(3, 9)) == (False, False)
    tab.observer.on_entries("two", entries(3, 6, 9))
    assert (tab.copy.applied_index, tab.observer.runner) == (5, "one")


def test_numbers_begin_anew_with_the_store(tab):
    """Whoever still speaks when the last runner has long been silent is right."""
    tab.clock.ms = SILENCE_MS - 1
    assert tab.observer.on_beat("two", beat(1, 5)) == (False, False)
    tab.clock.ms = SILENCE_MS
    assert tab.observer.on_beat("two", beat(1, 5)) == (True, True)


def test_entries_of_another_cluster_are_not_applied(tab):
    """An index means something within one cluster only: the whole document is asked for."""
    tab.observer.on_entries("two", entries(4, 6, 9, cluster="another"))
    assert tab.copy.applied_index == 5
    tab.observer.on_beat("two", beat(4, 9, cluster="another"))
    assert tab.asked == [("two", Need("cluster", 5))]


def test_the_document_of_another_cluster_replaces_the_copy(tab):
    """Even if it is not as far."""
    source = Tab()
    source.copy.cluster = "another"
    tab.observer.on_document("two", Document(4, "another", source.copy.snapshot(VOTERS)))
    assert (tab.copy.cluster, tab.copy.applied_index) == ("another", 5)
