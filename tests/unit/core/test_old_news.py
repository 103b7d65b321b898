"""What comes too late, twice, or before its time: none of it may count for what it is not."""

import pytest

from tests.core_objects import interpreted_only
from tests.unit.core.servers import Server, acknowledge, change, command, established, members, stored
from webraft_web.core.entry import HardState, Snapshot
from webraft_web.core.errors import BadArgumentError, RemoteProtocolError
from webraft_web.core.log import RaftLog
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    HeartbeatResponse,
    InstallSnapshot,
    Message,
)
from webraft_web.core.ready import RestoredState, may_go_early


def test_what_replaces_durable_entries_is_not_durable_yet() -> None:
    """The new entries have to be written like any others (§3.8)."""
    log = RaftLog(None, [change(1, "abc"), command(2), command(3)])
    assert log.persisted_index == 3
    log.merge([command(2, 2), command(3, 2)])
    assert log.persisted_index == 1
    assert log.take_unwritten() == [command(2, 2), command(3, 2)]
    log.written(3, 2)
    assert log.persisted_index == 3


def test_a_write_makes_durable_what_was_handed_to_it() -> None:
    """Not what came while it was under way (§3.8)."""
    server = established()
    server.raft.propose(["x"])
    ready = server.raft.ready()
    server.raft.propose(["y"])
    server.carry_out(ready)
    assert (server.raft.log.persisted_index, server.raft.log.last_index) == (3, 4)
    server.raft.step(AppendEntriesResponse("b", "a", 2, True, 4))
    assert server.raft.commit_index == 3
    server.settle()
    assert server.raft.commit_index == 4


@interpreted_only
def test_only_entries_and_snapshots_outrun_the_disk() -> None:
    """No other kind of message, of those there are and those to come (§10.2.1)."""
    kinds = Message.__subclasses__()
    early = {kind for kind in kinds if may_go_early(kind.__new__(kind))}
    assert early == {AppendEntries, InstallSnapshot}
    assert len(kinds) > 10


def test_a_confirmation_of_a_read_round_that_never_was_is_refused() -> None:
    """It would confirm every round to come (§6.4)."""
    server = established()
    newest = server.leadership.reads.newest
    with pytest.raises(RemoteProtocolError, match="read round"):
        server.raft.step(HeartbeatResponse("b", "a", 2, newest + 1))


def test_an_installed_snapshot_leaves_nothing_of_a_log_that_differs() -> None:
    """Not even what lies beyond it (Fig. 5.3)."""
    log = RaftLog(None, [change(1, "abc"), *[command(index) for index in range(2, 6)]])
    log.install(Snapshot(3, 2, members("abc"), "state"))
    assert (log.last_index, log.last_term) == (3, 2)
    assert log.entries_from(4, 1000) == []


def test_a_snapshot_of_what_is_compacted_here_is_old_news() -> None:
    """The state machine never goes back."""
    snapshot = Snapshot(5, 1, members("abc"), "state at 5")
    server = Server("a", RestoredState(HardState(1, None, 5), snapshot, (command(6),)))
    old = InstallSnapshot("b", "a", 1, 3, 1, members("abc"), 0, 0, "state at 3", True)
    assert server.step(old) == [AppendEntriesResponse("a", "b", 1, True, 5)]
    assert (server.raft.last_applied, server.raft.log.last_index) == (5, 6)


def test_nothing_committed_is_forgotten_before_it_is_applied() -> None:
    """An application that is slow still needs it (chapter 5)."""
    server = Server("a", stored(1, 1, commit_index=3))
    ready = server.raft.ready()
    server.raft.advance()
    assert ready.committed_entries[-1].index == 3
    server.raft.applied_to(2)
    with pytest.raises(BadArgumentError, match="cannot be compacted"):
        server.raft.compact(3, "state at 3")
    assert server.raft.compact(2, "state at 2").last_index == 2


def test_a_change_is_taken_back_to_the_last_committed_configuration() -> None:
    """Not to an older one, which may differ by more than one voter (§4.1)."""
    server = established("ab", mend_after_ms=1000)
    server.raft.add_server("c")
    for one in "bcb":
        acknowledge(server, one)
    server.raft.add_server("d")
    for one in "bcd":
        acknowledge(server, one)
    assert server.raft.configuration == members("abcd")
    committed = server.raft.log.configuration_at(server.raft.commit_index)
    assert committed == members("abc", "d")
    for _ in range(15):
        server.step(HeartbeatResponse("b", "a", 2, 0))
        server.pass_time(100)
    assert server.raft.is_leader
    assert server.raft.configuration == committed


def test_a_delayed_message_cuts_nothing_off() -> None:
    """What lies beyond its entries was acknowledged since (§3.5)."""
    server = Server("a")
    server.step(AppendEntries("b", "a", 1, 1, 1, [command(2), command(3)], 1))
    server.step(AppendEntries("b", "a", 1, 1, 1, [command(2)], 1))
    assert server.raft.log.last_index == 3
