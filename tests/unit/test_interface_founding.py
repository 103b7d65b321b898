"""Cold starts and mergers of RaftInterface servers: who founds, who waits, who yields, and to whom."""

import asyncio

import pytest

from tests.unit.in_process import Network, Server, join_all, leader_of, leaders, servers, until
from webraft_web import BadArgumentError, ClusterConflictError, ConfigError, MemoryStorage, StorageError
from webraft_web.testing import run


@pytest.mark.parametrize("seed", range(4))
def test_symmetrical_joins_end_in_one_cluster_over_a_lossy_network(seed):
    """A third of everything gets lost, all else is delayed and reordered: one cluster, all members."""

    async def main():
        group = servers(Network(seed, delay_ms=(1, 40), loss=0.33), *"abcde")
        await leader_of(group, voters=5)
        assert len({server.cluster_id for server in group}) == 1

    run(main())


@pytest.mark.parametrize("seed", range(4))
def test_servers_that_come_at_any_time_and_join_in_any_order_end_in_one_cluster(seed):
    """Whoever founded alone too early yields, and is added."""

    async def main():
        network = Network(seed)
        group = []

        async def come(address):
            await asyncio.sleep(network.random.uniform(0, 1.5))
            server = Server(network, address)
            group.append(server)
            for other in network.random.sample([a for a in "abcde" if a != address], 4):
                await asyncio.sleep(network.random.uniform(0, 0.3))
                server.join(other)

        await asyncio.gather(*(come(address) for address in "abcde"))
        await leader_of(group, voters=5)
        await asyncio.gather(*(server.propose(server.address) for server in group))
        await until(lambda: all(sorted(server.commands) == list("abcde") for server in group))
        assert not any(server.errors for server in group)

    run(main())


def test_the_smallest_address_leads_into_the_first_term():
    """Fresh servers that hear one another found together, without waiting for a timeout."""

    async def main():
        group = servers(Network(), "m", "z", "c", "k")
        leader = await leader_of(group)
        assert leader.address == "c"
        assert asyncio.get_running_loop().time() < 0.1

    run(main())


def test_silent_addresses_do_not_hold_a_founding_up():
    """Two of five joined addresses exist: they found together after one heartbeat timeout."""

    async def main():
        network = Network()
        group = [Server(network, address) for address in "bd"]
        for server in group:
            for address in "abcde":
                if address != server.address:
                    server.join(address)
        leader = await leader_of(group)
        assert list(leader.members) == ["b", "d"]
        assert asyncio.get_running_loop().time() < 0.4

    run(main())


def test_a_server_alone_founds_alone():
    """One that hears nobody within its heartbeat timeout leads a cluster of one, and serves."""

    async def main():
        server = Server(Network(), "a")
        assert (await server.propose("x")).index
        assert server.is_leader
        assert server.commands == ["x"]
        assert asyncio.get_running_loop().time() < 0.4

    run(main())


def test_fixed_members_wait_for_each_other():
    """No cluster before the last one is there; then all of them at once, linked by themselves."""

    async def main():
        network = Network()
        group = [Server(network, address, members=list("abc")) for address in "ab"]
        await asyncio.sleep(5)
        assert [server.cluster_id for server in group] == [None, None]
        assert not leaders(group)
        group.append(Server(network, "c", members=list("abc")))
        leader = await leader_of(group, voters=3)
        assert leader.address == "a"
        assert sorted(leader.nodes) == ["b", "c"]

    run(main())


def test_lists_of_members_that_contradict_each_other_are_told():
    """They never found a cluster: each server says once which lists it knows of."""

    async def main():
        network = Network()
        group = [
            Server(network, "a", members=list("abc")),
            Server(network, "b", members=list("ab")),
            Server(network, "c", members=list("abc")),
        ]
        await asyncio.sleep(10)
        assert not leaders(group)
        for server in group[:2]:
            (error,) = server.errors
            assert isinstance(error, ConfigError)
            assert "['a', 'b', 'c']" in str(error)
            assert "['a', 'b']" in str(error)

    run(main())


def test_a_single_fixed_member_founds_at_once():
    """There is nobody to wait for."""

    async def main():
        server = Server(Network(), "a", members=["a"])
        await server.propose(1)
        assert asyncio.get_running_loop().time() < 0.1

    run(main())


@pytest.mark.parametrize("seed", range(3))
def test_fixed_members_found_over_a_lossy_network(seed):
    """Offers, answers and announcements are repeated until they arrive."""

    async def main():
        network = Network(seed, loss=0.4, delay_ms=(1, 30))
        group = [Server(network, address, members=list("abcde")) for address in "edcba"]
        await leader_of(group, voters=5)

    run(main())


