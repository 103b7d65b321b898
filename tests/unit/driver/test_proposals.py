"""Proposals through the driver: when they settle, and what with."""

import asyncio

import pytest

from tests.unit.cluster import Cluster, RecordingMachine, run, settle
from webraft_web.core.entry import Committed, Configuration, Entry, Snapshot
from webraft_web.core.errors import (
    NotLeaderError,
    OutcomeUnknownError,
    OverloadedError,
)
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    Propose,
    ProposeResponse,
)
from webraft_web.driver.applier import Applier

SIZES = [1, 2, 3, 5]


def test_a_proposal_settles_only_once_it_is_applied_here() -> None:
    """Committed is not enough: the proposer's own state machine has to be done with it."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = (await cluster.followers())[0]
        await settle()
        follower.machine.is_manual = True
        proposal = follower.propose("x")
        await settle(5)
        assert not proposal.done()
        index, done = follower.machine.pending.pop()
        done(index)
        assert (await proposal).index == index

    run(main())


def test_proposals_settle_one_by_one_while_a_batch_is_being_applied() -> None:
    """A state machine that reports progress settles what is applied so far."""

    async def main() -> None:
        cluster = Cluster(1)
        leader = await cluster.leader()
        await settle()
        leader.machine.is_manual = True
        proposals = [leader.propose(str(number)) for number in range(3)]
        await settle()
        index, done = leader.machine.pending.pop()
        done(index - 2)
        assert [proposal.done() for proposal in proposals] == [True, False, False]
        done(index)
        assert [outcome.index for outcome in await asyncio.gather(*proposals)] == [
            index - 2,
            index - 1,
            index,
        ]

    run(main())


def test_the_machine_gets_one_piece_at_a_time() -> None:
    """While a piece is being applied, what follows waits and then comes as one."""

    async def main() -> None:
        cluster = Cluster(1)
        leader = await cluster.leader()
        await settle()
        leader.machine.is_manual = True
        leader.propose("a")
        await settle()
        for command in "bcd":
            leader.propose(command)
            await settle()
        assert leader.machine.commands == ["a"]
        index, done = leader.machine.pending.pop()
        done(index)
        assert leader.machine.commands == ["a", "b", "c", "d"]

    run(main())


def test_what_is_not_applied_yet_is_bounded() -> None:
    """Committed entries wait in the log while the state machine is behind."""

    async def main() -> None:
        cluster = Cluster(1)
        leader = await cluster.leader()
        leader.raft.config.max_apply_size = 200
        await settle()
        leader.machine.is_manual = True
        proposals = [leader.propose("x" * 84) for _ in range(10)]
        applied = len(leader.machine.entries)
        await settle()
        while leader.machine.pending:
            assert len(leader.machine.entries) - applied <= 3
            applied = len(leader.machine.entries)
            index, done = leader.machine.pending.pop()
            done(index)
            await settle()
        assert all(proposal.done() for proposal in proposals)

    run(main())


def test_proposals_wait_for_a_leader() -> None:
    """What is proposed before there is a leader is committed once there is one."""

    async def main() -> None:
        cluster = Cluster(3)
        outcomes = await asyncio.gather(*[server.propose("early") for server in cluster.servers])
        assert all(isinstance(outcome, Committed) for outcome in outcomes)

    run(main())


def test_without_a_leader_a_proposal_is_refused_in_time() -> None:
    """After message_timeout_ms it was certainly not appended: NotLeaderError."""

    async def main() -> None:
        cluster = Cluster(3)
        cluster.network.cut_off = {server.server_id for server in cluster.servers}
        server = cluster.servers[0]
        loop = asyncio.get_running_loop()
        begun = loop.time()
        assert isinstance(await server.propose("x"), NotLeaderError)
        assert loop.time() - begun == pytest.approx(3, abs=0.01)
        server.driver.message_timeout_ms = 500
        begun = loop.time()
        assert isinstance(await server.propose("x"), NotLeaderError)
        assert isinstance(await server.read(), NotLeaderError)
        assert loop.time() - begun == pytest.approx(1, abs=0.01)
        cluster.network.cut_off = set()
        await cluster.leader()
        await settle()
        assert server.machine.commands == []

    run(main())


def test_a_cut_off_leader_reports_no_success() -> None:
    """Its proposals end as unknown when it has lost its majority, and never take effect."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        cluster.network.cut_off = {leader.server_id}
        proposal = leader.propose("lost")
        assert isinstance(await asyncio.wait_for(proposal, 3), OutcomeUnknownError)
        cluster.network.cut_off = set()
        await cluster.leader()
        await settle(1)
        assert all("lost" not in server.machine.commands for server in cluster.servers)

    run(main())


def test_a_forwarded_proposal_is_unknown_when_its_leader_is_lost() -> None:
    """The leader got it and was never heard of again."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        follower = (await cluster.followers())[0]
        proposal = follower.propose("x")
        await asyncio.sleep(0.001)
        cluster.network.cut_off = {leader.server_id}
        assert isinstance(await asyncio.wait_for(proposal, 3), OutcomeUnknownError)

    run(main())


def test_a_forwarded_proposal_without_an_answer_is_unknown_in_time() -> None:
    """The message, or its answer, was lost while the leader lives on."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = (await cluster.followers())[0]
        await settle()
        cluster.network.drops = lambda message: isinstance(message, Propose)
        assert isinstance(await asyncio.wait_for(follower.propose("x"), 4), OutcomeUnknownError)

    run(main())


