"""The driver: real cores, storages and clocks in virtual time, over a simulated network."""

import asyncio
import random
from collections.abc import Coroutine, Sequence

import pytest

from tests.unit.cluster import Cluster, RecordingMachine, Server
from webraft_web.core.entry import Committed, Configuration, Entry, EntryKind, Snapshot
from webraft_web.core.errors import (
    FencedError,
    LocalProtocolError,
    NotLeaderError,
    OutcomeUnknownError,
    OverloadedError,
    StorageError,
)
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    Heartbeat,
    Message,
    Propose,
    ProposeResponse,
    ReadIndex,
    RequestVote,
)
from webraft_web.core.ready import may_go_early
from webraft_web.driver.applier import Applier
from webraft_web.storage.base import Identity, StoredState
from webraft_web.testing import run as run_in_virtual_time

SIZES = [1, 2, 3, 5]


def run(main: Coroutine[object, object, None]) -> None:
    """Run a test; what has not happened after a minute of virtual time never will."""
    run_in_virtual_time(asyncio.wait_for(main, 60))


def stored(server: Server) -> StoredState:
    found: list[object] = []
    server.storage.load(found.append)
    assert isinstance(found[0], StoredState)
    return found[0]


async def settle(seconds: float = 0.3) -> None:
    """Let virtual time pass, so that everybody learns what is committed."""
    await asyncio.sleep(seconds)


@pytest.mark.parametrize("size", SIZES)
def test_all_servers_apply_all_commands_in_one_order(size: int) -> None:
    """Commands proposed on every server at once are committed, and applied in the same order everywhere."""

    async def main() -> None:
        cluster = Cluster(size, storage_ms=1)
        await cluster.leader()
        proposals = [server.propose(f"{server.number}-{n}") for server in cluster.servers for n in range(20)]
        outcomes = await asyncio.gather(*proposals)
        assert all(isinstance(outcome, Committed) for outcome in outcomes)
        assert len(set(outcomes)) == 20 * size
        await settle()
        for server in cluster.servers:
            assert server.machine.commands == cluster.servers[0].machine.commands
            assert len(server.machine.commands) == 20 * size

    run(main())


@pytest.mark.parametrize("size", SIZES)
def test_exactly_one_server_leads(size: int) -> None:
    """After an election one server leads and all others know it."""

    async def main() -> None:
        cluster = Cluster(size)
        leader = await cluster.leader()
        await settle(2)
        assert cluster.leaders == [leader]

    run(main())


def test_only_what_a_leader_replicates_leaves_before_the_batch_is_durable() -> None:
    """Votes, answers and heartbeats leave right after a write or fence check of their own (§3.8)."""

    async def main() -> None:
        cluster = Cluster(3, storage_ms=5)
        trace: dict[int, list[str]] = {server.number: [] for server in cluster.servers}
        early_ones = 0

        def watch(server: Server) -> None:
            events = trace[server.number]
            carry = server.driver._send
            persist = server.storage.persist

            def send(messages: Sequence[Message]) -> None:
                nonlocal early_ones
                if all(may_go_early(message) for message in messages):
                    early_ones += server.storage.under_way == 0
                else:
                    assert not any(may_go_early(message) for message in messages)
                    assert server.storage.under_way == 0
                    assert events.pop() == "persisted"
                carry(messages)

            def recorded(batch, done) -> None:
                persist(batch, lambda error: (events.append("persisted"), done(error)))

            server.driver._send = send
            server.driver._storage.persist = recorded

        for server in cluster.servers:
            watch(server)
        await cluster.leader()
        await asyncio.gather(*[server.propose("x") for server in cluster.servers])
        await settle(1)
        assert early_ones

    run(main())


def test_a_leader_replicates_while_it_writes() -> None:
    """AppendEntries do not wait for the leader's own disk (§10.2.1)."""

    async def main() -> None:
        cluster = Cluster(3, storage_ms=50)
        leader = await cluster.leader()
        await settle(1)
        cluster.network.sent.clear()
        leader.propose("x")
        await asyncio.sleep(0.001)
        assert leader.storage.under_way == 1
        sent = [message for message in cluster.network.sent if isinstance(message, AppendEntries)]
        assert {message.receiver for message in sent} == {s.server_id for s in await cluster.followers()}

    run(main())


