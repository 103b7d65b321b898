"""Processes as members of rooms: over WebRTC and a real signalling server, with rooms in real files."""

import asyncio
import json
import re

import pytest

from tests.peers import SECRET, PeerProgram, until
from tests.readme import TEXT, python_block
from tests.tabs.test_webrtc import own_address, signaling_server
from webraft_web import peer, room
from webraft_web.core.errors import ConfigError, LocalProtocolError, StorageError
from webraft_web.document import SharedDocument
from webraft_web.peer.platform import ProcessPlatform, file_name
from webraft_web.peer.process import Process
from webraft_web.storage import sqlite


@pytest.fixture(scope="module")
def signaling():
    own_address()
    with signaling_server() as url:
        yield [url]


def voters(doc):
    return list(doc.status()["members"].values()).count("voter")


def test_two_processes_share_a_room_and_either_keeps_it(signaling, tmp_path):
    """One begins it, one waits for that; one leaves, and the other goes on, alone and after a restart."""

    async def together():
        waiting = asyncio.ensure_future(
            peer.join_room("Room", store=tmp_path / "one", signaling=signaling, secret=SECRET)
        )
        await asyncio.sleep(0)
        assert not waiting.done()
        other = Process(tmp_path / "two")
        connection = await other.enter(
            "Room",
            link=None,
            initial={"n": 0},
            signaling=signaling,
            secret=SECRET,
            ice_servers=None,
            voters=5,
            may_found=True,
        )
        doc = await waiting
        await until(lambda: voters(doc) == 2)
        begun = SharedDocument(connection.client)
        for one in (doc, begun):
            await one.update(lambda state: {"n": state["n"] + 1})
        assert await doc.read() == {"n": 2}
        status = doc.status()
        assert (status["storage"], len(status["links"]), status["missing"]) == ("sqlite", 1, [])
        await other.say_goodbye()
        with pytest.raises(LocalProtocolError, match="was closed"):
            await begun.patch([])
        await doc.update(lambda state: {"n": state["n"] + 1})
        assert voters(doc) == 1
        again = await peer.join_room(store=tmp_path / "one", link=doc.invite_link(), signaling=signaling)
        assert again.state == {"n": 3}
        await peer.say_goodbye()

    async def alone():
        doc = await peer.join_room("Room", store=tmp_path / "one", signaling=signaling, secret=SECRET)
        assert doc.state == {"n": 3}
        assert await peer.list_rooms(store=tmp_path / "one") == ["Room"]
        exported = json.loads(await peer.export_room("Room", store=tmp_path / "one"))
        assert (exported["document"], exported["problems"]) == ({"n": 3}, [])
        await peer.delete_room("Room", store=tmp_path / "one")
        assert await peer.list_rooms(store=tmp_path / "one") == []
        await peer.say_goodbye()

    asyncio.run(together())
    asyncio.run(alone())


def test_a_directory_belongs_to_one_process_at_a_time(signaling, tmp_path, monkeypatch):
    """The second is told so, and the first goes on."""
    monkeypatch.setattr(sqlite, "BUSY_S", 0.1)

    async def main():
        options = {"store": tmp_path, "signaling": signaling, "secret": SECRET}
        doc = await peer.join_room("room", initial=[], may_found=True, **options)
        with pytest.raises(StorageError, match="in use by another process"):
            await Process(tmp_path).page.join_room("room", signaling=signaling, secret=SECRET)
        await doc.patch([{"op": "add", "path": "/-", "value": 1}])
        assert doc.state == [1]
        await peer.say_goodbye()

    asyncio.run(main())


LINK = "https://example.org/#room=trip&cluster=c&secret=0Ksd82hLqP3xYb7TnVw5mZcR"


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("room", {}, "none was given"),
        ("room", {"signaling": ["nonsense"], "secret": "public"}, "no signalling server that is understood"),
        ("room", {"signaling": ["wss://example.org"]}, "needs a secret"),
        ("room", {"signaling": ["wss://example.org"], "link": LINK}, "invites to room 'trip', not to 'room'"),
        (None, {"signaling": ["wss://example.org"], "link": LINK, "voters": 99}, "voters"),
        (None, {"signaling": ["wss://example.org"]}, "a link, or the room's name"),
        (
            None,
            {"signaling": ["wss://example.org"], "link": LINK, "ice_servers": [{"urls": "x"}]},
            "the ICE server at",
        ),
    ],
)
def test_options_that_cannot_be_honoured_are_refused_before_anything_is_opened(tmp_path, name, options, says):
    """Each with what it should be."""
    with pytest.raises(ConfigError, match=says):
        asyncio.run(peer.join_room(name, store=tmp_path / "store", **options))
    assert not (tmp_path / "store").exists()


