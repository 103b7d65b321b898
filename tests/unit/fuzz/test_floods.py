"""However much strangers send, what a server keeps stays bounded, and it goes on working."""

import pickle
from collections.abc import Callable

import pytest

from tests.core_objects import interpreted_only
from tests.fuzz.roles import (
    candidate,
    follower,
    fresh_leader,
    leader,
    lone_leader,
    receiving,
    snapshotting_leader,
)
from tests.fuzz.stepping import check_goes_on, check_invariants
from tests.unit.core.servers import Server, command, members
from webraft_web.core import batches, following
from webraft_web.core import reads as core_reads
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    ConfirmRefresh,
    ConfirmRefreshResponse,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
    Message,
    PreVote,
    PreVoteResponse,
    Propose,
    ProposeResponse,
    ReadIndex,
    ReadIndexResponse,
    RequestVote,
    RequestVoteResponse,
    TimeoutNow,
)
from webraft_web.core.raft import Raft

FLOODS: dict[str, Callable[[int, Raft], Message]] = {
    "votes of strangers": lambda n, raft: RequestVoteResponse(f"s{n}", "a", raft.current_term, True),
    "pre-votes of strangers": lambda n, raft: PreVoteResponse(f"s{n}", "a", raft.current_term + 1, True),
    "refused votes": lambda n, raft: RequestVoteResponse(f"s{n}", "a", raft.current_term, False),
    "candidates": lambda n, raft: RequestVote(
        f"s{n}", "a", raft.current_term, 99, raft.current_term, n % 2 == 0
    ),
    "candidates of ever new terms": lambda n, raft: RequestVote(
        f"s{n}", "a", raft.current_term + 1, 99, raft.current_term, True
    ),
    "pre-candidates": lambda n, raft: PreVote(f"s{n}", "a", raft.current_term + 1, 99, raft.current_term),
    "leaders of ever new terms": lambda n, raft: Heartbeat(f"s{n}", "a", raft.current_term + 1, 0, n),
    "heartbeats": lambda n, raft: Heartbeat("c", "a", raft.current_term, 0, n),
    "stale heartbeats": lambda n, raft: Heartbeat(f"s{n}", "a", 1, 0, n),
    "heartbeats answered": lambda n, raft: HeartbeatResponse("b", "a", raft.current_term, 0),
    "entries that do not fit": lambda n, raft: AppendEntries(
        "c", "a", raft.current_term, 50 + n, raft.current_term, [command(51 + n, raft.current_term)], 0
    ),
    "entries held already": lambda n, raft: AppendEntries(
        "c", "a", raft.current_term, 1, 1, [command(2, 1)], 0
    ),
    "acknowledgements": lambda n, raft: AppendEntriesResponse("b", "a", raft.current_term, True, n % 5),
    "acknowledgements of strangers": lambda n, raft: AppendEntriesResponse(
        f"s{n}", "a", raft.current_term, True, 1
    ),
    "refused entries": lambda n, raft: AppendEntriesResponse("b", "a", raft.current_term, False, n % 5, 0, 0),
    "snapshots begun": lambda n, raft: InstallSnapshot(
        f"s{n}", "a", raft.current_term, 90 + n, 1, members("abc"), 0, 0, "x" * 300, False
    ),
    "snapshots of ever new terms": lambda n, raft: InstallSnapshot(
        f"s{n}", "a", raft.current_term + 1, 90, 1, members("abc"), 0, 0, "x" * 300, False
    ),
    "refreshes announced": lambda n, raft: InstallSnapshot(
        "c", "a", raft.current_term, 90 + n, 1, members("abc"), 0, 0, None, True
    ),
    "parts asked for": lambda n, raft: InstallSnapshotResponse(
        "c", "a", raft.current_term, raft.log.snapshot.last_index, n % 400
    ),
    "tiny parts of a snapshot": lambda n, raft: InstallSnapshot(
        "c", "a", raft.current_term, 9, 2, members("abc"), 0, raft.following._received_size, "x", False
    ),
    "proposals": lambda n, raft: Propose(f"s{n % 9}", "a", raft.current_term, n, ["x"]),
    "empty proposals": lambda n, raft: Propose("b", "a", raft.current_term, n, [""] * 20),
    "results of proposals never made": lambda n, raft: ProposeResponse(
        "b", "a", raft.current_term, n, raft.current_term, 5
    ),
    "reads": lambda n, raft: ReadIndex(f"s{n % 9}", "a", raft.current_term, n),
    "results of reads never asked for": lambda n, raft: ReadIndexResponse("b", "a", raft.current_term, n, 5),
    "refreshes to confirm": lambda n, raft: ConfirmRefresh(f"s{n}", "a", raft.current_term, 1, 2),
    "refreshes confirmed": lambda n, raft: ConfirmRefreshResponse(
        f"s{n}", "a", raft.current_term, 2, 9, members("abc")
    ),
    "orders to campaign": lambda n, raft: TimeoutNow(f"s{n}", "a", raft.current_term),
}
ROLES = [follower, candidate, fresh_leader, leader, lone_leader, snapshotting_leader, receiving]
ENOUGH = 1000
"""Messages of a flood until every bound is reached, where there is one."""


@pytest.fixture
def low_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a short flood comes up against."""
    monkeypatch.setattr(batches, "MAX_QUEUED", 150)
    monkeypatch.setattr(core_reads, "MAX_READS", 100)
    monkeypatch.setattr(following, "_MAX_CHUNKS", 50)
    monkeypatch.setattr("webraft_web.core.requests._REMEMBERED", 100)


def pour(server: Server, make: Callable[[int, Raft], Message], numbers: range, batch_every: int) -> None:
    for number in numbers:
        try:
            server.raft.step(make(number, server.raft))
        except RemoteProtocolError:
            continue
        if batch_every and number % batch_every == 0:
            server.settle()
            if server.raft.log.size > 2000 and server.raft.last_applied > server.raft.log.snapshot.last_index:
                server.compact(server.raft.last_applied, "state")


@interpreted_only
@pytest.mark.usefixtures("low_bounds")
@pytest.mark.parametrize("batch_every", [0, 7])
@pytest.mark.parametrize("role", ROLES)
def test_twice_the_flood_takes_no_more_memory(role: Callable[[], Server], batch_every: int) -> None:
    """Whether batches are taken meanwhile or not; and the server goes on working."""
    for flood, make in FLOODS.items():
        server = role()
        pour(server, make, range(ENOUGH), batch_every)
        once = len(pickle.dumps(server.raft, 5))
        pour(server, make, range(ENOUGH, 2 * ENOUGH), batch_every)
        twice = len(pickle.dumps(server.raft, 5))
        assert twice <= once * 1.05 + 3000, flood
        check_invariants(server)
        server.settle()
        check_invariants(server)
        check_goes_on(server)
