"""Snapshots as the leader sends them: in chunks, resumed, never to who does not answer (chapter 5)."""

from tests.unit.core.servers import Server, acknowledge, command, established, only
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    HeartbeatResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
    Message,
)
from webraft_web.core.progress import ProgressState


def compacted(data: str | None, **options: object) -> Server:
    """A leader that has compacted up to index 4, and has an entry after it; "c" has nothing of it."""
    server = established(**options)
    server.raft.propose(["x", "y"])
    server.settle()
    acknowledge(server, "b")
    server.compact(4, data)
    server.raft.propose(["z"])
    server.settle()
    acknowledge(server, "b")
    return server


def refuse_from_c(server: Server) -> list[Message]:
    """ "c" answers that it has lost all after its first entry."""
    server.raft.report_unreachable("c")
    server.peer("c").match_index = 0
    server.peer("c").become_probe()
    server.peer("c").next_index = 3
    return server.step(AppendEntriesResponse("c", "a", 2, False, 2, 1, 1))


def test_who_lacks_compacted_entries_gets_the_snapshot() -> None:
    """Entries that are gone cannot be sent; the state in their place can (chapter 5)."""
    server = compacted("state")
    sent = refuse_from_c(server)
    configuration = server.raft.configuration
    assert sent == [InstallSnapshot("a", "c", 2, 4, 2, configuration, 3, 0, "state", True)]
    assert server.peer("c").state is ProgressState.SNAPSHOT
    sent = server.step(AppendEntriesResponse("c", "a", 2, True, 4))
    assert sent == [AppendEntries("a", "c", 2, 4, 2, [command(5, 2, "z")], 5)]
    assert server.peer("c").state is ProgressState.REPLICATE


def test_no_snapshot_goes_to_who_does_not_answer() -> None:
    """It is large, and would be lost."""
    server = compacted("state")
    peer = server.peer("c")
    peer.match_index = 0
    peer.become_probe()
    peer.is_recently_active = False
    server.raft.propose(["x"])
    assert only(server.settle(), InstallSnapshot) == []
    assert only(server.step(HeartbeatResponse("c", "a", 2)), InstallSnapshot)


def test_a_large_snapshot_goes_in_chunks() -> None:
    """Each is asked for by the answer to the one before (Fig. 5.3)."""
    server = compacted("0123456789", max_message_size=4)
    sent = only(refuse_from_c(server), InstallSnapshot)
    for offset in (4, 8):
        sent += only(server.step(InstallSnapshotResponse("c", "a", 2, 4, offset)), InstallSnapshot)
    assert [(one.offset, one.data, one.done) for one in sent] == [
        (0, "0123", False),
        (4, "4567", False),
        (8, "89", True),
    ]


def test_a_lost_chunk_is_sent_again_after_two_heartbeats() -> None:
    """The follower lives but asks for nothing: the chunk or its answer is lost."""
    server = compacted("0123456789", max_message_size=4)
    refuse_from_c(server)
    server.step(InstallSnapshotResponse("c", "a", 2, 4, 4))
    assert server.step(HeartbeatResponse("c", "a", 2)) == []
    again = only(server.step(HeartbeatResponse("c", "a", 2)), InstallSnapshot)
    assert [one.offset for one in again] == [4]


def test_a_repeated_request_for_a_chunk_does_not_send_it_twice() -> None:
    """Every duplicate would otherwise double all chunks that follow."""
    server = compacted("0123456789", max_message_size=4)
    refuse_from_c(server)
    request = InstallSnapshotResponse("c", "a", 2, 4, 4)
    assert len(server.step(request, request)) == 1
    assert server.step(request) == [], "nor once the first answer has left"


def test_one_chunk_at_a_time_waits_for_a_follower() -> None:
    """Requests that come faster than batches leave replace what they asked for before."""
    server = compacted("0123456789", max_message_size=4)
    refuse_from_c(server)
    sent = server.step(InstallSnapshotResponse("c", "a", 2, 4, 4), InstallSnapshotResponse("c", "a", 2, 4, 8))
    assert [one.offset for one in only(sent, InstallSnapshot)] == [8]


def test_an_acknowledgement_of_too_little_does_not_end_a_snapshot() -> None:
    """What follows it is compacted, so that the snapshot is still needed."""
    server = compacted("0123456789", max_message_size=4)
    refuse_from_c(server)
    assert server.step(AppendEntriesResponse("c", "a", 2, True, 3)) == []
    assert (server.peer("c").state, server.peer("c").match_index) == (ProgressState.SNAPSHOT, 3)


def test_a_request_for_another_snapshot_is_ignored() -> None:
    """Late answers to an earlier snapshot say nothing of this one, nor do impossible offsets."""
    server = compacted("0123456789", max_message_size=4)
    refuse_from_c(server)
    assert server.step(InstallSnapshotResponse("c", "a", 2, 3, 4)) == []
    assert server.step(InstallSnapshotResponse("c", "a", 2, 4, 10)) == []
    assert server.step(InstallSnapshotResponse("b", "a", 2, 4, 4)) == []


def test_a_snapshot_under_way_survives_further_compaction() -> None:
    """Its chunks must fit together; what was compacted since follows in a second snapshot."""
    server = compacted("0123456789", max_message_size=6)
    refuse_from_c(server)
    server.compact(5, "newer")
    sent = only(server.step(InstallSnapshotResponse("c", "a", 2, 4, 6)), InstallSnapshot)
    assert [(one.last_index, one.data) for one in sent] == [(4, "6789")]
    sent = only(server.step(AppendEntriesResponse("c", "a", 2, True, 4)), InstallSnapshot)
    assert [(one.last_index, one.data) for one in sent] == [(5, "newer")]
    server.step(AppendEntriesResponse("c", "a", 2, True, 5))
    assert server.peer("c").state is ProgressState.REPLICATE


def test_a_snapshot_without_data_is_announced_and_no_chunks_follow() -> None:
    """The application keeps the state, so the lagging server has to refresh."""
    server = compacted(None)
    sent = refuse_from_c(server)
    assert [(one.data, one.done) for one in sent if isinstance(one, InstallSnapshot)] == [(None, True)]
    assert server.step(InstallSnapshotResponse("c", "a", 2, 4, 0)) == []
