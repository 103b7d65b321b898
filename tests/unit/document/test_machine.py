"""The machine: same entries, same state; each command once; sessions and turns from the log alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webraft_web.core.entry import Committed, Entry, EntryKind
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.document import genesis_command
from webraft_web.document import sessions as sessions_module
from webraft_web.document import turns as turns_module
from webraft_web.document.commands import open_command, patch_body, session_command, update_body
from webraft_web.document.machine import DocumentMachine
from webraft_web.document.sessions import MAX_SESSIONS, Outcome
from webraft_web.document.turns import TURN_LENGTH

INCREMENT = [{"op": "add", "path": "/log/-", "value": 1}]


class Log:
    """Feeds a machine, one entry after the other."""

    def __init__(self, machine=None, length=0):
        self.machine = machine or DocumentMachine()
        self.length = length

    def add(self, text, kind=EntryKind.COMMAND):
        self.length += 1
        return self.machine.apply(Entry(1, self.length, kind, text))

    def genesis(self, data):
        self.add(genesis_command(data), EntryKind.HOUSEKEEPING)

    def open(self, name):
        self.add(open_command(name), EntryKind.HOUSEKEEPING)
        return self.machine.sessions.find_id(name)

    def patch(self, session, number, operations=INCREMENT, watermark=1):
        return self.add(session_command(session, number, watermark, patch_body(operations)))

    def update(self, session, number, base, document):
        change = [{"op": "replace", "path": "", "value": document}]
        return self.add(session_command(session, number, 1, update_body(base, change, json.dumps(document))))


@pytest.fixture
def log():
    log = Log()
    log.genesis({"log": []})
    return log


def test_a_genesis_counts_only_while_nothing_has_changed_the_document(log):
    """The second one, of a tab that came at the same moment, is void."""
    log.genesis({"other": 1})
    assert log.machine.document == {"log": []}


def test_a_command_sent_twice_takes_effect_once(log):
    """The second copy gets the first one's outcome."""
    session = log.open("a")
    first = log.patch(session, 1)
    second = log.patch(session, 1)
    assert first == second
    assert first.outcome == Outcome(Committed(1, 3))
    assert log.machine.document == {"log": [1]}


def test_a_conflict_is_an_outcome_that_a_retry_gets_again(log):
    """Although the patch could apply by then."""
    session = log.open("a")
    remove = [{"op": "remove", "path": "/log/0"}]
    assert log.patch(session, 1, remove).outcome.position == 0
    log.patch(session, 2)
    assert log.patch(session, 1, remove).outcome.position == 0
    assert log.machine.document == {"log": [1]}


def test_commands_of_one_session_may_come_in_any_order(log):
    """A later number does not close the door to an earlier one above the watermark."""
    session = log.open("a")
    log.patch(session, 5)
    assert log.patch(session, 2).outcome is not None
    assert log.machine.document == {"log": [1, 1]}


def test_what_lies_below_the_watermark_is_refused(log):
    """The client has settled it; a late copy must not take effect."""
    session = log.open("a")
    log.patch(session, 1)
    log.patch(session, 3, watermark=3)
    assert log.patch(session, 1).outcome is None
    assert log.patch(session, 2).outcome is None
    assert log.machine.document == {"log": [1, 1]}
    assert list(log.machine.sessions.find(session).outcomes) == [3]


def test_a_watermark_may_leap(log):
    """However far: what it costs is what is kept, not how far it goes."""
    session = log.open("a")
    log.patch(session, 1)
    log.patch(session, 2**53 - 1, watermark=2**53 - 1)
    assert log.patch(session, 2).outcome is None


def test_an_unknown_session_is_refused(log):
    """Without an effect, and without an error."""
    assert log.patch(99, 1).outcome is None
    assert log.machine.document == {"log": []}


def test_the_session_used_longest_ago_gives_way(log):
    """Deterministically, by the log; using one saves it."""
    first, second = log.open("first"), log.open("second")
    for number in range(MAX_SESSIONS - 2):
        log.open(f"s{number}")
    log.patch(first, 1)
    log.open("one more")
    assert first in log.machine.sessions
    assert second not in log.machine.sessions


def test_a_replica_that_began_from_a_snapshot_closes_the_same_session(log):
    """The order of last use is part of the state: otherwise replicas would differ from there on."""
    first, second = log.open("first"), log.open("second")
    for number in range(MAX_SESSIONS - 2):
        log.open(f"s{number}")
    log.patch(first, 1)
    restored = Log(DocumentMachine.from_snapshot(log.machine.take_snapshot()), log.length)
    for one in (log, restored):
        one.open("one more")
        assert first in one.machine.sessions
        assert second not in one.machine.sessions


