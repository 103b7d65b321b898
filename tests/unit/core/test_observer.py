"""Observers apply each entry once and in order, whatever the channel does."""

import random

import pytest

from tests.unit.core.servers import command, members
from webraft_web.core.entry import Snapshot
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.core.observer import Observer
from webraft_web.core.ready import Feed


def feed(prev_index: int, count: int) -> Feed:
    """`count` entries after `prev_index`."""
    entries = [command(prev_index + 1 + position) for position in range(count)]
    return Feed(1, "a", prev_index, entries, members("a"))


def test_what_follows_on_is_applied() -> None:
    """Entries right after the applied index come out, and count as applied."""
    observer = Observer(4)
    assert [entry.index for entry in observer.step(feed(4, 3))] == [5, 6, 7]
    assert (observer.applied_index, observer.has_gap) == (7, False)


def test_what_is_applied_is_never_handed_out_again() -> None:
    """A repeated feed gives nothing, an overlapping one only its new end."""
    observer = Observer(4)
    observer.step(feed(4, 3))
    assert observer.step(feed(4, 3)) == []
    assert [entry.index for entry in observer.step(feed(2, 7))] == [8, 9]


def test_a_gap_is_noticed_and_nothing_applied_over_it() -> None:
    """Entries that do not follow on wait until what is between has come."""
    observer = Observer(4)
    assert observer.step(feed(6, 2)) == []
    assert observer.has_gap
    assert [entry.index for entry in observer.step(feed(4, 4))] == [5, 6, 7, 8]
    assert not observer.has_gap


def test_an_empty_feed_tells_how_far_the_server_is() -> None:
    """A feed without entries beyond the applied index shows a gap too."""
    observer = Observer(4)
    assert observer.step(feed(9, 0)) == []
    assert observer.has_gap


def test_a_snapshot_counts_only_if_it_brings_something_new() -> None:
    """An old snapshot must not take the state back."""
    observer = Observer(4)
    assert not observer.restore(Snapshot(4, 1, members("a"), "old"))
    assert observer.restore(Snapshot(9, 1, members("a"), "new"))
    assert observer.applied_index == 9
    assert [entry.index for entry in observer.step(feed(8, 2))] == [10]


def test_a_feed_out_of_order_within_is_refused() -> None:
    """Entries that do not follow one another are a defect of the sender and change nothing."""
    observer = Observer(4)
    wrong = Feed(1, "a", 4, [command(5), command(7)], members("a"))
    with pytest.raises(RemoteProtocolError, match="stands where"):
        observer.step(wrong)
    assert (observer.applied_index, observer.seen_index) == (4, 4)


@pytest.mark.parametrize("seed", range(20))
def test_every_entry_is_applied_once_in_order_through_a_bad_channel(seed: int) -> None:
    """Lost, repeated and reordered feeds leave gaps only, which asking again fills."""
    chance = random.Random(seed)
    observer = Observer()
    applied: list[int] = []
    feeds = [feed(start, chance.randint(0, 5)) for start in range(40) for _ in range(2)]
    chance.shuffle(feeds)
    for one in feeds:
        if chance.random() < 0.7:
            applied += [entry.index for entry in observer.step(one)]
    while observer.has_gap:
        applied += [entry.index for entry in observer.step(feed(observer.applied_index, 3))]
    assert applied == list(range(1, observer.applied_index + 1))
