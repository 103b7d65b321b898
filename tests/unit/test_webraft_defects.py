"""The defects of npm webraft 0.2.5, each as a case that would fail with it."""

import asyncio

from tests.unit.in_process import Network, Server, fresh_storage, leader_of, leaders, servers, until
from webraft_web import wire
from webraft_web.core.config import Config, FixedTimeouts
from webraft_web.core.entry import Configuration, Entry, EntryKind, HardState
from webraft_web.core.message import AppendEntries, AppendEntriesResponse, RequestVote, RequestVoteResponse
from webraft_web.core.raft import Raft
from webraft_web.core.ready import RestoredState
from webraft_web.storage.base import Batch, Identity
from webraft_web.testing import run

VOTERS = Configuration(("ia@a", "ib@b", "ic@c"))


def restored(*, term=1, entries=()):
    """Return the state of a voter of three, in `term`, with entries after the configuration."""
    log = (Entry(1, 1, EntryKind.CONFIGURATION, configuration=VOTERS), *entries)
    return RestoredState(HardState(term, None, 1), None, log)


def work_off(raft):
    """Carry out every batch of a core, and return the messages that it sent."""
    sent = []
    while raft.has_ready():
        ready = raft.ready()
        raft.advance()
        sent.extend(ready.messages)
        if ready.committed_entries:
            raft.applied_to(ready.committed_entries[-1].index)
    return sent


def elected(state):
    """Return the core of server a, leading with the vote of b."""
    raft = Raft(Config("ia@a", FixedTimeouts(), pre_vote=False), state, 0)
    raft.campaign()
    work_off(raft)
    raft.step(RequestVoteResponse("ib@b", "ia@a", raft.current_term, True))
    assert raft.is_leader
    return raft


def test_three_servers_elect_a_leader_at_all():
    """0.2.5 never does: its timers drop their delay and its replies carry no id."""

    async def main():
        group = servers(Network(), *"abc")
        leader = await leader_of(group, voters=3)
        await leader.propose("x")

    run(main())


def test_an_old_acknowledgement_does_not_count_for_newer_entries():
    """An answer says up to where the logs match, and commits nothing beyond that."""
    leader = elected(restored())
    no_op = leader.log.last_index
    leader.propose(["one"])
    work_off(leader)
    leader.propose(["two"])
    work_off(leader)
    term = leader.current_term
    leader.step(AppendEntriesResponse("ib@b", "ia@a", term, True, no_op))
    work_off(leader)
    leader.step(AppendEntriesResponse("ib@b", "ia@a", term, True, no_op))
    work_off(leader)
    assert leader.commit_index == no_op
    leader.step(AppendEntriesResponse("ib@b", "ia@a", term, True, no_op + 1))
    work_off(leader)
    assert leader.commit_index == no_op + 1


def test_no_vote_is_given_twice_in_a_term_across_a_restart():
    """The vote is stored before it is sent, so the restarted server knows whom it voted for."""

    async def main():
        network = Network()
        votes = []

        class Counting(Network):
            def carry(self, sender, receiver, payload):
                for encoded in payload[-1] if payload[2] == "raft" else []:
                    message = wire.decode_message(encoded)
                    if isinstance(message, RequestVoteResponse) and message.vote_granted:
                        votes.append((message.term, message.receiver))

        network = Counting()
        storage = fresh_storage("b", network.random)
        state = restored(term=5)
        storage.persist(
            Batch(
                reset=True,
                identity=Identity("b", "ib", "cluster"),
                hard_state=state.hard_state,
                entries=state.entries,
            ),
            lambda _: None,
        )
        for candidate in ("ia@a", "ic@c", "ia@a"):
            server = Server(network, "b", storage=storage)
            for address in "ac":
                server.join(address)
            await asyncio.sleep(0)
            request = RequestVote(candidate, "ib@b", 6, 1, 1)
            payload = [wire.WIRE_VERSION, "cluster", "raft", [wire.encode_message(request)]]
            server.got_data(candidate[-1], payload)
            await asyncio.sleep(0.05)
            server.crash()
        assert set(votes) == {(6, "ia@a")}

    run(main())


