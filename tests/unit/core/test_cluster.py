"""Whole clusters in lock step through the usual life; `tests.simulator` has the unusual."""

import pytest

from tests.unit.core.servers import TIMEOUT_MS, Cluster


@pytest.mark.parametrize("voters", ["a", "ab", "abc", "abcde"])
def test_a_cluster_elects_one_leader_and_replicates(voters: str) -> None:
    """The first whose wait is over leads, and everybody applies the same commands."""
    cluster = Cluster(voters)
    cluster.pass_time(3 * TIMEOUT_MS)
    assert cluster.leaders == ["a"]
    cluster["a"].raft.propose(["x", "y"])
    cluster.settle()
    assert {tuple(server.commands) for server in cluster.servers.values()} == {("x", "y")}


def test_a_new_leader_takes_over_where_the_old_one_stopped() -> None:
    """What was committed stays, what was not goes, and the old leader follows."""
    cluster = Cluster()
    old = cluster.elect("a")
    old.raft.propose(["kept"])
    cluster.settle()
    cluster.cut_off = {"a"}
    old.raft.propose(["lost"])
    cluster.settle()
    cluster.pass_time(10 * TIMEOUT_MS)
    assert len(cluster.leaders) == 1 or old.raft.is_leader
    leader = next(cluster[one] for one in "bc" if cluster[one].raft.is_leader)
    leader.raft.propose(["new"])
    cluster.cut_off = set()
    cluster.pass_time(10 * TIMEOUT_MS)
    assert {tuple(server.commands) for server in cluster.servers.values()} == {("kept", "new")}


def test_a_cluster_restarts_from_its_disks() -> None:
    """All servers lose their memory at once, and nothing committed is lost (§3.8)."""
    cluster = Cluster()
    cluster.elect("a").raft.propose(["x", "y"])
    cluster.settle()
    for server in cluster.servers.values():
        server.applied = []
        server.restart()
    cluster.pass_time(5 * TIMEOUT_MS)
    assert {tuple(server.commands) for server in cluster.servers.values()} == {("x", "y")}


def test_a_minority_commits_nothing() -> None:
    """A cut-off leader may append, but its entries wait for a majority."""
    cluster = Cluster("abcde")
    leader = cluster.elect("a")
    cluster.cut_off = {"c", "d", "e"}
    index = leader.raft.propose(["x"])
    cluster.pass_time(TIMEOUT_MS)
    assert leader.raft.commit_index < index
