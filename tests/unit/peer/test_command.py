"""`python -m webraft_web.peer`: what it says, and that nothing acknowledged is lost whenever it is killed."""

import asyncio
import contextlib
import io
import json
import subprocess
import sys

import pytest

from tests.peers import SECRET, PeerProgram, until
from tests.tabs.test_webrtc import own_address, signaling_server
from webraft_web import peer
from webraft_web.core.errors import OutcomeUnknownError
from webraft_web.peer.command import _recover, _state, main


@pytest.fixture
def signaling():
    own_address()
    with signaling_server() as url:
        yield url


def exported(directory):
    command = [sys.executable, "-P", "-m", "webraft_web.peer", "room", "--export", "--store", directory]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_member_that_is_killed_while_it_is_written_to_loses_nothing_acknowledged(signaling, tmp_path):
    """It leads, so that writes wait for it to be started again; what was acknowledged is on its disk."""
    arguments = ("room", "--found", "--signaling", signaling, "--store", tmp_path / "peer")
    acknowledged = []

    async def write(doc):
        while True:
            number = len(acknowledged)

            def put(state, number=number):
                return {**state, str(number): number}

            await doc.update(put)
            acknowledged.append(number)

    async def room():
        member = await asyncio.to_thread(PeerProgram, *arguments)
        try:
            await asyncio.to_thread(member.wait_for, "leading · 1 of 1")
            doc = await peer.join_room("room", store=tmp_path / "own", signaling=[signaling], secret=SECRET)
            await asyncio.to_thread(member.wait_for, "2 of 2 members vote")
            writing = asyncio.ensure_future(write(doc))
            await until(lambda: len(acknowledged) >= 20)
            await asyncio.to_thread(member.kill)
            goal = len(acknowledged) + 20
            member = await asyncio.to_thread(PeerProgram, *arguments)
            await until(lambda: len(acknowledged) >= goal)
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing
            await doc.read()
            await peer.say_goodbye()
            await asyncio.to_thread(member.wait_for, "1 of 1 members vote")
        finally:
            await asyncio.to_thread(member.end)

    asyncio.run(room())
    kept = exported(tmp_path / "peer")
    assert [kept.get(str(number)) for number in acknowledged] == acknowledged
    assert len(kept) - len(acknowledged) in {0, 1}


def test_it_says_what_it_waits_for_and_ends_in_order_when_told(tmp_path):
    """Also where no signalling server is to be had: that may change."""
    secret_file = tmp_path / "secret"
    secret_file.write_text(f"{SECRET}\n")
    member = PeerProgram(
        *("a room", "--signaling", "ws://127.0.0.1:9", "--store", tmp_path / "store"),
        *("--secret-file", secret_file),
        secret="",
    )
    member.wait_for("signalling server ws://127.0.0.1:9: not connected")
    assert member.lines[0].endswith("a%20room.sqlite3")
    assert "waiting for somebody who holds the room (index 0)" in member.lines
    assert member.end() == 0
    assert member.lines[-1] == "said goodbye"


@pytest.mark.long
def test_a_member_whose_majority_is_lost_for_good_goes_on_when_it_is_told_to(signaling, tmp_path):
    """It says whom it waits for, and with what it has becomes a cluster of its own."""

    def member(name, *more):
        return PeerProgram("room", "--signaling", signaling, "--store", tmp_path / name, *more)

    with contextlib.ExitStack() as stack:
        leader = member("leader", "--found")
        stack.callback(leader.kill)
        other = member("other")
        leader.wait_for("2 of 2 members vote")
        other.wait_for("is a voter")
        leader.kill()
        other.wait_for("no majority: waiting for")
        assert other.end() == 0
        other = member("other", "--recover")
        other.wait_for("leading · 1 of 1 members vote")
        assert any(line.startswith("recovered") for line in other.lines)
        assert other.end() == 0
    assert exported(tmp_path / "other") == {}


