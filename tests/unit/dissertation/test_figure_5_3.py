"""Figure 5.3: InstallSnapshot.

Here a follower asks for every chunk by its offset, so that a repeated, lost or
reordered one does no harm, and acknowledges the last one like entries.
"""

import pytest

from tests.unit.core.servers import Server, change, command, members, only, stored
from tests.unit.core.test_following import chunk
from tests.unit.core.test_snapshots import compacted, refuse_from_c
from webraft_web.core.entry import HardState, Snapshot
from webraft_web.core.errors import NotLeaderError
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    Heartbeat,
    InstallSnapshot,
    InstallSnapshotResponse,
)
from webraft_web.core.ready import RestoredState
from webraft_web.core.role import Role

# The leader's side


def test_chunks_are_sent_in_order() -> None:
    """A leader sends chunks in order, each at its offset, the last marked done (Fig. 5.3)."""
    server = compacted("0123456789", max_message_size=4)
    sent = only(refuse_from_c(server), InstallSnapshot)
    while not sent[-1].done:
        end = sent[-1].offset + len(sent[-1].data)
        sent += only(server.step(InstallSnapshotResponse("c", "a", 2, 4, end)), InstallSnapshot)
    assert [(one.offset, one.data, one.done) for one in sent] == [
        (0, "0123", False),
        (4, "4567", False),
        (8, "89", True),
    ]


def test_chunks_say_what_they_replace() -> None:
    """lastIndex, lastTerm, lastConfig: the last entry replaced and the configuration there (Fig. 5.3)."""
    server = compacted("state")
    server.raft.add_server("d")
    (message,) = only(refuse_from_c(server), InstallSnapshot)
    assert (message.term, message.last_index, message.last_term) == (2, 4, 2)
    assert message.configuration == members("abc")


def test_chunks_name_the_leader() -> None:
    """leaderId: with it a follower can redirect its clients (Fig. 5.3, arguments)."""
    server = Server("a")
    server.step(chunk(0, "012"))
    with pytest.raises(NotLeaderError) as refused:
        server.raft.propose(["x"])
    assert refused.value.leader_hint == "b"


def test_answers_carry_the_term() -> None:
    """The follower's term comes back, and a leader of an older one steps down (Fig. 5.3, results)."""
    server = compacted("0123456789", max_message_size=4)
    refuse_from_c(server)
    assert Server("a", stored(term=3)).step(chunk(0, "012", term=3))[0].term == 3
    server.step(InstallSnapshotResponse("c", "a", 3, 4, 4))
    assert (server.raft.role, server.raft.current_term) == (Role.FOLLOWER, 3)


# The receiver's rules


def test_receiver_1() -> None:
    """A chunk of an older term's leader changes nothing (Fig. 5.3, receiver 1).

    That leader learns the newer term from the answer to its next heartbeat.
    """
    server = Server("a", stored(term=5))
    assert server.step(chunk(0, "state", done=True)) == []
    assert (server.raft.commit_index, server.stored.snapshot, server.raft.leader_id) == (1, None, None)
    assert server.step(Heartbeat("b", "a", 1, 0)) == [AppendEntriesResponse("a", "b", 5, True, 0)]


def test_receiver_2() -> None:
    """The first chunk, at offset 0, begins a new snapshot (Fig. 5.3, receiver 2)."""
    server = Server("a")
    server.step(chunk(0, "old"))
    server.step(chunk(0, "new", last_index=10), chunk(3, "er", done=True, last_index=10))
    assert server.stored.snapshot is not None
    assert (server.stored.snapshot.last_index, server.stored.snapshot.data) == (10, "newer")


def test_receiver_3() -> None:
    """Data are written at their offset (Fig. 5.3, receiver 3)."""
    server = Server("a")
    server.step(chunk(0, "012"), chunk(6, "678", done=True))
    assert server.stored.snapshot is None
    server.step(chunk(0, "012"), chunk(3, "345"), chunk(3, "345"), chunk(6, "678", done=True))
    assert server.stored.snapshot is not None
    assert server.stored.snapshot.data == "012345678"


