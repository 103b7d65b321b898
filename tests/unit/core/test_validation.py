"""No message changes anything before it is known to be well-formed, whoever made it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core_objects import attributes, put, remove
from tests.unit.core.servers import TIMEOUT_MS, Server, change, command, members, stored
from webraft_web.core.entry import Configuration, Entry, EntryKind
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
from webraft_web.core.validation import MAX_ID_LENGTH, MAX_NUMBER, MAX_REACHED, MAX_SERVERS, MAX_TERM_LEAP


def messages() -> list[Message]:
    """One well-formed message of every kind, from "b" to "a" in term 3."""
    entries = [command(4, 2), change(5, "abc", "d", term=3)]
    return [
        RequestVote("b", "a", 3, 4, 2),
        RequestVoteResponse("b", "a", 3, True),
        PreVote("b", "a", 4, 4, 2),
        PreVoteResponse("b", "a", 4, True),
        AppendEntries("b", "a", 3, 3, 2, entries, 4),
        AppendEntriesResponse("b", "a", 3, True, 2),
        AppendEntriesResponse("b", "a", 3, False, 2, 1, 1),
        Heartbeat("b", "a", 3, 2, 1),
        HeartbeatResponse("b", "a", 3, 0),
        InstallSnapshot("b", "a", 3, 9, 2, members("abc"), 4, 0, "state", True),
        InstallSnapshot("b", "a", 3, 9, 2, members("abc"), 4, 0, None, True),
        InstallSnapshotResponse("b", "a", 3, 9, 4),
        TimeoutNow("b", "a", 3),
        Propose("b", "a", 3, 1, ["x", "y"]),
        ProposeResponse("b", "a", 3, 1, 3, 7),
        ReadIndex("b", "a", 3, 1),
        ReadIndexResponse("b", "a", 3, 1, 7),
        ConfirmRefresh("b", "a", 3, 2, 2),
        ConfirmRefreshResponse("b", "a", 3, 2, 9, members("abc"), 4),
    ]


def a_follower() -> Server:
    server = Server("a", stored(1, 2, 2, term=2))
    server.step(Heartbeat("c", "a", 2, 2))
    server.raft.refreshed(2, 9)
    server.settle()
    return server


def a_candidate() -> Server:
    server = Server("a", stored(1, 2, 2, term=2), pre_vote=False)
    server.pass_time(TIMEOUT_MS)
    return server


def a_pre_candidate() -> Server:
    server = Server("a", stored(1, 2, 2, term=3))
    server.pass_time(TIMEOUT_MS)
    return server


def a_leader() -> Server:
    server = Server("a", stored(1, 2, 2, term=2))
    server.elect()
    server.raft.read_index(1)
    server.settle()
    return server


ROLES = [a_follower, a_candidate, a_pre_candidate, a_leader]


def picture(value: object, seen: set[int] | None = None) -> object:
    """Everything reachable from an object, in a form that can be compared."""
    seen = set() if seen is None else seen
    if isinstance(value, int | str | float):
        return repr(value)
    if value is None or callable(value):
        return type(value).__name__
    if id(value) in seen:
        return "seen"
    seen.add(id(value))
    if isinstance(value, dict):
        return [(picture(key, seen), picture(one, seen)) for key, one in value.items()]
    if isinstance(value, list | tuple | set | frozenset) or type(value).__name__ == "deque":
        return [picture(one, seen) for one in value]
    names = [*getattr(value, "__dict__", {})]
    names += attributes(type(value))
    return [(name, picture(getattr(value, name), seen)) for name in names]


class Odd:
    """Something that no field expects."""


GARBAGE = st.one_of(
    st.sampled_from([None, True, False, "", "a", "b", "x", Odd(), Odd, -1, 0, 1, 2, 3, 4, 5, 9]),
    st.sampled_from([2**53 - 1, 2**53, 2**64, 1.0, float("nan"), float("inf"), b"x", (), [], {}, object]),
    st.sampled_from([[None], ["x"], [command(4, 2)], [command(5, 3)], [command(4, 9)], [1, 2]]),
    st.sampled_from([EntryKind.COMMAND, EntryKind.YIELD, EntryKind.CONFIGURATION, Configuration()]),
    st.sampled_from([members("a"), members("abcdefg"), members("", "ab"), command(1), change(1, "")]),
    st.integers(),
    st.text(max_size=5),
    st.recursive(st.integers() | st.text(max_size=3), st.lists, max_leaves=5),
)


def places(message: Message) -> list[tuple[Any, str]]:
    """Every attribute of a message, its entries and its configurations."""
    found: list[tuple[Any, str]] = []
    todo: list[Any] = [message]
    while todo:
        value = todo.pop()
        for name in attributes(type(value)):
            found.append((value, name))
            inner = getattr(value, name)
            todo += [
                one
                for one in (inner if isinstance(inner, list) else [inner])
                if isinstance(one, Entry | Configuration)
            ]
    return found


@pytest.mark.parametrize("role", ROLES)
def test_well_formed_messages_are_accepted(role: Any) -> None:
    """Each kind is handled in each role without complaint, unless it contradicts a leader's own term."""
    for message in messages():
        server = role()
        claims_to_lead = isinstance(message, AppendEntries | Heartbeat | InstallSnapshot)
        if claims_to_lead and server.raft.is_leader:
            with pytest.raises(RemoteProtocolError):
                server.step(message)
        else:
            server.step(message)