def test_an_older_terms_entry_is_not_committed_by_counting():
    """Fig. 3.7: an old entry on a majority may still be overwritten; an entry of the own term commits it."""
    old = Entry(2, 2, EntryKind.COMMAND, '"old"')
    leader = elected(restored(term=2, entries=(old,)))
    term = leader.current_term
    assert term == 3
    leader.step(AppendEntriesResponse("ib@b", "ia@a", term, True, 2))
    work_off(leader)
    assert leader.commit_index == 1
    leader.step(AppendEntriesResponse("ib@b", "ia@a", term, True, 3))
    work_off(leader)
    assert leader.commit_index == 3


def test_a_local_leave_does_not_shrink_the_majority():
    """A server that leaves everybody cannot elect itself, nor commit alone."""

    async def main():
        group = servers(Network(), *"abc")
        leader = await leader_of(group, voters=3)
        loner = next(server for server in group if server is not leader)
        for address in list(loner.nodes):
            loner.leave(address)
        lost = asyncio.ensure_future(loner.propose("alone"))
        await asyncio.sleep(5)
        assert leaders(group) == [leader]
        assert isinstance(lost.exception(), Exception)
        assert "alone" not in loner.commands
        assert len(loner.members) == 3

    run(main())


def test_updated_comes_in_index_order_though_handlers_take_their_time():
    """One entry at a time, even if the first handler is the slowest."""

    async def main():
        server = Server(Network(), "a", members=["a"])
        pauses = [0.5, 0.1, 0.3, 0]

        async def slow(_entry, _index):
            await asyncio.sleep(pauses.pop(0))

        server.listen("apply", slow)
        await asyncio.gather(*(server.propose(i) for i in range(4)))
        assert server.updates == sorted(server.updates)
        assert len(server.updates) == 4

    run(main())


def test_a_single_server_leads():
    """It is its own majority, and commits at once."""

    async def main():
        server = Server(Network(), "a")
        await until(lambda: server.is_leader)
        await server.propose("x")
        assert server.commands == ["x"]

    run(main())


def test_a_refresh_completes():
    """The lagging server adopts what it fetched, and gets what follows as entries."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        refreshes = []
        for server in group:

            async def refresh():
                refreshes.append(leader.last_applied)
                return leader.term_of(leader.last_applied), leader.last_applied

            server.listen("refresh", refresh)
        away = next(server for server in group if server is not leader)
        network.isolate(away.address)
        await asyncio.sleep(1)
        for i in range(90):
            await leader.propose(str(i).ljust(60_000))
        network.heal()
        await until(lambda: away.last_applied == leader.last_applied)
        assert len(refreshes) == 1
        await leader.propose("after")
        await until(lambda: away.commands == ["after"])

    run(main())


def test_a_server_with_lost_state_does_not_vote_with_the_old_ones_rights():
    """Two of three hold an entry; one forgets it and comes back: the third cannot lead with its vote."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        behind, holds = (server for server in group if server is not leader)
        network.isolate(behind.address)
        await leader.propose("acknowledged")
        await until(lambda: holds.commands == ["acknowledged"])
        leader.crash()
        returned = holds.restart(has_storage=False)
        network.heal()
        await asyncio.sleep(10)
        assert not behind.is_leader
        assert not (returned.is_leader and returned.cluster_id == behind.cluster_id)
        leader = leader.restart()
        await leader_of([leader, behind])
        await until(lambda: behind.commands == ["acknowledged"])

    run(main())


def test_the_commit_index_reaches_followers_at_once():
    """Not with the next heartbeat: a tenth of a second later for every change."""

    async def main():
        loop = asyncio.get_running_loop()
        group = servers(Network(delay_ms=(1, 1)), *"abc")
        leader = await leader_of(group, voters=3)
        for i in range(20):
            await asyncio.sleep(0.0371)
            started = loop.time()
            await leader.propose(i)
            await until(lambda i=i: all(server.commands[-1:] == [i] for server in group))
            assert loop.time() - started < 0.03

    run(main())


def test_a_leader_sends_each_follower_what_it_lacks_and_no_more():
    """An AppendEntries begins where that follower's log ends."""
    leader = elected(restored())
    leader.step(AppendEntriesResponse("ib@b", "ia@a", leader.current_term, True, leader.log.last_index))
    work_off(leader)
    leader.propose(["new"])
    (append,) = [
        message
        for message in work_off(leader)
        if isinstance(message, AppendEntries) and message.receiver == "ib@b"
    ]
    assert [entry.data for entry in append.entries] == ["new"]
