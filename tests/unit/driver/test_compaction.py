"""When the driver cuts the log, and how those who are behind then catch up."""

from tests.unit.cluster import Cluster, run, settle, stored
from webraft_web.core.entry import Committed, Snapshot

SIZES = [1, 2, 3, 5]


def test_the_log_is_compacted_by_count() -> None:
    """Once enough entries are applied a snapshot takes their place, also in the storage."""

    async def main() -> None:
        cluster = Cluster(1, compact_after_entries=10)
        server = cluster.servers[0]
        await cluster.leader()
        server.machine.compact_limit = 10**9
        for number in range(25):
            await server.propose(str(number))
        state = stored(server)
        assert state.snapshot is not None
        assert state.snapshot.data == f"state at {state.snapshot.last_index}"
        assert len(state.entries) <= 11
        assert state.entries[0].index == state.snapshot.last_index + 1

    run(main())


def test_the_log_is_compacted_by_size() -> None:
    """A few large commands count as much as many small ones."""

    async def main() -> None:
        cluster = Cluster(1, compact_after_size=5000)
        server = cluster.servers[0]
        await cluster.leader()
        server.machine.compact_limit = 10**9
        for _ in range(4):
            await server.propose("x" * 2000)
        await settle()
        assert stored(server).snapshot is not None

    run(main())


def test_nothing_is_compacted_beyond_what_the_machine_allows() -> None:
    """Rule of bare handlers: their log is kept for members that lag."""

    async def main() -> None:
        cluster = Cluster(1, compact_after_entries=10)
        server = cluster.servers[0]
        await cluster.leader()
        server.machine.is_bare = True
        for number in range(30):
            await server.propose(str(number))
        assert stored(server).snapshot is None
        server.machine.compact_limit = 20
        await server.propose("one more")
        await settle()
        snapshot = stored(server).snapshot
        assert snapshot is not None
        assert (snapshot.last_index, snapshot.data) == (20, None)

    run(main())


def test_a_snapshot_is_taken_only_when_it_pays() -> None:
    """Not for the few entries that a bare machine releases, nor for less than the last snapshot's size."""

    async def main() -> None:
        cluster = Cluster(1, compact_after_entries=10)
        server = cluster.servers[0]
        await cluster.leader()
        server.machine.is_bare = True
        for number in range(100):
            server.machine.compact_limit = number // 5
            await server.propose(str(number))
        assert stored(server).snapshot is None
        large = Cluster(1, compact_after_size=100)
        server = large.servers[0]
        await large.leader()
        server.machine.compact_limit = 10**9
        server.machine.snapshot_padding = 10_000
        for _ in range(50):
            await server.propose("x" * 100)
        assert server.machine.snapshots_taken == 1

    run(main())


def test_a_long_log_of_trifles_is_kept_beside_a_large_snapshot() -> None:
    """Writing the whole state again would cost more than reading so little."""

    async def main() -> None:
        cluster = Cluster(1, compact_after_entries=10)
        server = cluster.servers[0]
        await cluster.leader()
        server.machine.compact_limit = 10**9
        server.machine.snapshot_padding = 10_000
        for _ in range(50):
            await server.propose("x")
        assert server.machine.snapshots_taken == 1
        for _ in range(50):
            await server.propose("x" * 100)
        assert server.machine.snapshots_taken > 1

    run(main())


def test_a_state_newer_than_what_may_be_forgotten_is_no_snapshot() -> None:
    """The state's text is that after the last applied entry, and may not pass for an older one's."""

    async def main() -> None:
        cluster = Cluster(1, compact_after_entries=10)
        server = cluster.servers[0]
        await cluster.leader()
        server.machine.compact_limit = 18
        for number in range(20):
            await server.propose(str(number))
        snapshot = stored(server).snapshot
        assert snapshot is not None
        assert snapshot.data == f"state at {snapshot.last_index}"
        assert snapshot.last_index <= 18

    run(main())


def test_a_server_far_behind_gets_a_snapshot() -> None:
    """What the leader has compacted arrives as state, then the entries after it."""

    async def main() -> None:
        cluster = Cluster(3, compact_after_entries=10)
        leader = await cluster.leader()
        follower = (await cluster.followers())[0]
        for server in cluster.servers:
            server.machine.compact_limit = 10**9
        await settle()
        cluster.network.cut_off = {follower.server_id}
        for number in range(30):
            await leader.propose(str(number))
        cluster.network.cut_off = set()
        await cluster.leader()
        outcome = await follower.propose("last")
        assert isinstance(outcome, Committed)
        assert isinstance(follower.machine.restored[0], Snapshot)
        assert follower.machine.entries[-1].data == "last"
        assert stored(follower).snapshot.last_index >= follower.machine.restored[0].last_index

    run(main())


def test_without_snapshots_a_server_far_behind_refreshes() -> None:
    """Bare handlers fetch the state themselves; it is adopted once the leader confirms it."""

    async def main() -> None:
        cluster = Cluster(3, compact_after_entries=10)
        leader = await cluster.leader()
        follower = (await cluster.followers())[0]
        for server in cluster.servers:
            server.machine.is_bare = True
            server.machine.compact_limit = 10**9
        await settle()
        cluster.network.cut_off = {follower.server_id}
        for number in range(30):
            await leader.propose(str(number))
        cluster.network.cut_off = set()
        await settle(3)
        request = follower.machine.refreshes[0]
        assert request.last_index > follower.raft.last_applied
        follower.driver.refreshed(request.last_term, request.last_index)
        await settle(1)
        assert [snapshot.data for snapshot in follower.machine.restored] == [None]
        assert follower.raft.last_applied == leader.raft.last_applied

    run(main())