def test_all_proposals_of_one_turn_are_one_write() -> None:
    """A burst of proposals persists and travels as one batch."""

    async def main() -> None:
        cluster = Cluster(1)
        leader = await cluster.leader()
        leader.storage.batches.clear()
        await asyncio.gather(*[leader.propose(str(number)) for number in range(64)])
        assert [len(batch.entries) for batch in leader.storage.batches if batch.entries] == [64]

    run(main())


def test_a_fence_check_precedes_an_answer_with_nothing_to_write() -> None:
    """A follower's answer to a heartbeat waits for an empty batch, which writes nothing."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = (await cluster.followers())[0]
        await settle(1)
        follower.storage.batches.clear()
        await settle(1)
        assert len(follower.storage.batches) >= 5
        assert all(batch.is_empty for batch in follower.storage.batches)

    run(main())


@pytest.mark.parametrize("size", [1, 3])
def test_a_fenced_server_serves_no_read(size: int) -> None:
    """A read is answered only after a fence check that began after it arrived."""

    async def main() -> None:
        cluster = Cluster(size)
        leader = await cluster.leader()
        await settle(1)
        leader.storage.error = FencedError("another runner took over")
        assert await leader.read() is leader.storage.error

    run(main())


@pytest.mark.parametrize("error", [StorageError("disk full"), FencedError("taken over")])
def test_a_storage_error_ends_the_server(error: StorageError) -> None:
    """After a failed write nothing leaves any more, the owner is told once, and what pends settles."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        await settle(1)
        leader.storage.error = error
        proposal, read = leader.propose("x"), leader.read()
        assert isinstance(await proposal, OutcomeUnknownError)
        assert await read is error
        assert leader.stopped == [error]
        assert leader.driver.is_stopped
        cluster.network.sent.clear()
        other = await cluster.leader()
        assert other is not leader
        assert not [message for message in cluster.network.sent if message.sender == leader.server_id]
        with pytest.raises(LocalProtocolError):
            leader.propose("y")

    run(main())


def test_no_vote_request_leaves_a_server_that_cannot_write_it() -> None:
    """A candidate whose vote for itself cannot be stored asks nobody."""

    async def main() -> None:
        cluster = Cluster(3)
        for server in cluster.servers:
            server.storage.error = StorageError("broken")
        await settle(2)
        assert not [message for message in cluster.network.sent if isinstance(message, RequestVote)]
        assert [len(server.stopped) for server in cluster.servers] == [1, 1, 1]

    run(main())


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


def test_a_read_is_as_new_as_every_acknowledged_write() -> None:
    """On any server the read index covers writes acknowledged before, and is applied there."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        for server in cluster.servers:
            outcome = await leader.propose(f"for {server.number}")
            index = await server.read()
            assert index >= outcome.index
            assert f"for {server.number}" in server.machine.commands

    run(main())


def test_a_read_is_asked_for_again_when_it_was_lost() -> None:
    """Reads change nothing, so that the driver may repeat them."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = (await cluster.followers())[0]
        await settle()
        lost: list[Message] = []
        cluster.network.drops = lambda message: (
            isinstance(message, ReadIndex) and not lost and (lost.append(message) or True)
        )
        assert isinstance(await follower.read(), int)
        assert lost

    run(main())


def test_a_read_survives_a_change_of_leader() -> None:
    """It is asked of the next leader."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        follower = (await cluster.followers())[0]
        cluster.network.cut_off = {leader.server_id}
        assert isinstance(await follower.read(), int)

    run(main())


def test_a_read_waits_until_its_index_is_applied_here() -> None:
    """A read index alone does not make this server's state new enough."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = (await cluster.followers())[0]
        await settle()
        follower.machine.is_manual = True
        outcome = await (await cluster.leader()).propose("x")
        read = follower.read()
        await settle(5)
        assert not read.done()
        index, done = follower.machine.pending[0]
        done(index)
        assert await read == index == outcome.index

    run(main())


