"""RaftInterface as applications see it: electing, proposing, following and closing, over a network."""

import asyncio

import pytest

from tests.unit.in_process import Network, Server, leader_of, leaders, servers, until
from webraft_web import (
    ConfigError,
    LocalProtocolError,
    NotLeaderError,
    OutcomeUnknownError,
    RaftInterface,
)
from webraft_web.testing import run


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_servers_that_join_each_other_elect_exactly_one_leader(count):
    """Clusters of every size found themselves, name one leader and agree on the members."""

    async def main():
        group = servers(Network(), *"abcde"[:count])
        leader = await leader_of(group, voters=count)
        await asyncio.sleep(2)
        assert leaders(group) == [leader]
        assert {server.current_term for server in group} == {leader.current_term}
        assert leader.members == dict.fromkeys("abcde"[:count], "voter")
        assert {server.cluster_id for server in group} == {leader.cluster_id}
        assert not any(server.errors for server in group)

    run(main())


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_proposals_from_every_server_are_applied_everywhere_in_one_order(count):
    """Leader and followers propose alike; `apply` and `updated` come in index order, alike on all."""

    async def main():
        group = servers(Network(), *"abcde"[:count])
        await leader_of(group)
        proposals = [server.propose([server.address, i]) for i in range(20) for server in group]
        committed = await asyncio.gather(*proposals)
        assert len({place.index for place in committed}) == len(proposals)
        await until(lambda: all(len(server.applied) == len(proposals) for server in group))
        for server in group:
            assert server.applied == group[0].applied
            assert server.updates == [index for index, _ in server.applied] == sorted(server.updates)
            for address in "abcde"[:count]:
                assert [i for who, i in server.commands if who == address] == list(range(20))

    run(main())


def test_a_command_is_applied_here_before_propose_returns():
    """Whoever awaited a proposal reads its effect, on a follower too, and at the place that it was told."""

    async def main():
        group = servers(Network(), *"abc")
        await leader_of(group)
        for server in group:
            place = await server.propose("x")
            assert server.applied[-1] == (place.index, "x")
            assert server.updates[-1] == place.index
            assert server.last_applied >= place.index
            assert server.term_of(place.index) == place.term

    run(main())


def test_a_proposal_waits_for_the_first_leader():
    """Commands proposed right after construction are kept until the cluster is there."""

    async def main():
        group = servers(Network(), *"abc")
        await asyncio.gather(*(server.propose(server.address) for server in group))
        await until(lambda: all(sorted(server.commands) == ["a", "b", "c"] for server in group))

    run(main())


def test_a_closed_leader_is_followed_by_another():
    """The others elect a leader, lose nothing and go on; the closed one says nothing any more."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group)
        await leader.propose(1)
        await leader.close()
        assert (leader.state, leader.is_leader, leader.leader_id) == ("follower", False, None)
        others = [server for server in group if server is not leader]
        successor = await leader_of(others)
        await successor.propose(2)
        await until(lambda: all(server.commands == [1, 2] for server in others))
        assert leader.commands == [1]

    run(main())


def test_an_isolated_leader_steps_down_and_returns_as_follower():
    """The majority elects another; after healing there is one leader and one log."""

    async def main():
        network = Network()
        group = servers(network, *"abcde")
        old = await leader_of(group)
        await old.propose("before")
        network.isolate(old.address)
        others = [server for server in group if server is not old]
        new = await leader_of(others)
        await until(lambda: not old.is_leader)
        await new.propose("during")
        network.heal()
        assert await leader_of(group) is new
        await until(lambda: all(server.commands == ["before", "during"] for server in group))

    run(main())


def test_a_proposal_to_a_cut_off_leader_reports_no_success():
    """It cannot be committed there, and whoever asked is told that nobody knows."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group)
        network.isolate(leader.address)
        with pytest.raises((OutcomeUnknownError, NotLeaderError)):
            await leader.propose("lost")
        others = [server for server in group if server is not leader]
        await (await leader_of(others)).propose("kept")
        network.heal()
        await until(lambda: all(server.commands == ["kept"] for server in group))

    run(main())