def fresh(value: Any) -> Any:
    """A copy, as far as places() reaches: what is drawn again must not have been bent meanwhile."""
    if isinstance(value, Entry):
        return Entry(value.term, value.index, value.kind, value.data, fresh(value.configuration))
    if isinstance(value, Configuration):
        return Configuration(value.voters, value.non_voting)
    return [fresh(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("role", ROLES)
@settings(max_examples=120, derandomize=True)
@given(data=st.data())
def test_garbage_anywhere_in_a_message_raises_one_error_and_changes_nothing(role: Any, data: Any) -> None:
    """Any attribute may be anything: the step succeeds, or refuses with everything as it was."""
    server = role()
    message = messages()[data.draw(st.integers(0, len(messages()) - 1))]
    for _ in range(data.draw(st.integers(1, 2))):
        found = places(message)
        owner, name = found[data.draw(st.integers(0, len(found) - 1))]
        put(owner, name, fresh(data.draw(GARBAGE)))
    before = picture(server.raft)
    try:
        server.raft.step(message)
    except RemoteProtocolError:
        assert picture(server.raft) == before
    else:
        server.settle()
        check_invariants(server)


def check_invariants(server: Server) -> None:
    log = server.raft.log
    assert log.snapshot.last_index <= log.applied_index <= log.handed_out_index
    assert log.handed_out_index <= log.commit_index <= log.last_index
    assert log.persisted_index == log.last_index
    assert server.raft.current_term >= log.last_term
    if server.raft.leadership is not None:
        for peer in server.leadership.progress.values():
            assert 0 <= peer.match_index < peer.next_index


@settings(max_examples=80, derandomize=True)
@given(data=st.data())
def test_any_sequence_of_well_formed_messages_keeps_the_invariants(data: Any) -> None:
    """A hostile but careful sender can mislead a server, never break it."""
    server = data.draw(st.sampled_from(ROLES))()
    for _ in range(data.draw(st.integers(1, 12))):
        message = messages()[data.draw(st.integers(0, len(messages()) - 1))]
        message.sender = data.draw(st.sampled_from("bcx"))
        message.term = data.draw(st.integers(0, 6))
        numbers = [
            name
            for owner, name in places(message)
            if owner is message and type(getattr(message, name)) is int
        ]
        setattr(message, data.draw(st.sampled_from(numbers)), data.draw(st.integers(0, 12)))
        try:
            server.raft.step(message)
        except RemoteProtocolError:
            continue
        if data.draw(st.booleans()):
            server.settle()
        if data.draw(st.booleans()):
            server.pass_time(data.draw(st.integers(0, TIMEOUT_MS)))
    server.settle()
    check_invariants(server)


@pytest.mark.parametrize("value", [None, 1, "x", Odd(), Message("b", "a", 3)])
def test_what_is_no_message_is_refused(value: Any) -> None:
    """Even a message of no known kind."""
    with pytest.raises(RemoteProtocolError):
        a_follower().raft.step(value)


def bent(value: Any, name: str, foreign: Any) -> Any:
    """What has something foreign in one place; None where it is compiled and cannot."""
    return value if put(value, name, foreign) else None


def of_size(entry: Entry, size: int) -> Entry:
    """An entry that says that it is larger or smaller than it is."""
    entry.size = size
    return entry


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (Heartbeat("b", "x", 3, 0), "this server is 'a'"),
        (Heartbeat("a", "a", 3, 0), "another server's id"),
        (Heartbeat("", "a", 3, 0), "another server's id"),
        (Heartbeat("b", "a", MAX_NUMBER + 1, 0), "term is"),
        (Heartbeat("b", "a", 3 + MAX_TERM_LEAP, 0), "absurdly far"),
        (Heartbeat("b", "a", MAX_REACHED + 1, 0), "absurdly far"),
        (Heartbeat("b", "a", 0, 0), "nobody leads in term 0"),
        (Heartbeat("b", "a", 3, -1), "leader_commit is -1"),
        (Heartbeat("b" * (MAX_ID_LENGTH + 1), "a", 3, 0), "another server's id"),
        (bent(RequestVoteResponse("b", "a", 3, True), "vote_granted", 1), "vote_granted is 1"),
        (RequestVote("b", "a", 0, 0, 0), "nobody campaigns in term 0"),
        (RequestVote("b", "a", 3, 4, 5), "its last entry is of term 5"),
        (AppendEntries("b", "a", 3, 0, 1, [], 0), "0 together"),
        (AppendEntries("b", "a", 3, 3, 4, [], 0), "beyond the leader's term"),
        (AppendEntries("b", "a", 3, 3, 2, [], 2**53), "leader_commit is"),
        (bent(AppendEntries("b", "a", 3, 3, 2, [], 0), "entries", (command(4, 2),)), "must be a list"),
        (AppendEntries("b", "a", 3, MAX_REACHED, 2, [command(MAX_REACHED + 1, 2)], 0), "absurdly far"),
        (AppendEntries("b", "a", 3, 3, 2, [bent(Entry(3, 4), "kind", 0)], 0), "bad kind"),
        (AppendEntries("b", "a", 3, 3, 2, [of_size(command(4, 2), 0)], 0), "the size of its data"),
        (AppendEntries("b", "a", 3, 3, 2, [command(5, 2)], 0), "out of place"),
        (AppendEntries("b", "a", 3, 3, 2, [command(4, 1)], 0), "after 2"),
        (AppendEntries("b", "a", 3, 3, 2, [command(4, 4)], 0), "from a leader of 3"),
        (AppendEntries("b", "a", 3, 3, 2, [Entry(3, 4, EntryKind.CONFIGURATION)], 0), "a configuration"),
        (AppendEntries("b", "a", 3, 3, 2, [Entry(3, 4, configuration=members("a"))], 0), "no configuration"),
        (AppendEntriesResponse("b", "a", 3, False, 2, 3, 1), "its hint 3"),
        (InstallSnapshot("b", "a", 3, 0, 0, members("a"), 0, 0, "", True), "stands for index 0"),
        (InstallSnapshot("b", "a", 3, 9, 4, members("a"), 0, 0, "", True), "of term 4"),
        (InstallSnapshot("b", "a", 3, MAX_REACHED + 1, 2, members("a"), 0, 0, "", True), "absurdly far"),
        (InstallSnapshot("b", "a", 3, 9, 2, members("a"), 10, 0, "", True), "first command"),
        (bent(InstallSnapshot("b", "a", 3, 9, 2, members("a"), 0, 0, "", True), "data", b""), "text"),
        (
            bent(InstallSnapshot("b", "a", 3, 9, 2, members("a"), 0, 0, "", True), "configuration", "abc"),
            "a configuration",
        ),
        (InstallSnapshot("b", "a", 3, 9, 2, members("a"), 0, 4, None, True), "no chunks"),
        (InstallSnapshot("b", "a", 3, 9, 2, members("a"), 0, 4, "", False), "empty chunk"),
        (InstallSnapshot("b", "a", 3, 9, 2, members("", "a"), 0, 0, "", True), "at least one voter"),
        (InstallSnapshot("b", "a", 3, 9, 2, Configuration(("a", "")), 0, 0, "", True), "server ids"),
        (Propose("b", "a", 3, 1, []), "not empty"),
        (Propose("b", "a", 3, 1, ["x"], EntryKind.CONFIGURATION), "cannot be proposed"),
        (Propose("b", "a", 3, 1, ["x"], EntryKind.NO_OP), "cannot be proposed"),
        (Propose("b", "a", 3, 1, ["x", 1]), "must be text"),  # type: ignore[list-item]
        (ProposeResponse("b", "a", 3, 1, 0, 0, "x" * 1000), "short text"),
        (ConfirmRefreshResponse("b", "a", 3, 0, 9, members("a")), "cannot be"),
        (ConfirmRefreshResponse("b", "a", 3, 2, 9, members("a"), 0, 3, 9), "cannot be"),
        (ConfirmRefreshResponse("b", "a", 3, 2, 9, members("a"), 0, 2, 10), "cannot be"),
    ],
)
def test_what_cannot_be_is_refused_and_said(message: Message, why: str) -> None:
    """The error names the sender, what was seen and what was expected."""
    if message is None or (isinstance(message, AppendEntries) and None in message.entries):
        pytest.skip("a compiled message cannot hold this")
    server = a_follower()
    before = picture(server.raft)
    with pytest.raises(RemoteProtocolError, match=why):
        server.raft.step(message)
    assert picture(server.raft) == before