def test_a_read_on_a_deposed_leader_is_asked_of_the_next_one() -> None:
    """A leader that lost its majority refuses its reads; they are served when there is a leader again."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        await settle()
        cluster.network.cut_off = {leader.server_id}
        read = leader.read()
        outcome = await (await cluster.leader()).propose("x")
        await settle(1)
        assert not read.done()
        cluster.network.cut_off = set()
        assert await read >= outcome.index
        assert "x" in leader.machine.commands

    run(main())


def test_a_restarted_server_applies_everything_again() -> None:
    """What was acknowledged is found in the storage; the state machine is rebuilt from it."""

    async def main() -> None:
        cluster = Cluster(1)
        server = cluster.servers[0]
        await asyncio.gather(*[server.propose(str(number)) for number in range(10)])
        server.driver.stop()
        server.start()
        await server.read()
        assert server.machine.commands == [str(number) for number in range(10)]

    run(main())


def test_answers_to_a_former_life_fit_no_question() -> None:
    """Requests are numbered from a random start, since the id of a restarted server is the same."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = (await cluster.followers())[0]
        await follower.propose("x")
        first = max(message.request_id for message in cluster.network.sent if isinstance(message, Propose))
        follower.driver.stop()
        follower.start()
        await follower.propose("y")
        second = [message.request_id for message in cluster.network.sent if isinstance(message, Propose)][-1]
        assert abs(second - first) > 1000

    run(main())


def test_a_stopped_server_is_silent() -> None:
    """Like a crash: nothing is sent, called or settled afterwards, whatever was under way."""

    async def main() -> None:
        cluster = Cluster(3, storage_ms=20)
        leader = await cluster.leader()
        await settle(1)
        proposal = leader.propose("x")
        await asyncio.sleep(0.001)
        assert leader.storage.under_way == 1
        stopped: list[int] = []
        leader.driver.stop(lambda: stopped.append(leader.storage.under_way))
        assert stopped == []
        cluster.network.sent.clear()
        applied = len(leader.machine.entries)
        await settle(5)
        assert stopped == [0]
        assert not proposal.done()
        assert len(leader.machine.entries) == applied
        leader.driver.receive([])
        leader.driver.flush()
        assert not [message for message in cluster.network.sent if message.sender == leader.server_id]

    run(main())


def test_an_application_that_finishes_late_disturbs_no_stopped_server() -> None:
    """Its report is ignored: a new server may already be at work on the same storage."""

    async def main() -> None:
        cluster = Cluster(1)
        server = cluster.servers[0]
        await cluster.leader()
        await settle()
        server.machine.is_manual = True
        proposal = server.propose("x")
        await settle()
        index, done = server.machine.pending.pop()
        server.driver.stop()
        done(index)
        assert not proposal.done()
        assert server.raft.last_applied < index

    run(main())


def test_an_idle_server_has_stopped_at_once() -> None:
    """Without a write under way nobody has to wait for the storage."""

    async def main() -> None:
        cluster = Cluster(1)
        stopped: list[bool] = []
        cluster.servers[0].driver.stop(lambda: stopped.append(True))
        assert stopped == [True]

    run(main())


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


@pytest.mark.parametrize("seed", range(4))
def test_partitions_and_crashes_lose_and_double_nothing(seed: int) -> None:
    """What was acknowledged is in every log exactly once, in one order, whatever happened meanwhile."""
    chance = random.Random(seed)

    async def client(server: Server, acknowledged: list[str]) -> None:
        number = 0
        while True:
            await asyncio.sleep(0.003)
            if server.driver.is_stopped:
                continue
            number += 1
            command = f"{server.number}-{number}"
            proposal = server.propose(command)
            done, _ = await asyncio.wait([proposal], timeout=5)  # a crash settles nothing
            if done and isinstance(proposal.result(), Committed):
                acknowledged.append(command)

    async def main() -> None:
        cluster = Cluster(5, storage_ms=1)
        acknowledged: list[str] = []
        clients = [asyncio.create_task(client(server, acknowledged)) for server in cluster.servers[:4]]
        for _ in range(15):
            cut_off = chance.sample(cluster.servers, chance.choice([0, 1, 1, 2, 3]))
            cluster.network.cut_off = {server.server_id for server in cut_off}
            await asyncio.sleep(chance.random())
            if chance.random() < 0.4:
                victim = chance.choice(cluster.servers)
                stopped = asyncio.Event()
                victim.driver.stop(stopped.set)
                await stopped.wait()
                victim.start()
        for task in clients:
            task.cancel()
        cluster.network.cut_off = set()
        outcome = await (await cluster.leader()).propose("last")
        assert isinstance(outcome, Committed)
        await settle(2)
        commands = cluster.servers[0].machine.commands
        assert all(server.machine.commands == commands for server in cluster.servers)
        assert len(commands) == len(set(commands))
        assert set(acknowledged) <= set(commands)
        assert len(acknowledged) > 100

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


