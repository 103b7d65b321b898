"""What hostile input has broken once, as cases of their own."""

from typing import Any

import pytest

from tests.core_objects import BAD_ARGUMENT, IS_COMPILED, attributes, interpreted_only, put, remove
from tests.fuzz.garbage import Listy, Odd, Texty, nested
from tests.fuzz.roles import ROLES, follower, fresh_leader, leader, receiving, snapshotting_leader
from tests.fuzz.stepping import check_invariants, step
from tests.unit.core.servers import Server, command, members, only
from tests.unit.core.test_validation import messages
from webraft_web import wire
from webraft_web.core.batches import MAX_QUEUED
from webraft_web.core.entry import Configuration, EntryKind
from webraft_web.core.errors import BadArgumentError, OverloadedError, RemoteProtocolError
from webraft_web.core.message import (
    AppendEntries,
    HeartbeatResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
    Message,
    Propose,
    ProposeResponse,
    ReadIndex,
    ReadIndexResponse,
    RequestVote,
    RequestVoteResponse,
)
from webraft_web.core.reads import MAX_READS
from webraft_web.core.validation import MAX_ID_LENGTH, MAX_REACHED, MAX_SERVERS
from webraft_web.server import greeting

INDESCRIBABLE = [10**5000, nested(100_000), Odd(), Texty("b"), Listy(["x"]), "x" * 10**6]


@pytest.mark.parametrize("value", INDESCRIBABLE, ids=lambda value: type(value).__name__)
def test_values_that_cannot_be_described_are_refused_like_others(value: Any) -> None:
    """A refusal that asks a foreign value for its text raises whatever that raises, or is as long as it."""
    for position, message in enumerate(messages()):
        for name in attributes(type(message)):
            bad = messages()[position]
            if put(bad, name, value):
                is_data = type(value) is str and name == "data"
                assert step(follower(), bad) is is_data or is_data


def test_a_message_that_lacks_a_field_is_refused() -> None:
    """As one that was made without its constructor does."""
    for position, message in enumerate(messages()):
        for name in attributes(type(message)):
            bad = messages()[position]
            assert not remove(bad, name) or not step(follower(), bad)
    if not IS_COMPILED:
        assert not step(follower(), AppendEntries.__new__(AppendEntries))


@pytest.mark.parametrize(
    "message",
    [
        RequestVote("b", "a", MAX_REACHED + 1, 4, 2),
        AppendEntries("b", "a", 3, MAX_REACHED, 2, [command(MAX_REACHED + 1, 2)], 0),
        InstallSnapshot("b", "a", 3, MAX_REACHED + 1, 2, members("abc"), 0, 0, "", True),
    ],
)
def test_nobody_makes_a_server_reach_where_it_cannot_count_on(message: Message) -> None:
    """What it appends there itself could be stored but not read again."""
    assert not step(follower(), message)


def test_a_server_at_the_greatest_index_can_still_be_restarted() -> None:
    """It may lead there, and what it stores is what a store can hold."""
    server = follower()
    assert step(server, InstallSnapshot("b", "a", 3, MAX_REACHED, 2, members("a"), 0, 0, "", True))
    server.settle()
    server.pass_time(1000)
    assert server.raft.is_leader
    assert server.raft.log.last_index == MAX_REACHED + 1
    for entry in server.stored.entries:
        assert wire.decode_entry(wire.encode_entry(entry)) == entry
    server.restart()
    assert server.raft.log.last_index == MAX_REACHED + 1


def test_a_configuration_of_ids_that_no_wire_carries_is_refused() -> None:
    """The leader that it makes could not say who its members are."""
    huge = Configuration(("a", "b" * (MAX_ID_LENGTH + 1)))
    assert not step(follower(), InstallSnapshot("b", "a", 3, 9, 2, huge, 0, 0, "", True))


def test_many_empty_commands_count_for_what_they_take() -> None:
    """Else a million of them would be nothing."""
    server = leader()
    with pytest.raises(OverloadedError):
        server.raft.propose([""] * 1000)
    term = server.raft.current_term
    (answer,) = only(server.step(Propose("b", "a", term, 1, [""] * 1000)), ProposeResponse)
    assert answer.reason == "overloaded"


def test_a_single_command_may_be_larger_than_the_limit_but_not_several() -> None:
    """One has to pass, or it never would; several can go one after the other."""
    server = Server("a", max_uncommitted_size=100)
    server.elect()
    server.step(*(HeartbeatResponse(peer, "a", server.raft.current_term) for peer in "bc"))
    server.leadership.applied(1000)
    with pytest.raises(OverloadedError):
        server.raft.propose(["x" * 60, "y" * 60])
    assert server.raft.propose(["x" * 1000]) == server.raft.log.last_index