def test_a_member_that_lost_its_state_before_the_founding_takes_part_as_it_is_now():
    """It had accepted and then came back as another server: the first configuration names the new one."""

    async def main():
        network = Network()
        group = [Server(network, address, members=list("abc")) for address in "ab"]
        await asyncio.sleep(0.5)
        group[1].crash()
        group = [
            group[0],
            Server(network, "b", members=list("abc")),
            Server(network, "c", members=list("abc")),
        ]
        await leader_of(group, voters=3)
        assert not any(server.errors for server in group)

    run(main())


def test_a_server_that_comes_later_is_added_and_promoted():
    """It hears a cluster, so it does not found; it gets all entries and then votes."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group)
        for i in range(30):
            await leader.propose(i)
        late = Server(network, "d")
        seen = []
        late.listen("leader", lambda: seen.append("leader"))
        join_all([*group, late])
        await leader_of([*group, late], voters=4)
        await until(lambda: late.commands == list(range(30)))
        assert not seen
        await late.propose("mine")

    run(main())


def test_a_link_from_a_follower_alone_does_not_add_a_server():
    """Who votes is decided by the leader; once that is linked, the newcomer is added."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        follower = next(server for server in group if server is not leader)
        late = Server(network, "d")
        late.join(follower.address)
        follower.join("d")
        await asyncio.sleep(2)
        assert len(leader.members) == 3
        assert late.cluster_id is None
        late.join(leader.address)
        leader.join("d")
        await until(lambda: leader.members.get("d") == "voter")
        await until(lambda: late.cluster_id == leader.cluster_id)

    run(main())


def test_leave_on_the_leader_removes_and_join_brings_back():
    """The removed server starts afresh under a new id, waits, and is not offered old entries again."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        removed = next(server for server in group if server is not leader)
        await asyncio.gather(*(leader.propose(i) for i in range(5)))
        await until(lambda: removed.commands == list(range(5)))
        leader.leave(removed.address)
        await until(lambda: removed.address not in leader.members)
        await until(lambda: removed.cluster_id is None)
        await asyncio.sleep(2)
        assert not removed.is_leader
        assert removed.cluster_id is None
        leader.join(removed.address)
        await until(lambda: leader.members.get(removed.address) == "voter")
        await leader.propose(5)
        await until(lambda: removed.commands == list(range(6)))

    run(main())


def test_leave_on_a_follower_closes_its_link_only():
    """Membership is in the log; a majority is not made smaller by a local list."""

    async def main():
        group = servers(Network(), *"abc")
        leader = await leader_of(group, voters=3)
        follower = next(server for server in group if server is not leader)
        for address in list(follower.nodes):
            follower.leave(address)
        await asyncio.sleep(3)
        assert not follower.is_leader
        assert len(leader.members) == 3

    run(main())


def test_the_leader_of_two_can_remove_the_other_that_died():
    """A configuration counts when it is appended (§4.1), so one of two suffices to shrink to one."""

    async def main():
        network = Network()
        group = servers(network, *"ab")
        leader = await leader_of(group, voters=2)
        dead = next(server for server in group if server is not leader)
        dead.crash()
        leader.leave(dead.address)
        await until(lambda: leader.members == {leader.address: "voter"})
        await leader.propose("alone")

    run(main())


def test_an_address_that_comes_back_without_its_state_is_a_new_server():
    """The others say so, the leader replaces it, and it gets everything again."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        await asyncio.gather(*(leader.propose(i) for i in range(5)))
        lost = next(server for server in group if server is not leader)
        returned = lost.restart(has_storage=False)
        group = [returned if server is lost else server for server in group]
        await until(lambda: returned.commands == list(range(5)))
        await leader_of(group, voters=3)
        for server in group:
            if server is not returned:
                (error,) = server.errors
                assert isinstance(error, StorageError)
                assert "came back without its state" in str(error)
        assert leader.is_leader

    run(main())