def test_a_late_copy_of_an_opening_cannot_revive_a_session(log):
    """It would have forgotten its outcomes, and its commands could take effect twice."""
    session = log.open("a")
    log.patch(session, 1)
    for number in range(MAX_SESSIONS):
        log.open(f"s{number}")
    assert log.open("a") != session
    assert log.patch(session, 1).outcome is None
    assert log.machine.document == {"log": [1]}


def test_opening_twice_gives_one_session(log):
    """A resent opening is harmless."""
    assert log.open("a") == log.open("a")


def test_a_session_keeps_a_bounded_number_of_outcomes(log, monkeypatch):
    """A client that settles nothing loses its oldest, which is then refused rather than applied again."""
    monkeypatch.setattr(sessions_module, "MAX_OUTCOMES", 3)
    session = log.open("a")
    for number in range(1, 6):
        log.patch(session, number)
    assert log.patch(session, 1).outcome is None
    assert log.patch(session, 5).outcome is not None
    assert log.machine.document == {"log": [1] * 5}


def test_an_update_applies_only_to_the_version_it_was_made_for(log):
    """The second of two made for the same version changes nothing."""
    a, b = log.open("a"), log.open("b")
    assert log.update(a, 1, 1, "first").outcome.reason == ""
    lost = log.update(b, 1, 1, "second").outcome
    assert "superseded" in lost.reason
    assert lost.position == -1
    assert log.machine.document == "first"


def test_a_patch_that_only_tests_supersedes_no_update(log):
    """It leaves the version as it was."""
    a, b = log.open("a"), log.open("b")
    log.patch(a, 1, [{"op": "test", "path": "/log", "value": []}])
    assert log.update(b, 1, 1, "mine").outcome.reason == ""


def test_an_update_that_loses_twice_gets_a_turn_until_it_wins(log):
    """First come, first served."""
    a, b = log.open("a"), log.open("b")
    for session in (b, a):
        for number in (1, 2):
            log.update(session, number, 0, "stale")
    assert log.machine.turns.head == b
    log.update(b, 3, 1, "fresh")
    assert log.machine.turns.head == a
    log.update(a, 3, log.machine.version, "fresh too")
    assert log.machine.turns.head is None


def test_an_update_that_wins_is_forgiven_what_it_lost(log):
    """Two losses with a success in between ask for no turn."""
    session = log.open("a")
    log.update(session, 1, 0, "stale")
    log.update(session, 2, 1, "fresh")
    log.update(session, 3, 0, "stale")
    assert log.machine.turns.head is None


def test_a_turn_ends_after_so_many_commands(log):
    """Its session may have died."""
    a, b = log.open("a"), log.open("b")
    log.update(a, 1, 0, "stale")
    log.update(a, 2, 0, "stale")
    for number in range(TURN_LENGTH):
        assert log.machine.turns.head == a
        log.patch(b, number + 1)
    log.patch(b, TURN_LENGTH + 1)
    assert log.machine.turns.head is None


def test_the_queue_of_turns_is_bounded(log, monkeypatch):
    """The others go on trying without."""
    monkeypatch.setattr(turns_module, "MAX_TURNS", 2)
    sessions = [log.open(name) for name in "abc"]
    for session in sessions:
        log.update(session, 1, 0, "stale")
        log.update(session, 2, 0, "stale")
    log.update(sessions[0], 3, log.machine.version, "fresh")
    log.update(sessions[1], 3, log.machine.version, "fresh")
    assert log.machine.turns.head is None


