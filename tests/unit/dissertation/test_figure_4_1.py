"""Figure 4.1: AddServer and RemoveServer.

Here they are calls on the leader: `add_server` makes a non-voting member, which
the leader promotes by a second change once it has caught up; `remove_server` is
one change. What the figure waits for is refused instead, to be asked for again.
"""

import pytest

from tests.unit.core.servers import (
    HEARTBEAT_MS,
    TIMEOUT_MS,
    Cluster,
    Server,
    acknowledge,
    established,
    members,
    only,
)
from webraft_web.core.entry import EntryKind
from webraft_web.core.errors import LocalProtocolError, NotLeaderError
from webraft_web.core.message import AppendEntries, AppendEntriesResponse, Heartbeat, HeartbeatResponse

# AddServer RPC


def test_add_server_1() -> None:
    """Who does not lead refuses, and hints at the leader (Fig. 4.1, AddServer 1, §6.2)."""
    server = Server("a")
    server.step(Heartbeat("b", "a", 1, 0))
    with pytest.raises(NotLeaderError) as refused:
        server.raft.add_server("d")
    assert refused.value.leader_hint == "b"
    assert server.raft.log.last_index == 1


def test_add_server_2_catches_up() -> None:
    """The new server is first brought up to date, round after round (Fig. 4.1, AddServer 2, §4.2.1).

    As long as entries that are committed are missing it stays without a vote.
    """
    server = established(max_message_size=1)
    server.raft.add_server("d")
    acknowledge(server, "b")
    for round_end in (3, 5, 6):
        server.raft.propose(["more"])
        acknowledge(server, "b")
        server.step(AppendEntriesResponse("d", "a", 2, True, min(round_end, server.raft.commit_index - 1)))
        assert server.raft.configuration == members("abc", "d")
    acknowledge(server, "d")
    assert server.raft.configuration == members("abcd")


def test_add_server_2_gives_up() -> None:
    """A new server that makes no progress is not added (Fig. 4.1, AddServer 2, §4.2.1).

    There is no TIMEOUT: it stays a member without a vote, which keeps nobody from committing.
    """
    cluster = Cluster("ab", fresh="c")
    leader = cluster.elect("a")
    cluster.is_lost = lambda message: "c" in {message.sender, message.receiver}
    leader.raft.add_server("c")
    cluster.pass_time(20 * TIMEOUT_MS)
    leader.raft.propose(["x"])
    cluster.settle()
    assert leader.commands == ["x"]
    assert leader.raft.configuration == members("ab", "c")


def test_add_server_3() -> None:
    """A change waits until the configuration before it is committed (Fig. 4.1, AddServer 3, §4.1)."""
    server = established(tends_membership=False)
    server.raft.add_server("d")
    server.settle()
    with pytest.raises(LocalProtocolError, match="under way"):
        server.raft.add_server("e")
    assert server.raft.log.last_index == 3
    acknowledge(server, "b")
    assert server.raft.add_server("e") == 4


def test_add_server_3_holds_for_a_promotion() -> None:
    """The new server's vote, too, waits until its membership is committed (Fig. 4.1, AddServer 3, §4.1)."""
    server = established()
    server.raft.add_server("d")
    acknowledge(server, "d")
    assert server.raft.configuration == members("abc", "d")
    acknowledge(server, "b")
    assert server.raft.configuration == members("abcd")


def test_add_server_4_appends_the_new_configuration() -> None:
    """The old configuration plus the new server, in force when appended (Fig. 4.1, AddServer 4, §4.1)."""
    server = established(tends_membership=False)
    index = server.leadership.change_configuration(members("abcd"))
    assert (server.raft.configuration, server.raft.commit_index) == (members("abcd"), index - 1)
    sent = only(server.settle(), AppendEntries, "d")
    assert sent
    entry = server.stored.entries[-1]
    assert (entry.index, entry.kind, entry.configuration) == (
        index,
        EntryKind.CONFIGURATION,
        members("abcd"),
    )


def test_add_server_4_commits_it_by_the_new_majority() -> None:
    """It takes a majority of the new configuration, three of four (Fig. 4.1, AddServer 4, §4.1)."""
    server = established(tends_membership=False)
    index = server.leadership.change_configuration(members("abcd"))
    acknowledge(server, "b")
    assert server.raft.commit_index < index
    acknowledge(server, "d")
    assert server.raft.commit_index == index


def test_add_server_5() -> None:
    """The answer is OK once it is committed: the index returned is then (Fig. 4.1, AddServer 5)."""
    cluster = Cluster("ab", fresh="c")
    leader = cluster.elect("a")
    index = leader.raft.add_server("c")
    assert leader.raft.commit_index < index
    cluster.settle()
    assert leader.raft.commit_index >= index
    assert {one.raft.configuration for one in cluster.servers.values()} == {members("abc")}


# RemoveServer RPC


def test_remove_server_1() -> None:
    """Who does not lead refuses, and hints at the leader (Fig. 4.1, RemoveServer 1, §6.2)."""
    server = Server("a")
    server.step(Heartbeat("b", "a", 1, 0))
    with pytest.raises(NotLeaderError) as refused:
        server.raft.remove_server("c")
    assert refused.value.leader_hint == "b"
    assert server.raft.configuration == members("abc")


def test_remove_server_2() -> None:
    """A removal waits until the configuration before it is committed (Fig. 4.1, RemoveServer 2, §4.1)."""
    server = established("abcd")
    server.raft.remove_server("d")
    server.settle()
    with pytest.raises(LocalProtocolError, match="under way"):
        server.raft.remove_server("c")
    acknowledge(server, "b")
    server.raft.remove_server("c")
    assert server.raft.configuration == members("ab")


def test_remove_server_3() -> None:
    """The old configuration less the server, in force when appended (Fig. 4.1, RemoveServer 3, §4.1).

    A majority of the new one commits it: the removed server does not count, and is not needed.
    """
    server = established("abc")
    index = server.raft.remove_server("c")
    assert server.raft.configuration == members("ab")
    acknowledge(server, "c")
    assert server.raft.commit_index < index
    acknowledge(server, "b")
    assert server.raft.commit_index == index
    server = established("abcd")
    index = server.raft.remove_server("d")
    acknowledge(server, "b")
    assert server.raft.commit_index == index


def test_remove_server_4() -> None:
    """A leader that removed itself steps down, after that is committed (Fig. 4.1, RemoveServer 4, §4.2.2).

    Until then it replicates without counting itself.
    """
    server = established()
    index = server.raft.remove_server("a")
    server.settle()
    server.pass_time(HEARTBEAT_MS)
    server.step(HeartbeatResponse("b", "a", 2), HeartbeatResponse("c", "a", 2))
    acknowledge(server, "b")
    assert server.raft.is_leader
    assert server.raft.commit_index < index
    acknowledge(server, "c")
    assert server.raft.commit_index == index
    assert not server.raft.is_leader