def test_reads_in_rounds_that_nobody_confirms_are_bounded() -> None:
    """A leader of half its voters leads on, and may never get them confirmed."""
    server = leader()
    for number in range(MAX_READS + 500):
        server.raft.step(ReadIndex("b", "a", server.raft.current_term, number))
        if number % 100 == 0:
            server.settle()
    server.settle()
    check_invariants(server)
    answers = only(server.step(ReadIndex("c", "a", server.raft.current_term, 1)), ReadIndexResponse)
    assert [answer.index for answer in answers] == [0]
    server.read_states.clear()
    server.raft.read_index(77)
    server.settle()
    assert [(state.context, state.index) for state in server.read_states] == [(77, 0)]


def test_only_voters_votes_are_kept() -> None:
    """Strangers have as many ids as they like."""
    server = next(role for role in ROLES if role.__name__ == "candidate")()
    for number in range(100):
        server.raft.step(RequestVoteResponse(f"s{number}", "a", server.raft.current_term, True))
    assert server.raft._campaign is not None
    assert server.raft._campaign.votes.keys() <= {"a", "b", "c"}


@interpreted_only
def test_a_snapshot_in_parts_of_one_character_takes_no_more_than_its_size(monkeypatch: Any) -> None:
    """They are joined now and then, and it arrives all the same."""
    monkeypatch.setattr("webraft_web.core.following._MAX_CHUNKS", 10)
    server = receiving()
    for offset in range(4, 100):
        assert step(server, InstallSnapshot("c", "a", 3, 9, 2, members("abc"), 4, offset, "x", offset == 99))
        assert len(server.raft.following._chunks) < 10
    assert server.raft.log.snapshot.data == "half" + "x" * 96


def test_parts_of_a_snapshot_asked_for_again_and_again_go_once() -> None:
    """Each is as large as a message may be, and asking costs nothing."""
    server = snapshotting_leader()
    term, last = server.raft.current_term, server.raft.log.snapshot.last_index
    for number in range(100):
        server.raft.step(InstallSnapshotResponse("c", "a", term, last, number % 2))
    (part,) = only(server.settle(), InstallSnapshot)
    assert part.offset == 1


def test_answers_that_nobody_takes_are_bounded_and_later_ones_are_given() -> None:
    """Beyond the bound messages are lost, as on a network; then all is as before."""
    server = follower()
    for number in range(MAX_QUEUED + 100):
        server.raft.step(ReadIndex("b", "a", 2, number))
    assert len(server.raft.ready().messages) == MAX_QUEUED
    server.raft.advance()
    assert len(server.step(ReadIndex("b", "a", 2, 1))) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda raft: raft.propose("text"),
        lambda raft: raft.propose([b"bytes"]),
        lambda raft: raft.propose([["list"]]),
        lambda raft: raft.propose([None]),
        lambda raft: raft.propose([]),
        lambda raft: raft.propose(None),
        lambda raft: raft.propose(["x"], 0),
        lambda raft: raft.propose(["x"], EntryKind.NO_OP),
        lambda raft: raft.forward(-1, ["x"]),
        lambda raft: raft.read_index("context"),
        lambda raft: raft.read_index(2**53),
        lambda raft: raft.add_server(None),
        lambda raft: raft.add_server(""),
        lambda raft: raft.remove_server(["b"]),
        lambda raft: raft.replace_server("b", 5),
        lambda raft: raft.transfer_leadership(None),
        lambda raft: raft.transfer_leadership("stranger"),
        lambda raft: raft.report_unreachable({}),
        lambda raft: raft.compact(1.0, "state"),
        lambda raft: raft.compact(raft.last_applied, b"state"),
        lambda raft: raft.compact(raft.last_applied + 1, "state"),
        lambda raft: raft.applied_to(None),
        pytest.param(lambda raft: raft.applied_to(True), marks=interpreted_only),
        lambda raft: raft.refreshed(None, 9),
        lambda raft: raft.feed_after(-1, 100),
        lambda raft: raft.tick(float("nan")),
        lambda raft: raft.tick(None),
    ],
)
def test_bad_arguments_are_refused_and_nothing_changes(call: Any) -> None:
    """Some of these would have gone into the log, to be refused by everybody else for ever."""
    server = leader()
    before = (
        server.raft.hard_state,
        server.raft.log.last_index,
        server.raft.now_ms,
        server.raft.last_applied,
    )
    with pytest.raises(BAD_ARGUMENT):
        call(server.raft)
    after = (server.raft.hard_state, server.raft.log.last_index, server.raft.now_ms, server.raft.last_applied)
    assert after == before
    check_invariants(server)


def test_a_cluster_has_no_more_members_than_its_messages_may_name() -> None:
    """Followers would refuse the entry, and with it everything after it."""
    server = fresh_leader()
    server.raft.log._configurations.append(
        (server.raft.log.last_index, Configuration(tuple(f"s{number}" for number in range(MAX_SERVERS))))
    )
    with pytest.raises(BadArgumentError, match="already"):
        server.raft.add_server("one-more")


def test_a_payload_of_an_astronomic_version_is_refused() -> None:
    """Integers in JSON may be larger than any float."""
    with pytest.raises(RemoteProtocolError, match="load the same release"):
        greeting.open_payload([10**400, None, "hello", []])