def test_an_entry_that_the_next_leader_commits_is_a_success() -> None:
    """Where the lost leader appended it is known, so that the own log can judge."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        follower = (await cluster.followers())[0]
        await settle()
        cluster.network.drops = lambda message: (
            isinstance(message, AppendEntriesResponse) and message.receiver == leader.server_id
        )
        proposal = follower.propose("x")
        await asyncio.sleep(0.02)
        cluster.network.cut_off = {leader.server_id}
        outcome = await asyncio.wait_for(proposal, 3)
        assert isinstance(outcome, Committed)
        assert [entry.data for entry in follower.machine.entries if entry.index == outcome.index] == ["x"]

    run(main())


def test_an_entry_that_the_next_leader_overwrote_is_no_success() -> None:
    """Where a leader appended it is only that leader's word: another term was committed at that index."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        follower = (await cluster.followers())[0]
        await settle()
        cluster.network.drops = lambda message: (
            isinstance(message, AppendEntries) and message.sender == leader.server_id
        )
        proposal = follower.propose("x")
        await asyncio.sleep(0.02)
        answers = [message for message in cluster.network.sent if isinstance(message, ProposeResponse)]
        cluster.network.cut_off = {leader.server_id}
        assert isinstance(await asyncio.wait_for(proposal, 3), OutcomeUnknownError)
        index = answers[-1].first_index
        assert [entry.data for entry in follower.machine.entries if entry.index == index] == [""]

    run(main())


def test_a_proposal_that_a_snapshot_overtook_is_judged_by_its_term() -> None:
    """A snapshot of the same term holds the entry; nothing is guessed otherwise."""
    machine = RecordingMachine()
    applier = Applier(machine, lambda _: None)
    applier.hand_over(None, [Entry(1, 1), Entry(2, 2), Entry(2, 3)])
    assert [applier.holds(index, 2) for index in (1, 2, 3)] == [False, True, True]
    applier.hand_over(Snapshot(9, 4, Configuration()), [Entry(4, 10), Entry(6, 11)])
    assert applier.holds(7, 4) is True
    assert applier.holds(7, 5) is False
    assert applier.holds(7, 3) is None
    assert [applier.holds(11, term) for term in (4, 6)] == [False, True]


def test_a_snapshot_supersedes_what_still_waits_to_be_applied() -> None:
    """The piece under way ends first; then the snapshot is restored, and what came before it is skipped."""
    machine = RecordingMachine()
    machine.is_manual = True
    applied: list[int] = []
    applier = Applier(machine, applied.append)
    applier.hand_over(None, [Entry(1, 1)])
    applier.hand_over(None, [Entry(1, 2)])
    applier.hand_over(Snapshot(9, 4, Configuration()), [Entry(4, 10)])
    assert machine.restored == []
    index, done = machine.pending.pop()
    done(index)
    assert applied == [1, 9]
    assert [entry.index for entry in machine.entries] == [1, 10]


def test_what_is_known_committed_outlives_its_leader() -> None:
    """It only waits to be applied here, however long that takes."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        follower = (await cluster.followers())[0]
        await settle()
        follower.machine.is_manual = True
        proposal = follower.propose("x")
        await settle()
        cluster.network.cut_off = {leader.server_id}
        await settle(10)
        assert not proposal.done()
        index, done = follower.machine.pending[0]
        done(index)
        outcome = await proposal
        assert isinstance(outcome, Committed)
        assert outcome.index == index

    run(main())


def test_handing_over_leadership_under_load_loses_and_doubles_nothing() -> None:
    """Proposals refused during a transfer wait for the new leader."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        proposals = []
        for number in range(60):
            proposals += [server.propose(f"{server.number}-{number}") for server in cluster.servers]
            if number == 20:
                target = (await cluster.followers())[0]
                leader.driver.change(lambda raft, to=target.server_id: raft.transfer_leadership(to))
            await asyncio.sleep(0.005)
        outcomes = await asyncio.gather(*proposals)
        assert all(isinstance(outcome, Committed) for outcome in outcomes)
        assert await cluster.leader() is target
        await settle()
        for server in cluster.servers:
            assert len(server.machine.commands) == len(set(server.machine.commands)) == 180

    run(main())


@pytest.mark.parametrize("is_forwarded", [False, True])
def test_more_than_may_be_uncommitted_is_refused(is_forwarded: bool) -> None:
    """OverloadedError, from the leader itself or through its answer; nothing was appended."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        server = (await cluster.followers())[0] if is_forwarded else leader
        await settle()
        leader.raft.config.max_uncommitted_size = 1000
        cluster.network.drops = lambda message: isinstance(message, AppendEntriesResponse)
        server.propose("x" * 900)
        await asyncio.sleep(0.02)
        assert isinstance(await server.propose("y" * 900), OverloadedError)

    run(main())