def test_without_a_majority_a_proposal_is_certainly_not_appended():
    """A follower that hears no leader waits as long as `message_timeout` says, then NotLeaderError."""

    class Impatient(Server):
        message_timeout = property(lambda _: 700)

    async def main():
        network = Network()
        group = servers(network, *"abc", server_class=Impatient)
        leader = await leader_of(group)
        follower = next(server for server in group if server is not leader)
        network.isolate(*"abc")
        await until(lambda: follower.leader_id is None)
        started = asyncio.get_running_loop().time()
        with pytest.raises(NotLeaderError):
            await follower.propose("never")
        assert 0.7 <= asyncio.get_running_loop().time() - started < 0.9
        network.heal()
        await leader_of(group)
        await asyncio.sleep(1)
        assert not any(server.commands for server in group)

    run(main())


def test_a_follower_that_was_away_does_not_depose_the_leader():
    """Pre-Vote (§9.6): it comes back without a higher term, and catches up."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        term = leader.current_term
        away = next(server for server in group if server is not leader)
        network.isolate(away.address)
        await until(lambda: away.state == "candidate")
        await leader.propose("meanwhile")
        await asyncio.sleep(5)
        network.heal()
        await until(lambda: away.commands == ["meanwhile"])
        await asyncio.sleep(1)
        assert leaders(group) == [leader]
        assert leader.current_term == away.current_term == term

    run(main())


def test_a_server_with_its_storage_comes_back_as_itself():
    """All servers crash and restart with their storages: the log is there, with what was acknowledged."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group)
        cluster_id = leader.cluster_id
        for i in range(10):
            await leader.propose(i)
        group = [server.restart() for server in group]
        await leader_of(group, voters=3)
        await until(lambda: all(server.commands == list(range(10)) for server in group))
        assert {server.cluster_id for server in group} == {cluster_id}
        assert not any(server.errors for server in group)

    run(main())


@pytest.mark.parametrize("address", [None, "named"])
def test_leadership_is_handed_over_under_load(address):
    """Nothing that was acknowledged is lost, nobody waits long, and the other leads in a new term."""

    async def main():
        group = servers(Network(), *"abc")
        old = await leader_of(group, voters=3)
        target = next(server for server in group if server is not old) if address else None
        acknowledged = []

        async def client(server):
            for i in range(60):
                await server.propose([server.address, i])
                acknowledged.append([server.address, i])

        clients = [asyncio.ensure_future(client(server)) for server in group]
        await asyncio.sleep(0.1)
        await old.transfer_leadership(target.address if target else None)
        new = await leader_of(group)
        assert new is not old
        assert target in {None, new}
        await asyncio.gather(*clients)
        await until(lambda: all(len(server.applied) >= 180 for server in group))
        assert all(server.applied == group[0].applied for server in group)
        assert sorted(group[0].commands) == sorted(acknowledged)

    run(main())


def test_two_calls_hand_over_once_and_both_return():
    """The second begins while the first is under way; both wait for the same successor."""

    async def main():
        group = servers(Network(), *"abc")
        old = await leader_of(group, voters=3)
        target = next(server for server in group if server is not old)
        await asyncio.gather(*(old.transfer_leadership(target.address) for _ in range(2)))
        assert await leader_of(group) is target

    run(main())


def test_only_a_leader_hands_over_and_only_to_a_voter():
    """Anything else is a clear error."""

    async def main():
        group = servers(Network(), *"abc")
        leader = await leader_of(group)
        follower = next(server for server in group if server is not leader)
        with pytest.raises(NotLeaderError):
            await follower.transfer_leadership()
        with pytest.raises(LocalProtocolError, match="no voter at 'z'"):
            await leader.transfer_leadership("z")

    run(main())


def test_a_transfer_to_a_server_out_of_reach_is_given_up():
    """The old leader leads on, and says that the other did not take over."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        target = next(server for server in group if server is not leader)
        network.isolate(target.address)
        with pytest.raises(OutcomeUnknownError, match="did not take over"):
            await leader.transfer_leadership(target.address)
        assert leader.is_leader
        await leader.propose("still here")

    run(main())


def test_closing_is_idempotent_and_settles_what_is_pending():
    """A pending proposal raises OutcomeUnknownError, later ones LocalProtocolError."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group)
        network.isolate(leader.address)
        pending = asyncio.ensure_future(leader.propose("x"))
        await asyncio.sleep(0.01)
        await leader.close()
        leader.close()
        with pytest.raises(OutcomeUnknownError):
            await pending
        with pytest.raises(LocalProtocolError, match="closed"):
            await leader.propose("y")
        with pytest.raises(LocalProtocolError, match="closed"):
            await leader.yield_to("elsewhere")
        with pytest.raises(LocalProtocolError):
            leader.join("z")
        leader.got_data("b", [])

    run(main())


