"""The target `step`: one server, hostile messages, and an application that may blunder too.

Held to: `step` raises RemoteProtocolError alone, and then nothing has changed;
whatever came, the server goes on working, its invariants and bounds hold, and what
it says and stores can be read by others.
"""

from __future__ import annotations

import pickle
from typing import Any, Final

from tests.core_objects import IS_COMPILED
from tests.fuzz import garbage
from tests.fuzz.choices import Choices
from tests.fuzz.messages import Hostile
from tests.fuzz.roles import ROLES
from tests.unit.core.servers import TIMEOUT_MS, Server
from webraft_web import wire
from webraft_web.core import batches, following, reads, requests
from webraft_web.core.entry import Configuration, EntryKind
from webraft_web.core.errors import LocalProtocolError, NotLeaderError, OverloadedError, RemoteProtocolError
from webraft_web.core.leadership import Leadership
from webraft_web.core.message import InstallSnapshot, Message, RequestVote, RequestVoteResponse
from webraft_web.core.ready import Feed
from webraft_web.core.validation import MAX_REACHED
from webraft_web.storage.base import Batch

_REFUSALS: Final = (
    LocalProtocolError,
    NotLeaderError,
    OverloadedError,
    *([TypeError] if IS_COMPILED else []),
)
"""What calls of the application may raise; a compiled core checks the types of arguments before all else."""


def try_step(choices: Choices) -> None:
    """Step hostile messages, with time, batches and calls of the application in between."""
    server = choices.pick(ROLES)()
    hostile = Hostile(choices, server.raft)
    while not choices.is_over:
        action = choices.below(16)
        if action < 10:
            step(server, hostile.message())
        elif action < 12:
            server.now_ms += choices.pick((0, 1, 50, TIMEOUT_MS, 5000))
            server.raft.tick(server.now_ms)
        elif action == 12:
            carry_out(server)
        elif action == 13:
            _call(server, choices)
        elif server.raft.has_ready():  # messages come while a batch is being persisted
            ready = server.raft.ready()
            for _ in range(choices.below(3)):
                step(server, hostile.message())
            _check_readable(server, ready)
            server.carry_out(ready)
        check_invariants(server)
    carry_out(server)
    check_goes_on(server)


def step(server: Server, message: Any) -> bool:
    """Step one message; return whether it was accepted. A refusal leaves everything as it was."""
    before = pickle.dumps(server.raft, 5)
    try:
        server.raft.step(message)
    except RemoteProtocolError as error:
        refusal = str(error)
    else:
        return True
    assert len(refusal) < 1000, "a refusal is as long as what it refuses"
    assert pickle.dumps(server.raft, 5) == before, "a refused message has changed something"
    return False


def carry_out(server: Server) -> list[Message]:
    """Carry out batches while there are any; return what they send."""
    messages: list[Message] = []
    for _ in range(1000):
        if not server.raft.has_ready():
            return messages
        ready = server.raft.ready()
        _check_readable(server, ready)
        messages += server.carry_out(ready)
    raise AssertionError("the server never comes to rest")


def _check_readable(server: Server, ready: Any) -> None:
    """What it stores and sends can be read back, by itself after a restart and by others."""
    log = server.raft.log
    for message in ready.messages:
        encoded = wire.encode_message(message)
        assert wire.encode_message(wire.decode_message(encoded)) == encoded
    batch = wire.encode_batch(Batch(False, None, ready.hard_state, ready.snapshot, ready.entries))
    assert wire.encode_batch(wire.decode_batch(batch)) == batch
    feed = server.raft.feed_after(log.snapshot.last_index, 200)
    assert isinstance(feed, Feed), "nothing that it asks for is compacted"
    wire.decode_feed(wire.encode_feed(feed))


def check_invariants(server: Server) -> None:
    """What always holds of a server, and the bounds on what others can make it keep."""
    raft = server.raft
    log = raft.log
    config = raft.config
    assert log.applied_index <= log.handed_out_index <= log.commit_index <= log.last_index
    assert log.snapshot.last_index <= log.persisted_index <= log.last_index
    assert log.last_term <= raft.current_term <= MAX_REACHED + 1000
    assert log.size == log.size_between(log.first_index, log.last_index)
    assert raft.deadline_ms <= raft.now_ms + 3_600_000
    receiver = raft.following
    assert (
        receiver._received_size == sum(len(chunk) for chunk in receiver._chunks) <= config.max_snapshot_size
    )
    assert len(receiver._chunks) < following._MAX_CHUNKS
    parts = [one.receiver for one in raft.batches._messages if isinstance(one, InstallSnapshot)]
    assert len(parts) == len(set(parts)), "of a snapshot's parts only one goes at a time"
    waiting = raft.batches._messages + raft.batches._promises
    assert len(waiting) <= batches.MAX_QUEUED + 100
    if raft._campaign is not None:
        assert raft._campaign.votes.keys() <= set(raft.configuration.voters)
    assert (raft.leadership is not None) == raft.is_leader
    if raft.leadership is not None:
        _check_leadership(raft.leadership)


