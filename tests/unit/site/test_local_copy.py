"""The copy that a tab keeps when it becomes the runner: it may be ahead of its own server."""

from webraft_web.core.entry import Configuration, Entry, EntryKind, Snapshot
from webraft_web.document import Client, genesis_command
from webraft_web.site.local_copy import LocalCopy
from webraft_web.site.machine import RoomMachine
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser


def make_copy():
    """Return a copy that no connection feeds: the replica is never asked for anything here."""
    tab = Browser().open_tab()
    return LocalCopy(Client(None, tab.clock, tab.random_id()), lambda: None)


def entries(first, last):
    return [
        Entry(1, index, EntryKind.HOUSEKEEPING, genesis_command({"n": index}))
        for index in range(first, last + 1)
    ]


def test_a_restarted_server_does_not_compact_while_its_tabs_copy_is_ahead():
    """A snapshot taken then would claim to be older than it is, and entries would be applied to it twice."""

    async def scenario():
        copy = make_copy()
        copy.apply(entries(1, 9))
        machine = RoomMachine(copy, lambda error: None)
        applied = []
        machine.apply(entries(1, 5), applied.append)
        assert applied == [5]
        assert machine.may_compact_to() == 0
        machine.apply(entries(6, 9), applied.append)
        assert machine.may_compact_to() == 9
        machine.apply(entries(10, 11), applied.append)
        assert applied == [5, 9, 11]
        assert copy.applied_index == machine.may_compact_to() == 11

    run(scenario())


def test_a_copy_of_another_cluster_begins_anew():
    """An index means something within one cluster only."""

    async def scenario():
        copy = make_copy()
        copy.belong_to("one")
        copy.apply(entries(1, 9))
        copy.belong_to("one")
        assert copy.applied_index == 9
        copy.belong_to("two")
        assert copy.applied_index == 0
        copy.apply(entries(1, 1))
        assert copy.client.document == {"n": 1}

    run(scenario())


def test_a_snapshot_that_cannot_be_read_is_the_stores_fault():
    """A damaged store ends the tenure with an error, not with an exception out of the driver."""

    async def scenario():
        errors, applied = [], []
        machine = RoomMachine(make_copy(), errors.append)
        machine.restore(Snapshot(9, 1, Configuration(("i@a",)), "nonsense"), applied.append)
        assert not applied
        assert "cannot be read" in str(errors[0])

    run(scenario())