def test_a_configuration_of_too_many_servers_is_refused() -> None:
    """No message makes a server track more peers than the bound."""
    many = Configuration(tuple(str(number) for number in range(MAX_SERVERS + 1)))
    with pytest.raises(RemoteProtocolError, match="at most"):
        a_follower().raft.step(InstallSnapshot("b", "a", 3, 9, 2, many, 0, 0, "", True))


def test_a_configuration_of_other_things_than_tuples_is_refused() -> None:
    """It could be changed by its sender, in one process, after it was found good."""
    listed = members("ab")
    if not put(listed, "voters", ["a", "b"]):
        pytest.skip("a compiled configuration cannot hold this")
    with pytest.raises(RemoteProtocolError, match="two tuples"):
        a_follower().raft.step(InstallSnapshot("b", "a", 3, 9, 2, listed, 0, 0, "", True))


def test_a_message_without_one_of_its_fields_is_refused() -> None:
    """Whatever made it did not call its constructor."""
    message = Heartbeat("b", "a", 3, 0)
    if not remove(message, "read_round"):
        pytest.skip("a compiled message lacks nothing")
    with pytest.raises(RemoteProtocolError, match="lacks a field"):
        a_follower().raft.step(message)


def test_a_configuration_that_lists_a_server_twice_is_refused() -> None:
    """One server would count as a majority by itself."""
    doubled = members("ab")
    doubled.voters = ("a", "a", "b")
    with pytest.raises(RemoteProtocolError, match="once"):
        a_follower().raft.step(InstallSnapshot("b", "a", 3, 9, 2, doubled, 0, 0, "", True))


def test_a_number_is_no_kind_however_equal() -> None:
    """Followers would refuse the entry, and with it everything that the leader sends from then on."""
    leader = a_leader()
    for kind in (0, False, 3, 3.0):
        message = Propose("b", "a", 3, 1, ["x"])
        if put(message, "kind", kind):
            with pytest.raises(RemoteProtocolError, match="kind"):
                leader.raft.step(message)