def test_a_closed_session_loses_its_turn(log):
    """Nobody waits for it."""
    session = log.open("a")
    log.update(session, 1, 0, "stale")
    log.update(session, 2, 0, "stale")
    assert log.machine.turns.head == session
    for number in range(MAX_SESSIONS):
        log.open(f"s{number}")
    assert log.machine.turns.head is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"k":"patch"}',
        '{"k":"patch","s":2,"n":1,"w":1,"ops":[{"op":"append","path":"/log","value":"x"}]}',
        '{"k":"patch","s":2,"n":1,"w":1,"ops":[],"more":1}',
        '{"k":"patch","s":2,"n":1,"w":2,"ops":[]}',
        '{"k":"patch","s":2,"n":0,"w":0,"ops":[]}',
        '{"k":"patch","s":2,"n":true,"w":1,"ops":[]}',
        '{"k":"patch","s":2.0,"n":1,"w":1,"ops":[]}',
        '{"k":"patch","s":"2","n":1,"w":1,"ops":[]}',
        '{"k":"patch","s":2,"n":1,"w":1,"ops":[{"op":"add","path":"/a","value":NaN}]}',
        '{"k":"patch","s":2,"n":1,"w":1,"ops":[{"op":"add","path":"/a","value":9007199254740992}]}',
        '{"k":"patch","s":2,"n":1,"w":1,"ops":[{"op":"add","path":"/a","value":%s}]}'
        % ("[" * 500 + "]" * 500),
        '{"k":"update","s":2,"n":1,"w":1,"base":1,"ops":[],"data":1}',
        '{"k":"update","s":2,"n":1,"w":1,"base":-1,"data":1}',
        '{"k":"update","s":2,"n":1,"w":1,"base":1,"data":%s}' % ("[" * 500 + "]" * 500),
        '{"k":"open","s":"sneaked in"}',
        '{"k":"genesis","data":{}}',
        '{"k":["patch"],"s":2,"n":1,"w":1,"ops":[]}',
    ],
    ids=lambda text: text[:70],
)
def test_a_malformed_command_is_skipped(log, text):
    """Nothing changes, and the log goes on."""
    session = log.open("a")
    before = log.machine.take_snapshot()
    assert log.add(text) is None
    assert log.machine.take_snapshot() == before
    log.patch(session, 1)
    assert log.machine.document == {"log": [1]}


def test_user_data_does_not_travel_as_housekeeping(log):
    """A patch in disguise would not count as the user's when two clusters meet."""
    session = log.open("a")
    text = session_command(session, 1, 1, patch_body(INCREMENT))
    assert log.add(text, EntryKind.HOUSEKEEPING) is None
    assert log.machine.document == {"log": []}


def test_other_kinds_of_entries_change_nothing(log):
    """No-ops and configurations pass by."""
    before = log.machine.take_snapshot()
    for kind in (EntryKind.NO_OP, EntryKind.CONFIGURATION, EntryKind.YIELD):
        assert log.add("", kind) is None
    assert log.machine.take_snapshot() == before


COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(["open", "patch", "update", "bad"]),
        st.integers(0, 3),
        st.integers(1, 6),
        st.integers(0, 12),
    ),
    max_size=40,
)


def feed(log, commands):
    names = ["a", "b", "c", "d"]
    for kind, who, number, base in commands:
        session = log.machine.sessions.find_id(names[who]) or 1
        if kind == "open":
            log.open(names[who])
        elif kind == "patch":
            op = "add" if base % 2 else "test"
            log.patch(session, number, [{"op": op, "path": "/x", "value": number}], max(1, number - 2))
        elif kind == "update":
            log.update(session, number, base, {"n": number})
        else:
            log.add('{"k":"patch"}')


@given(commands=COMMANDS, cut=st.integers(0, 40))
def test_a_machine_restored_from_a_snapshot_goes_on_as_if_nothing_had_happened(commands, cut):
    """Document, sessions, outcomes, order of last use and turns: all of it is in the text."""
    straight, before = Log(), Log()
    feed(straight, commands)
    feed(before, commands[:cut])
    text = before.machine.take_snapshot()
    after = Log(DocumentMachine.from_snapshot(text), before.length)
    assert after.machine.take_snapshot() == text
    feed(after, commands[cut:])
    assert after.machine.take_snapshot() == straight.machine.take_snapshot()


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"version": -1},
        {"version": True},
        {"sessions": None},
        {"sessions": [[1]]},
        {"sessions": [[1, "a", 1, 0], [2, "a", 1, 0]]},
        {"sessions": [[1, "a", 1, 0, [1, 1, 1, None, 0]]]},
        {"sessions": [[[], "a", 1, 0]]},
        {"sessions": [[None, "a", 1, 0]]},
        {"turns": []},
        {"turns": [0, 1, 1]},
        {"turns": [0, "1"]},
        {"turns": [0, *range(1, 100)]},
    ],
    ids=repr,
)
def test_a_snapshot_that_cannot_be_read_is_the_peers_fault(log, change):
    """RemoteProtocolError, whatever is wrong in it."""
    fields = json.loads(log.machine.take_snapshot()) | change
    with pytest.raises(RemoteProtocolError):
        DocumentMachine.from_snapshot(json.dumps(fields))


@pytest.mark.parametrize("text", ["", "null", "[]", "1", '{"format":1}', "[" * 100_000])
def test_nonsense_is_no_snapshot(text):
    """Neither does it crash."""
    with pytest.raises(RemoteProtocolError):
        DocumentMachine.from_snapshot(text)