def test_a_leader_that_lost_its_state_does_not_take_the_others_with_it():
    """It comes back empty, under the same address: nothing acknowledged is lost."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        await asyncio.gather(*(leader.propose(i) for i in range(5)))
        returned = leader.restart(has_storage=False)
        group = [returned if server is leader else server for server in group]
        await leader_of(group, voters=3)
        assert all(server.commands == list(range(5)) for server in group)

    run(main())


def test_two_empty_clusters_become_one():
    """The larger id yields: its servers start afresh and are added to the other."""

    async def main():
        network = Network()
        group = [*servers(network, *"ab"), *servers(network, *"cd")]
        first, second = await leader_of(group[:2]), await leader_of(group[2:])
        ids = {first.cluster_id, second.cluster_id}
        assert len(ids) == 2
        join_all(group)
        leader = await leader_of(group, voters=4)
        assert leader.cluster_id == min(ids)
        await asyncio.gather(*(server.propose(server.address) for server in group))
        assert not any(server.errors for server in group)

    run(main())


@pytest.mark.parametrize("seed", range(4))
def test_a_cluster_without_data_yields_to_one_with_data(seed):
    """Whatever the ids are; proposals made meanwhile wait and end up in the surviving cluster."""

    async def main():
        network = Network(seed)
        empty, full = servers(network, *"ab"), servers(network, *"cd")
        await leader_of(empty)
        keeper = await leader_of(full)
        await keeper.propose("data")
        network.isolate()
        join_all([*empty, *full])
        leader = await leader_of([*empty, *full], voters=4)
        assert leader.cluster_id == keeper.cluster_id
        await empty[0].propose("more")
        await until(lambda: all(server.commands == ["data", "more"] for server in [*empty, *full]))

    run(main())


def test_two_clusters_with_data_conflict_until_the_application_chooses():
    """Neither changes; both say so; `yield_to` gives one up, and its servers are added to the other."""

    async def main():
        network = Network()
        left, right = servers(network, *"ab"), servers(network, *"cd")
        await (await leader_of(left)).propose("left")
        await (await leader_of(right)).propose("right")
        join_all([*left, *right])
        await until(lambda: all(server.errors for server in [*left, *right]))
        await asyncio.sleep(5)
        for server in [*left, *right]:
            assert [type(error) for error in server.errors] == [ClusterConflictError]
        assert {server.cluster_id for server in left}.isdisjoint(server.cluster_id for server in right)
        kept = right[0].cluster_id
        assert f"yield_to({kept!r})" in str(left[0].errors[0])
        assert left[0].errors[0].cluster_id == kept
        await left[1].yield_to(kept)
        leader = await leader_of([*left, *right], voters=4)
        assert leader.cluster_id == kept
        await until(lambda: all(server.commands[-1] == "right" for server in left))

    run(main())


def test_only_a_cluster_that_was_heard_can_be_yielded_to():
    """A mistyped id would throw the data away for nothing."""

    async def main():
        server = Server(Network(), "a")
        await server.propose(1)
        with pytest.raises(BadArgumentError, match="cannot yield"):
            await server.yield_to("elsewhere")

    run(main())


def test_a_follower_that_missed_the_yield_learns_of_it_when_it_is_back():
    """Its old cluster is gone; the others tell it, so that it does not wait for ever."""

    async def main():
        network = Network()
        old, new = servers(network, *"abc"), servers(network, "x")
        leader = await leader_of(old, voters=3)
        away = next(server for server in old if server is not leader)
        await new[0].propose("data")
        network.isolate(away.address)
        join_all([*old, *new])
        rest = [server for server in [*old, *new] if server is not away]
        await leader_of(rest, voters=3)
        assert leader.cluster_id == new[0].cluster_id
        network.heal()
        await leader_of([*old, *new], voters=4)
        await until(lambda: away.commands == ["data"])

    run(main())


def test_a_founder_that_dies_does_not_keep_the_others_waiting_for_ever():
    """Whoever accepted its founding becomes a new server and founds anew."""

    async def main():
        network = Network(delay_ms=(5, 5))
        group = servers(network, *"abc")
        await until(lambda: group[1].cluster_id is not None)
        group[0].crash()
        await leader_of(group[1:])
        await group[1].propose("without a")

    run(main())


def test_synchronous_delivery_is_safe():
    """Servers of one process may call each other's `got_data` within `write`."""

    async def main():
        group = servers(Network(is_synchronous=True), *"abc")
        await leader_of(group, voters=3)
        await asyncio.gather(*(server.propose(i) for i in range(50) for server in group))
        await until(lambda: all(len(server.applied) == 150 for server in group))
        assert all(server.applied == group[0].applied for server in group)

    run(main())


def test_a_storage_belongs_to_one_address():
    """Handed to a server at another address, it is refused: two would vote under one id."""

    async def main():
        storage = MemoryStorage()
        first = Server(Network(), "a", storage=storage)
        await first.propose(1)
        await first.close()
        other = Server(Network(), "b", storage=storage)
        await until(lambda: other.errors)
        assert "'a'" in str(other.errors[0])
        errors = []
        for _ in range(2):
            with pytest.raises(ValueError, match="storage") as caught:
                await other.propose(2)
            errors.append(caught.value)
        assert errors[0] is not errors[1]

    run(main())