def test_receiver_4() -> None:
    """While done is false it answers and waits for more (Fig. 5.3, receiver 4)."""
    server = Server("a", stored(1))
    assert server.step(chunk(0, "012")) == [InstallSnapshotResponse("a", "b", 1, 9, 3)]
    assert server.step(chunk(3, "345")) == [InstallSnapshotResponse("a", "b", 1, 9, 6)]
    assert (server.raft.commit_index, server.raft.log.last_index, server.stored.snapshot) == (1, 2, None)


def test_receiver_5_saves_what_is_newer() -> None:
    """A complete snapshot is saved with its index, term and configuration (Fig. 5.3, receiver 5).

    The acknowledgement leaves with the batch that saves it, not before.
    """
    server = Server("a", stored(1, voters="ab"))
    server.raft.step(chunk(0, "state", done=True))
    ready = server.raft.ready()
    assert ready.must_persist
    assert ready.messages == [AppendEntriesResponse("a", "b", 1, True, 9)]
    server.carry_out(ready)
    snapshot = server.stored.snapshot
    assert snapshot is not None
    assert (snapshot.last_index, snapshot.last_term, snapshot.data) == (9, 1, "state")
    assert snapshot.configuration == members("abc")


def test_receiver_5_discards_what_is_older() -> None:
    """A snapshot no newer than the one held, and every partial one, is dropped (Fig. 5.3, receiver 5)."""
    held = Snapshot(12, 1, members("abc"), "held")
    server = Server("a", RestoredState(HardState(1, None, 12), held, ()))
    assert server.step(chunk(0, "old", done=True)) == [AppendEntriesResponse("a", "b", 1, True, 12)]
    assert server.stored.snapshot is held
    server = Server("a")
    server.step(chunk(0, "012"), chunk(0, "all", done=True, last_index=10))
    assert server.step(chunk(3, "345", done=True)) == [AppendEntriesResponse("a", "b", 1, True, 10)]
    assert server.stored.snapshot is not None
    assert server.stored.snapshot.data == "all"


def test_receiver_6() -> None:
    """An entry with lastIndex and lastTerm keeps what follows it (Fig. 5.3, receiver 6).

    The log up to there stands for the same state, so it is committed instead of discarded.
    """
    server = Server("a", stored(*[1] * 10))
    assert server.step(chunk(0, "state", done=True)) == [AppendEntriesResponse("a", "b", 1, True, 9)]
    assert (server.raft.commit_index, server.raft.log.last_index) == (9, 11)
    assert [entry.index for entry in server.applied] == [*range(1, 10)]
    assert server.stored.entries[-1] == command(11)


@pytest.mark.parametrize("length", [3, 10])
def test_receiver_7(length: int) -> None:
    """Otherwise the entire log goes, however long it is (Fig. 5.3, receiver 7)."""
    server = Server("a", stored(*[2] * length))
    server.step(chunk(0, "state", done=True, term=3))
    assert server.stored.entries == ()
    assert (server.raft.log.first_index, server.raft.log.last_index) == (10, 9)
    answer = server.step(AppendEntries("b", "a", 3, 9, 1, [command(10, 3)], 9))
    assert answer == [AppendEntriesResponse("a", "b", 3, True, 10)]


def test_receiver_8() -> None:
    """State machine and configuration begin anew from the snapshot (Fig. 5.3, receiver 8)."""
    server = Server("a", RestoredState(HardState(1), None, (change(1, "ab"), command(2), change(3, "abcd"))))
    server.raft.step(chunk(0, "state", done=True))
    ready = server.raft.ready()
    assert ready.snapshot is not None
    assert (ready.snapshot.data, ready.committed_entries) == ("state", [])
    assert server.raft.configuration == members("abc")
    server.carry_out(ready)
    server.step(AppendEntries("b", "a", 1, 9, 1, [command(10)], 10))
    assert [entry.index for entry in server.applied] == [10]