def _check_leadership(leadership: Leadership) -> None:
    raft = leadership.raft
    log = raft.log
    config = raft.config
    assert raft.leader_id == raft.server_id
    members = {one for standing in log.standing_configurations for one in standing.servers}
    assert leadership.progress.keys() == members
    for peer in leadership.progress.values():
        assert 0 <= peer.match_index < peer.next_index <= log.last_index + 1
        assert peer.inflight_count <= config.max_inflight_messages
    assert len(leadership.forwarded._answers) <= requests._REMEMBERED
    assert (
        len(leadership.reads.waiting) + sum(len(one.reads) for one in leadership.reads._rounds)
        <= reads.MAX_READS
    )
    first = max(leadership._first_index, log.applied_index + 1, log.first_index)
    proposed = [
        entry.size
        for entry in (log.entries_from(first, 1 << 60) if first <= log.last_index else [])
        if entry.kind not in {EntryKind.NO_OP, EntryKind.CONFIGURATION}
    ]
    assert sum(proposed) <= config.max_uncommitted_size or len(proposed) == 1


def check_goes_on(server: Server) -> None:
    """A server that has been lied to still answers one who does not lie, and survives a restart."""
    raft = server.raft
    for _ in range(3):
        server.now_ms += TIMEOUT_MS
        raft.tick(server.now_ms)
        carry_out(server)
    if raft.current_term < MAX_REACHED:
        log = raft.log
        request = RequestVote("b", "a", raft.current_term + 1, log.last_index, log.last_term, True)
        raft.step(request)
        answers = [one for one in carry_out(server) if isinstance(one, RequestVoteResponse)]
        assert len(answers) == 1
        assert answers[0].term == request.term
    before = (raft.current_term, raft.log.last_index, raft.log.last_term, raft.configuration)
    server.restart()
    raft = server.raft
    assert (raft.current_term, raft.log.last_index, raft.log.last_term, raft.configuration) == before


def _call(server: Server, choices: Choices) -> None:
    """Call what the application may, well or badly; a bad call says so and changes nothing."""
    raft = server.raft
    last = raft.log.last_index

    def argument(*fitting: Any) -> Any:
        return garbage.any_value(choices) if choices.one_in(2) else choices.pick(fitting)

    calls = (
        lambda: raft.propose(argument(["x"], ["x", "y"]), argument(EntryKind.COMMAND, EntryKind.YIELD)),
        lambda: raft.forward(argument(1, 2), argument(["x"]), argument(EntryKind.COMMAND)),
        lambda: raft.read_index(argument(1, 2)),
        lambda: raft.add_server(argument("d", "e")),
        lambda: raft.remove_server(argument("b", "a", "d")),
        lambda: raft.replace_server(argument("b"), argument("f")),
        lambda: raft.transfer_leadership(argument("b", "a", "stranger")),
        lambda: raft.compact(argument(raft.last_applied, last), argument("s", None)),
        lambda: raft.applied_to(argument(raft.last_applied, last)),
        lambda: raft.refreshed(argument(1, 2), argument(last + 1, 0)),
        lambda: raft.feed_after(argument(0, last), 100),
        lambda: raft.tick(_moderate(argument(raft.now_ms))),
        lambda: raft.report_unreachable(argument("b", "stranger")),
    )
    before = pickle.dumps(raft, 5)
    try:
        choices.pick(calls)()
    except _REFUSALS:
        assert pickle.dumps(raft, 5) == before, "a refused call has changed something"
    server.now_ms = max(server.now_ms, raft.now_ms)
    if raft.log.snapshot is not server.stored.snapshot and raft.following.installed is None:
        _store_compacted(server)


def _moderate(now_ms: Any) -> Any:
    """Leave time after a leap of the clock."""
    return min(now_ms, 2**52) if type(now_ms) is int else now_ms


def _store_compacted(server: Server) -> None:
    """Persist a snapshot that the application has just made."""
    log = server.raft.log
    if log.snapshot.last_index and log.snapshot.configuration != Configuration():
        entries = tuple(one for one in server.stored.entries if one.index > log.snapshot.last_index)
        server.stored = server.stored._replace(snapshot=log.snapshot, entries=entries)
