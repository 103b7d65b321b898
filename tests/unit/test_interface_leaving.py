"""What becomes of a server and its links when it is removed, or when its cluster yields to another."""

import asyncio

import pytest

from tests.unit.in_process import Network, NetworkNode, Server, join_all, leader_of, servers, until
from webraft_web import WebraftError
from webraft_web.testing import run


class CountingNode(NetworkNode):
    """A node that tells whether it was closed, and by how many calls."""

    closed = 0

    def close(self):
        self.closed += 1


class CountingServer(Server):
    def create_instance(self, address):
        return CountingNode(address, self)


@pytest.mark.parametrize("count", [3, 4, 5])
def test_a_leader_may_leave_two_servers_at_once(count):
    """The acknowledgement of one may be needed to remove the other, so it is heard until then."""

    async def main():
        group = servers(Network(), *"abcde"[:count])
        leader = await leader_of(group, voters=count)
        await leader.propose("before")
        for server in [server for server in group if server is not leader][:2]:
            leader.leave(server.address)
        await until(lambda: len(leader.members) == count - 2, 2)
        await leader.propose("after")
        assert leader.is_leader

    run(main())


def test_a_leader_may_leave_all_others_at_once():
    """It goes on alone, and the others have been told: each is fresh, and waits to be added."""

    async def main():
        group = servers(Network(), *"abc")
        leader = await leader_of(group, voters=3)
        others = [server for server in group if server is not leader]
        for server in others:
            leader.leave(server.address)
        await until(lambda: leader.members == {leader.address: "voter"}, 2)
        await until(lambda: [server.cluster_id for server in others] == [None, None], 2)
        await leader.propose("alone")

    run(main())


def test_the_leader_closes_a_members_node_once_the_removal_is_committed():
    """It is gone from `nodes` at once, and closed exactly once, after its last use."""

    async def main():
        network = Network()
        group = servers(network, *"abc", server_class=CountingServer)
        leader = await leader_of(group, voters=3)
        left, kept = [server.address for server in group if server is not leader]
        node = leader.nodes[left]
        leader.leave(left)
        assert list(leader.nodes) == [kept]
        assert node.closed == 0
        await until(lambda: node.closed)
        assert set(leader.members) == {leader.address, kept}
        await asyncio.sleep(1)
        await leader.close()
        assert node.closed == 1

    run(main())


def test_a_leader_that_loses_its_office_closes_what_it_was_leaving():
    """The removal may never be committed; the link was left all the same."""

    async def main():
        network = Network()
        group = servers(network, *"abc", server_class=CountingServer)
        leader = await leader_of(group, voters=3)
        left = next(server.address for server in group if server is not leader)
        node = leader.nodes[left]
        network.isolate(leader.address)
        leader.leave(left)
        await until(lambda: node.closed)
        assert not leader.is_leader
        assert left not in leader.nodes

    run(main())


def test_a_link_that_is_not_a_members_is_closed_at_once():
    """Nothing depends on it, on the leader either."""

    async def main():
        server = CountingServer(Network(), "a")
        await server.propose("x")
        server.join("silent")
        node = server.nodes["silent"]
        server.leave("silent")
        assert node.closed == 1

    run(main())


def test_closing_a_server_closes_the_nodes_that_it_was_leaving():
    """Also those that `nodes` does not show any more."""

    async def main():
        group = servers(Network(), *"abc", server_class=CountingServer)
        leader = await leader_of(group, voters=3)
        nodes = list(leader.nodes.values())
        leader.leave(nodes[0].address)
        await leader.close()
        assert [node.closed for node in nodes] == [1, 1]

    run(main())


def test_whoever_is_joined_again_before_it_is_removed_stays():
    """The same node serves on; the server is a voter as before, or again."""

    async def main():
        group = servers(Network(), *"abc", server_class=CountingServer)
        leader = await leader_of(group, voters=3)
        other = next(server for server in group if server is not leader)
        node = leader.nodes[other.address]
        leader.leave(other.address)
        leader.join(other.address)
        assert leader.nodes[other.address] is node
        await leader_of(group, voters=3)
        await other.propose("x")
        assert node.closed == 0

    run(main())


def test_the_leader_removes_a_member_that_it_has_no_link_to():
    """Who votes is decided in the log, never by a local list."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        heir, other = [server for server in group if server is not leader]
        heir.leave(other.address)
        await leader.transfer_leadership(heir.address)
        heir.leave(other.address)
        await until(lambda: other.address not in heir.members)

    run(main())


@pytest.mark.parametrize(("count", "is_leader"), [(1, True), (2, True), (2, False), (3, True), (3, False)])
def test_yield_to_returns_whoever_asks(count, is_leader):
    """Leader and follower, in clusters of every size: once it has started afresh, not when it is added."""

    async def main():
        network = Network()
        kept, given_up = servers(network, "x"), servers(network, *"abc"[:count])
        await kept[0].propose("kept")
        await (await leader_of(given_up, voters=count)).propose("given up")
        join_all([*kept, *given_up])
        await until(lambda: all(server.errors for server in [*kept, *given_up]))
        asker = next(server for server in given_up if server.is_leader == is_leader)
        former = asker.cluster_id
        async with asyncio.timeout(2):
            await asker.yield_to(kept[0].cluster_id)
        assert asker.cluster_id != former
        leader = await leader_of([*kept, *given_up], voters=count + 1)
        assert leader.cluster_id == kept[0].cluster_id
        await until(lambda: all(server.commands[-1] == "kept" for server in given_up))

    run(main())


def test_a_yield_that_waits_is_not_proposed_in_another_cluster():
    """Whoever asked has no cluster yet, and is added to the very one that it named: that lives on."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        await leader.propose("kept")
        removed = next(server for server in group if server is not leader)
        leader.leave(removed.address)
        await until(lambda: removed.cluster_id is None)
        waiting = asyncio.ensure_future(removed.yield_to(leader.cluster_id))
        await asyncio.sleep(0)
        leader.join(removed.address)
        with pytest.raises(WebraftError):
            await waiting
        await leader_of(group, voters=3)
        await asyncio.sleep(2)
        assert leader.is_leader
        assert leader.commands == ["kept"]

    run(main())
