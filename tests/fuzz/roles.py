"""One server in every role that a hostile message may find it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.unit.core.servers import TIMEOUT_MS, Server, command, members, stored
from webraft_web.core.entry import Snapshot
from webraft_web.core.message import (
    AppendEntriesResponse,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    RequestVoteResponse,
)
from webraft_web.core.ready import RestoredState
from webraft_web.core.role import Role

BOUNDS: Final = {
    "max_message_size": 200,
    "max_inflight_messages": 4,
    "max_inflight_size": 400,
    "max_uncommitted_size": 600,
    "max_apply_size": 300,
    "max_snapshot_size": 400,
}
"""Small, so that a short case can come up against them."""


def _server(state: RestoredState | None = None, **options: Any) -> Server:
    return Server("a", state or stored(1, 2, 2, term=2, commit_index=2), **{**BOUNDS, **options})


def _won(server: Server) -> Server:
    server.pass_time(TIMEOUT_MS)
    server.step(RequestVoteResponse("b", "a", server.raft.current_term, True))
    assert server.raft.is_leader
    return server


def follower() -> Server:
    server = _server()
    server.step(Heartbeat("c", "a", 2, 2))
    server.raft.refreshed(2, 9)
    server.settle()
    return server


def pre_candidate() -> Server:
    server = _server()
    server.pass_time(TIMEOUT_MS)
    assert server.raft.role is Role.PRE_CANDIDATE
    return server


def candidate() -> Server:
    server = _server(pre_vote=False)
    server.pass_time(TIMEOUT_MS)
    assert server.raft.role is Role.CANDIDATE
    return server


def fresh_leader() -> Server:
    """Nothing of its term is committed yet, and reads wait for that."""
    server = _won(_server(pre_vote=False))
    server.raft.read_index(1)
    return server


def leader() -> Server:
    server = _won(_server(pre_vote=False))
    term, last = server.raft.current_term, server.raft.log.last_index
    server.step(*(AppendEntriesResponse(peer, "a", term, True, last) for peer in "bc"))
    assert server.leadership.has_committed_in_term
    server.raft.read_index(7)
    server.raft.propose(["x"])
    server.settle()
    return server


def transferring_leader() -> Server:
    server = leader()
    server.raft.transfer_leadership("c")
    server.settle()
    return server


def changing_leader() -> Server:
    """A configuration change is under way."""
    server = leader()
    server.step(AppendEntriesResponse("b", "a", server.raft.current_term, True, server.raft.log.last_index))
    server.raft.add_server("d")
    server.settle()
    return server


def snapshotting_leader() -> Server:
    """A snapshot of several parts is under way to c, which lacks what is compacted."""
    server = _won(_server(pre_vote=False))
    term, last = server.raft.current_term, server.raft.log.last_index
    server.step(AppendEntriesResponse("b", "a", term, True, last))
    server.compact(server.raft.last_applied, "s" * 500)
    server.step(
        HeartbeatResponse("c", "a", term), AppendEntriesResponse("c", "a", term, False, last - 1, 0, 0)
    )
    assert server.peer("c").sending is not None
    return server


def lone_leader() -> Server:
    server = _server(stored(1, voters="a", term=2))
    server.pass_time(TIMEOUT_MS)
    assert server.raft.is_leader
    return server


def non_voter() -> Server:
    server = _server(stored(1, 2, voters="bc", non_voting="a", term=2))
    server.step(Heartbeat("c", "a", 2, 2))
    return server


def removed() -> Server:
    return _server(stored(1, 2, voters="bc", term=2))


def blank() -> Server:
    """It belongs to no cluster yet."""
    return _server(RestoredState())


def restored() -> Server:
    """Its log begins with a snapshot."""
    return _server(
        RestoredState(stored(term=3).hard_state, Snapshot(5, 2, members("abc"), "s", 2), (command(6, 2),))
    )


def receiving() -> Server:
    """Half of a snapshot has come."""
    server = _server()
    server.step(InstallSnapshot("c", "a", 3, 9, 2, members("abc"), 4, 0, "half", False))
    return server


ROLES: Final[tuple[Callable[[], Server], ...]] = (
    follower,
    pre_candidate,
    candidate,
    fresh_leader,
    leader,
    transferring_leader,
    changing_leader,
    snapshotting_leader,
    lone_leader,
    non_voter,
    removed,
    blank,
    restored,
    receiving,
)