def test_the_rooms_of_browsers_name_the_way_for_processes():
    """Whoever calls it outside of a browser learns what to run instead, and what to install."""
    with pytest.raises(
        ConfigError, match=r"python -m webraft_web\.peer.*'webraft_web\[peer\]'.*RaftInterface"
    ):
        asyncio.run(room.join_room("room"))


def test_every_room_has_a_file_name_that_is_plain_and_its_own():
    """Whatever is in the room's name, and however long it is."""
    names = [
        "room",
        "../room",
        "room/x",
        "ROOM x",
        "",
        "é" * 256,
        "é" * 255 + "e",
        "a" * 256,
        "a" * 255 + "b",
    ]
    files = [file_name(name) for name in names]
    assert files[0] == "room.sqlite3"
    assert len(set(files)) == len(names)
    assert all(len(name) < 200 and name.isascii() and "/" not in name for name in files)


def test_a_lock_is_held_by_one_after_the_other_in_the_order_of_asking(tmp_path):
    """Who gives up waiting gets it never; nobody outside of the process is asked."""

    async def main():
        platform = ProcessPlatform(tmp_path)
        held, names = [], []

        def request(who):
            return platform.request_lock("lock", on_held=lambda: held.append(who), on_lost=held.clear)

        first, second, third = request(1), request(2), request(3)
        await asyncio.sleep(0)
        assert held == [1]
        second.release()
        first.release()
        first.release()
        await asyncio.sleep(0)
        assert held == [1, 3]
        platform.query_locks("lo", names.append)
        third.release()
        fourth = request(4)
        fourth.release()
        platform.query_locks("lo", names.append)
        await asyncio.sleep(0)
        assert (held, names) == ([1, 3], [["lock"], []])

    asyncio.run(main())


def test_a_process_has_nothing_of_a_page_but_what_a_room_needs(tmp_path):
    """No address, no mirror, nobody to hear its channels; and nothing fails for that."""

    async def main():
        platform = ProcessPlatform(tmp_path)
        channel = platform.open_channel("name", print)
        channel.post("text")
        channel.close()
        platform.mirror_set("key", "text")
        platform.mirror_remove("key")
        platform.keep_stored()
        assert platform.mirror_get("key") is None
        assert (platform.page_url(), platform.page_fragment(), platform.is_visible()) == ("", "", True)
        told = []
        end = platform.on_lifecycle(told.append)
        platform.leave()
        end()
        end()
        platform.leave()
        assert told == ["pagehide"]

    asyncio.run(main())


def test_the_member_and_the_bot_of_the_readme_work_as_shown(signaling, tmp_path, monkeypatch):
    """The command takes part in a room that somebody begins, and the bot writes into it."""
    monkeypatch.chdir(tmp_path)
    here = signaling[0]
    (command,) = re.findall(r"^WEBRAFT_SECRET=(\S+) python -m webraft_web\.peer (.*)$", TEXT, re.MULTILINE)
    secret, arguments = command[0], command[1].replace("ws://127.0.0.1:4444", here)
    bot = python_block("say_goodbye").replace("ws://127.0.0.1:4444", here)
    names = {"SECRET": secret}
    exec("\n    ".join(["async def bot():", *bot.splitlines()]), names)

    async def room():
        doc = await peer.join_room(
            "trip", store="own", initial=[], may_found=True, signaling=signaling, secret=secret
        )
        await asyncio.to_thread(member.wait_for, "2 of 2 members vote")
        await names["bot"]()
        return doc.state

    member = PeerProgram(*arguments.split(), secret=secret)
    try:
        member.wait_for("signalling server")
        assert asyncio.run(room()) == ["a bot was here"]
    finally:
        assert member.end() == 0
    assert (tmp_path / "webraft-rooms" / "trip.sqlite3").exists()