def test_a_refused_message_is_counted_and_changes_nothing() -> None:
    """A peer's nonsense never stops a server."""

    async def main() -> None:
        cluster = Cluster(3)
        leader = await cluster.leader()
        follower = (await cluster.followers())[0]
        term = leader.raft.current_term
        leader.driver.receive([Heartbeat(follower.server_id, leader.server_id, term, 0)])
        assert leader.driver.rejected_messages == 1
        assert isinstance(await leader.propose("x"), Committed)

    run(main())


def test_an_identity_rides_in_the_next_batch() -> None:
    """It is written even where the core has nothing to write."""

    async def main() -> None:
        cluster = Cluster(1)
        server = cluster.servers[0]
        await cluster.leader()
        await settle()
        identity = Identity("server1", "life1", "another cluster", False)
        server.driver.write_identity(identity)
        await asyncio.sleep(0.001)
        assert stored(server).identity == identity
        assert stored(server).entries

    run(main())


def test_messages_may_be_delivered_while_they_are_being_sent() -> None:
    """A transport within one process that delivers synchronously is safe."""

    async def main() -> None:
        cluster = Cluster(3)

        def carry(messages: Sequence[Message]) -> None:
            for message in messages:
                cluster.network.servers[message.receiver].driver.receive([message])

        for server in cluster.servers:
            server.driver._send = carry
        await cluster.leader()
        outcomes = await asyncio.gather(*[server.propose("x") for server in cluster.servers])
        assert all(isinstance(outcome, Committed) for outcome in outcomes)

    run(main())


def test_proposals_of_several_kinds_keep_their_order() -> None:
    """Kinds never share a message, but what was proposed first is appended first."""

    async def main() -> None:
        cluster = Cluster(3)
        follower = (await cluster.followers())[0]
        kinds = [EntryKind.COMMAND, EntryKind.HOUSEKEEPING, EntryKind.COMMAND, EntryKind.COMMAND]
        futures = [asyncio.get_running_loop().create_future() for _ in kinds]
        for future, kind in zip(futures, kinds, strict=True):
            follower.driver.propose("x", kind, future.set_result)
        indexes = [outcome.index for outcome in await asyncio.gather(*futures)]
        assert indexes == sorted(indexes)
        appended = {entry.index: entry.kind for entry in follower.machine.entries}
        assert [appended[index] for index in indexes] == kinds

    run(main())


def test_what_the_owner_asks_for_when_it_hears_of_a_batch_is_done_at_once() -> None:
    """A change made in `on_batch` needs no further event to be carried out."""

    async def main() -> None:
        cluster = Cluster(1)
        server = cluster.servers[0]
        await server.propose("x")
        await settle()
        asked: list[int] = []

        def on_batch() -> None:
            if not asked:
                asked.append(server.driver.change(lambda raft: raft.add_server("life9@server9")))

        server.driver._on_batch = on_batch
        server.driver.flush()
        assert stored(server).entries[-1].index == asked[0]

    run(main())


def test_the_owner_hears_of_changes_before_their_entries_are_applied() -> None:
    """`on_batch` shows the new role and commit index first."""

    async def main() -> None:
        cluster = Cluster(1)
        server = cluster.servers[0]
        seen: list[tuple[int, int]] = []
        server.driver._on_batch = lambda: seen.append((server.raft.commit_index, server.raft.last_applied))
        await server.propose("x")
        assert any(commit_index > last_applied for commit_index, last_applied in seen)

    run(main())
