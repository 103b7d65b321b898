"""However much strangers send, what a server keeps stays bounded, and it goes on working."""

import pickle
from collections.abc import Callable

import pytest

from tests.fuzz.roles import (
    candidate,
    follower,
    fresh_leader,
    leader,
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

FLOODS: dict[str, Callable[[int, int], Message]] = {
    "votes of strangers": lambda n, term: RequestVoteResponse(f"s{n}", "a", term, True),
    "pre-votes of strangers": lambda n, term: PreVoteResponse(f"s{n}", "a", term + 1, True),
    "refused votes": lambda n, term: RequestVoteResponse(f"s{n}", "a", term, False),
    "candidates": lambda n, term: RequestVote(f"s{n}", "a", term, 99, term, n % 2 == 0),
    "candidates of ever new terms": lambda n, term: RequestVote(f"s{n}", "a", term + 1, 99, term, True),
    "pre-candidates": lambda n, term: PreVote(f"s{n}", "a", term + 1, 99, term),
    "leaders of ever new terms": lambda n, term: Heartbeat(f"s{n}", "a", term + 1, 0, n),
    "heartbeats": lambda n, term: Heartbeat("c", "a", term, 0, n),
    "stale heartbeats": lambda n, term: Heartbeat(f"s{n}", "a", 1, 0, n),
    "heartbeats answered": lambda n, term: HeartbeatResponse("b", "a", term, 0),
    "entries that do not fit": lambda n, term: AppendEntries(
        "c", "a", term, 50 + n, term, [command(51 + n, term)], 0
    ),
    "entries held already": lambda n, term: AppendEntries("c", "a", term, 1, 1, [command(2, 1)], 0),
    "acknowledgements": lambda n, term: AppendEntriesResponse("b", "a", term, True, n % 5),
    "acknowledgements of strangers": lambda n, term: AppendEntriesResponse(f"s{n}", "a", term, True, 1),
    "refused entries": lambda n, term: AppendEntriesResponse("b", "a", term, False, n % 5, 0, 0),
    "snapshots begun": lambda n, term: InstallSnapshot(
        f"s{n}", "a", term, 90 + n, 1, members("abc"), 0, 0, "x" * 300, False
    ),
    "snapshots of ever new terms": lambda n, term: InstallSnapshot(
        f"s{n}", "a", term + 1, 90, 1, members("abc"), 0, 0, "x" * 300, False
    ),
    "refreshes announced": lambda n, term: InstallSnapshot(
        "c", "a", term, 90 + n, 1, members("abc"), 0, 0, None, True
    ),
    "parts asked for": lambda n, term: InstallSnapshotResponse("c", "a", term, 4, n % 400),
    "proposals": lambda n, term: Propose(f"s{n % 9}", "a", term, n, ["x"]),
    "empty proposals": lambda n, term: Propose("b", "a", term, n, [""] * 20),
    "results of proposals never made": lambda n, term: ProposeResponse("b", "a", term, n, term, 5),
    "reads": lambda n, term: ReadIndex(f"s{n % 9}", "a", term, n),
    "results of reads never asked for": lambda n, term: ReadIndexResponse("b", "a", term, n, 5),
    "refreshes to confirm": lambda n, term: ConfirmRefresh(f"s{n}", "a", term, 1, 2),
    "refreshes confirmed": lambda n, term: ConfirmRefreshResponse(f"s{n}", "a", term, 2, 9, members("abc")),
    "orders to campaign": lambda n, term: TimeoutNow(f"s{n}", "a", term),
}
ENOUGH = 1000
"""Messages of a flood until every bound is reached, where there is one."""


@pytest.fixture
def low_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a short flood comes up against."""
    monkeypatch.setattr(batches, "MAX_QUEUED", 150)
    monkeypatch.setattr(core_reads, "MAX_READS", 100)
    monkeypatch.setattr(following, "_MAX_CHUNKS", 50)
    monkeypatch.setattr("webraft_web.core.requests._REMEMBERED", 100)


def pour(server: Server, make: Callable[[int, int], Message], numbers: range, batch_every: int) -> None:
    for number in numbers:
        try:
            server.raft.step(make(number, server.raft.current_term))
        except RemoteProtocolError:
            continue
        if batch_every and number % batch_every == 0:
            server.settle()


@pytest.mark.usefixtures("low_bounds")
@pytest.mark.parametrize("batch_every", [0, 7])
@pytest.mark.parametrize("role", [follower, candidate, fresh_leader, leader, snapshotting_leader, receiving])
def test_twice_the_flood_takes_no_more_memory(role: Callable[[], Server], batch_every: int) -> None:
    """Whether batches are taken meanwhile or not; and the server goes on working."""
    for flood, make in FLOODS.items():
        server = role()
        pour(server, make, range(ENOUGH), batch_every)
        once = len(pickle.dumps(server.raft, 5))
        pour(server, make, range(ENOUGH, 2 * ENOUGH), batch_every)
        twice = len(pickle.dumps(server.raft, 5))
        assert twice <= once * 1.05 + 1000, flood
        server.settle()
        check_invariants(server)
        check_goes_on(server)