def test_a_recovery_that_takes_too_long_is_asked_for_again(capsys):
    """Instead of ending the program that a room's last member runs."""

    class Slow:
        asked = 0

        async def recover(self):
            self.asked += 1
            if self.asked == 1:
                raise OutcomeUnknownError("within 8 s it was not seen to")

    async def ask():
        slow = Slow()
        return [await _recover(slow), await _recover(slow)]

    assert asyncio.run(ask()) == [False, True]
    assert "not recovered yet: within 8 s it was not seen to" in capsys.readouterr().out


LINK = "https://example.org/#room=trip&cluster=c&secret=0Ksd82hLqP3xYb7TnVw5mZcR"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["room"], "meets browsers at signalling servers"),
        (["room", "--signaling", "ws://127.0.0.1:9"], "needs a secret"),
        (["room", "--signaling", "ws://127.0.0.1:9", "--secret-file", "missing"], "missing"),
        (["--link", "https://example.org/"], "invites to no room"),
        (["room", "--link", "-", "--signaling", "ws://127.0.0.1:9"], "invites to room 'trip'"),
        (["room", "--public", "--signaling", "ws://127.0.0.1:9", "--ice-server", "{}"], "ICE server at None"),
        (["room", "--export"], "keeps no room 'room'"),
        (["--link", LINK, "--export"], "keeps no room 'trip'"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_an_exit_code(arguments, says, tmp_path, monkeypatch, capsys):
    """The line says what was seen and what to do."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WEBRAFT_SECRET", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO(LINK + "\n"))
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("webraft_web.peer: ")
    assert says in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "which room"),
        (["room", "--secret", "x"], "unrecognized arguments"),
        (
            ["room", "--ice-server", '{"credential": "private"'],
            "--ice-server: expected a URL or a JSON object",
        ),
        (["room", "--ice-server", "@missing"], "No such file"),
    ],
)
def test_wrong_options_show_how_it_is_used(arguments, says, capsys):
    """Of a secret on the command line there is nothing to be had."""
    with pytest.raises(SystemExit) as exit_of:
        main(arguments)
    assert exit_of.value.code == 2
    printed = capsys.readouterr().err
    assert says in printed
    assert "private" not in printed


def test_a_turn_servers_credential_may_come_from_a_file_and_is_not_told(tmp_path, capsys):
    """Every user of the machine sees command lines, and many see logs."""
    file = tmp_path / "turn.json"
    file.write_text('{"urls": "turn/nowhere", "username": "me", "credential": "private"}\n')
    options = ["room", "--store", str(tmp_path), "--public", "--signaling", "ws://127.0.0.1:9"]
    assert main([*options, "--ice-server", f"@{file}"]) == 1
    printed = capsys.readouterr().err
    assert "the ICE server at 'turn/nowhere' is not understood" in printed
    assert "private" not in printed


STATUS = {"address": "me", "members": {"me": "voter", "you": "voter"}, "missing": [], "leader": "you"}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"members": {}}, "waiting for somebody who holds the room"),
        ({}, "me is a voter · led by you · 2 of 2 members vote"),
        ({"leader": "me"}, "me is a voter · leading · 2 of 2 members vote"),
        ({"leader": None}, "me is a voter · electing a leader · 2 of 2 members vote"),
        ({"missing": ["you"]}, "me is a voter · no majority: waiting for you · 2 of 2 members vote"),
        (
            {"members": {"me": "non_voting", "you": "voter"}},
            "me is not voting yet · led by you · 1 of 2 members vote",
        ),
        ({"members": {"you": "voter"}}, "me is not a member yet · led by you · 1 of 1 members vote"),
    ],
)
def test_how_a_room_stands_is_told_in_a_line(change, line):
    """Of `status()`, what a person who runs it wants to know."""
    assert _state({**STATUS, **change}) == line


def test_a_damaged_room_is_printed_as_far_as_it_can_be_read(tmp_path, capsys):
    """Here that is nothing, and the line says what is to be done about it."""
    (tmp_path / "room.sqlite3").write_bytes(b"SQLite format 3\0" + bytes(100))
    assert main(["room", "--export", "--store", str(tmp_path)]) == 1
    assert "journal 'room'" in capsys.readouterr().err
