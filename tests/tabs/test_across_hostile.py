"""Rooms across browsers beside those who mean harm: at the signalling server, and with the room's secret."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

import tests.misbehaviour
from tests.signaling.processes import listening, program, url_of
from tests.tabs.browser import wait_until
from tests.tabs.houses import ADD, SECRET, House, errors_of, read_all, street, tabs_of, wait_for_votes

NAME = "our private kanban"
MEETING = """
    import gc
    from webraft_web.transports.signaling.meeting import Meeting
    [meeting.status() for meeting in gc.get_objects() if isinstance(meeting, Meeting)]
"""
MALLORY = """
    from webraft_web.transports.webrtc.opening import open_page_mesh
    links, told = {{}}, []

    def on_link(link):
        def heard(text):
            victim = read_victim(text)
            if victim is not None:
                links[victim] = link
        link.on_text = heard

    mesh = await open_page_mesh(
        {room!r}, {secret!r}, signaling=[{signaling!r}], ice_servers=[], claim=lambda: CLAIM,
        on_link=on_link, on_error=lambda error: told.append(repr(error)),
    )
"""


class Ear:
    """Listens between browsers and their signalling server, and speaks to that itself.

    Fields:
        url: Where browsers find the server.
        frames: All that passed, both ways.
    """

    def __init__(self, server: str, loop: asyncio.AbstractEventLoop) -> None:
        self.url = ""
        self.frames: list[str] = []
        self._server = server
        self._loop = loop
        self._done = asyncio.Event()

    async def listen(self, is_ready: threading.Event) -> None:
        async with listening(self._server) as (address, self.frames):
            self.url = url_of("y-webrtc", address)
            is_ready.set()
            await self._done.wait()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._done.set)

    def say(self, frames: list[str]) -> None:
        """Say all that to the server, as somebody of one's own."""

        async def speak() -> None:
            async with connect(f"ws://{self._server}") as server:
                for frame in frames:
                    await server.send(frame)

        asyncio.run_coroutine_threadsafe(speak(), self._loop).result(60)


@contextmanager
def ear() -> Iterator[Ear]:
    """Run a signalling server with somebody who listens in front of it."""
    loop = asyncio.new_event_loop()
    is_ready = threading.Event()
    with program("y-webrtc") as server:
        listener = Ear(server.address, loop)
        thread = threading.Thread(target=lambda: loop.run_until_complete(listener.listen(is_ready)))
        thread.start()
        try:
            assert is_ready.wait(30), "nobody listens"
            yield listener
        finally:
            listener.end()
            thread.join()
            loop.close()


def published(frames: list[str]) -> list[dict[str, Any]]:
    """Return the frames that pages published."""
    return [frame for frame in map(json.loads, frames[1:]) if isinstance(frame, dict) and "data" in frame]


def refused(house: House[Any]) -> dict[str, int]:
    """Return what a browser's meeting has refused, by reason."""
    (status,) = house.tabs[0].python(MEETING)
    counts: dict[str, int] = status["refused"]
    return counts


@pytest.mark.long
def test_who_listens_learns_nothing_and_who_speaks_disturbs_nobody(site: str, tmp_path: Path) -> None:
    """Nothing telling is to be read in any frame; replays, forgeries and floods are refused and counted."""
    with ear() as listener, street(2, tmp_path, site, listener.url, room=NAME) as houses:
        for house in houses:
            house.open(1)
        wait_for_votes(houses, 2)
        frames = [frame for frame in listener.frames if frame.startswith("{")]
        wire = "\n".join(listener.frames)
        assert wire.count("webraft1 ") > 6
        for telling in (
            "kanban",
            "private",
            SECRET,
            "candidate",
            "v=0",
            "IN IP4",
            "typ host",
            ".local",
            "fingerprint",
        ):
            assert telling not in wire
        letters = published(frames)
        topic = letters[0]["topic"]

        def publish(data: Any) -> str:
            return json.dumps({"type": "publish", "topic": topic, "data": data})

        changed = [letter["data"][:-10] + "AAAAAAAA" + letter["data"][-2:] for letter in letters]
        strangers = [f"webraft1 {secrets.token_hex(16)} * {secrets.token_hex(64)}" for _ in range(1500)]
        listener.say([publish(letter["data"]) for letter in letters])
        listener.say([publish(data) for data in changed])
        listener.say([publish(data) for data in ["garbage", "webraft1 x * y", None, 1, ["x" * 10_000]]])
        listener.say([publish(data) for data in strangers])
        for house in houses:
            wait_until(lambda house=house: refused(house).get("too many", 0) > 500, "a flood to be refused")
            assert refused(house)["forged"] > 0
            assert refused(house)["alien"] > 0
        for tab in tabs_of(houses):
            tab.python(ADD.format(times=10))
            assert len(tab.python("list(doc.status()['links'])")) == 1
        assert read_all(houses) == [{"n": 20}] * 2
        assert errors_of(houses) == []


@pytest.mark.long
def test_a_wrong_secret_opens_nothing_and_a_member_that_misbehaves_is_dropped(
    site: str, tmp_path: Path
) -> None:
    """A page with another secret meets nobody; one with the right one that talks nonsense is refused."""
    with ear() as listener, street(3, tmp_path, site, listener.url) as houses:
        *honest, hostile = houses
        for house in honest:
            house.open(1)
        wait_for_votes(honest, 2)
        (outsider, mallory) = hostile.site.open_many(2)
        outsider.python(f"""
            from webraft_web import join_room
            doc = await join_room(
                "room", initial={{"mine": 1}}, signaling=[{listener.url!r}], secret={SECRET[::-1]!r}
            )
        """)
        assert outsider.python("[await doc.read(), doc.status()['links']]") == [{"mine": 1}, {}]
        mallory.python(Path(tests.misbehaviour.__file__).read_text(encoding="utf-8"))
        mallory.python(MALLORY.format(room="room", secret=SECRET, signaling=listener.url))
        wait_until(lambda: mallory.python("len(links)") == 2, "links with both servers")
        mallory.python("""
            (one, link), (other, second) = links.items()
            link._connection.send(f"+{1 << 30}:" + "x" * 60_000)
            second.send(texts(*other)["a term of 2^53"])
        """)
        for house in honest:
            wait_until(lambda house=house: errors_of([house]), "the culprit to be named")
        errors = sorted(errors_of(honest))
        assert [error.partition("(")[0] for error in errors] == ["RemoteProtocolError"] * 2
        assert any("1073741824" in error for error in errors)
        assert any("mallory" in error for error in errors)
        wait_until(lambda: mallory.python("len(told)") == 2, "the culprit to be told")
        assert mallory.python("len(mesh.links)") == 0
        for tab in tabs_of(honest):
            tab.python(ADD.format(times=5))
        assert read_all(honest) == [{"n": 10}] * 2
        assert [len(tab.python("doc.status()['members']")) for tab in tabs_of(honest)] == [2, 2]