def test_a_server_is_an_async_context_manager():
    """Leaving the block closes it, and nothing is left to do."""

    async def main():
        async with Server(Network(), "a") as server:
            await server.propose(1)
        with pytest.raises(LocalProtocolError):
            await server.propose(2)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_a_server_may_be_closed_when_its_loop_has_ended():
    """A finaliser does not know whether asyncio still runs."""
    kept = []

    async def main():
        server = Server(Network(), "a")
        server.listen("updated", lambda _: asyncio.sleep(60))
        server.join("b")
        await server.propose(1)
        kept.append(server)

    run(main())
    kept[0].close()
    kept[0].close()
    with pytest.raises(LocalProtocolError):
        kept[0].join("c")


def test_a_server_may_be_closed_while_its_loop_stands_still():
    """Between two runs of the loop, say in a REPL; what is pending is settled in the next."""
    loop = asyncio.new_event_loop()
    pending = []

    async def begin():
        server = Server(Network(), "a", members=list("ab"))
        pending.append(asyncio.ensure_future(server.propose(1)))
        await asyncio.sleep(0)
        return server

    server = loop.run_until_complete(begin())
    server.close()
    with pytest.raises(OutcomeUnknownError):
        loop.run_until_complete(pending[0])
    loop.close()


def test_everyone_who_waits_gets_an_exception_of_their_own():
    """One failure ends many calls; a shared exception would collect all their tracebacks."""

    async def main():
        server = Server(Network(), "a", members=list("ab"))
        waiting = [asyncio.ensure_future(server.propose(i)) for i in range(2)]
        await asyncio.sleep(0.1)
        await server.close()
        one, other = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(one, OutcomeUnknownError)
        assert str(one) == str(other)
        assert one is not other

    run(main())


def test_a_server_needs_a_running_event_loop():
    """Without one the error says what to do."""
    with pytest.raises(LocalProtocolError, match="running event loop"):
        RaftInterface("a")


def test_a_server_without_an_address_gets_one_of_its_own():
    """Two of them never share an address."""

    async def main():
        one, other = RaftInterface(), RaftInterface()
        assert one.address != other.address
        await one.propose("alone")
        await asyncio.gather(one.close(), other.close())

    run(main())


def test_the_state_events_tell_the_way_to_leadership():
    """Each change is told once, in order, together with `state changed`."""

    async def main():
        network = Network()
        group = [Server(network, address) for address in "abc"]
        states = {server.address: [] for server in group}
        for server in group:
            server.listen("state changed", states[server.address].append)
            for other in group:
                if other is not server:
                    server.join(other.address)
        first = await leader_of(group)
        assert first.address == "a"
        assert states == {"a": ["candidate", "leader"], "b": [], "c": []}
        assert first.events == ["start election", "candidate", "leader"]
        network.isolate("a")
        await until(lambda: not first.is_leader)
        second = await leader_of(group[1:])
        assert states[second.address][-2:] == ["candidate", "leader"]
        assert second.events[:3] == ["heartbeat timeout", "start election", "candidate"]
        network.heal()
        await leader_of(group)
        assert states["a"][:3] == ["candidate", "leader", "follower"]

    run(main())


def test_join_and_leave_are_told_at_once():
    """Synchronously, once per call, with the address; the links follow."""

    async def main():
        server = Server(Network(), "a")
        told = []
        server.listen("join", lambda address: told.append(("join", address)))
        server.listen("leave", lambda address: told.append(("leave", address)))
        server.join("b")
        assert list(server.nodes) == ["b"]
        assert server.nodes["b"].address == "b"
        server.join("c")
        server.leave("b")
        assert list(server.nodes) == ["c"]
        assert told == [("join", "b"), ("join", "c"), ("leave", "b")]
        server.nodes.clear()
        assert list(server.nodes) == ["c"]

    run(main())


def test_members_must_name_oneself():
    """A fixed cluster without the server itself is a mistake, told at once."""

    async def main():
        with pytest.raises(ConfigError, match="own address"):
            RaftInterface("a", members=["b", "c"])
        with pytest.raises(ConfigError, match="own address"):
            RaftInterface(members=["b", "c"])

    run(main())
