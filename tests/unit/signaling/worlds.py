"""What the tests of signalling run on: a bus instead of a server, and sockets to simulated servers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from webraft_web.clock import AsyncioClock
from webraft_web.transports.keys import RoomKeys, derive_keys
from webraft_web.transports.signaling.meeting import Meeting

SECRET = "Zm9ydHktdHdvIGlzIGFsbCB0aGVyZQ"
ROOM = "kanban"
# What they give, in every release and on every platform:
TOPIC = "20d1f5c5237ce72721da725efcde3378"
AUTHENTICATION = "fc2f726444c68a59bdb6d6014ffb9c48b4e3354cdc11e700cdec4a811ca4c205"
SEALED = "2V9wCGpFV30uzlWdTv0e4nzWQFHiEncGVoDQoG3tBe7a/qo="


class Bus:
    """A strategy for all pages of a test: everybody hears everything, a little later."""

    def __init__(self, url="bus:"):
        self.url = url
        self.ports = []
        self.posted = []
        self.on_post: Callable[[str], bool] = lambda _: True

    def open(self, topic, page, on_text, on_state):
        port = BusPort(self, topic, page, on_text, on_state)
        self.ports.append(port)
        asyncio.get_running_loop().call_soon(port.tell, True, "")
        return port

    def carry(self, topic, text):
        """Deliver a text, whoever it is from."""
        for port in list(self.ports):
            if port.topic == topic:
                asyncio.get_running_loop().call_soon(port.hear, text)


class BusPort:
    def __init__(self, bus, topic, page, on_text, on_state):
        self.bus, self.topic, self.page, self.on_text, self.on_state = bus, topic, page, on_text, on_state

    def post(self, text, to=""):
        if self in self.bus.ports:
            self.bus.posted.append(text)
            if self.bus.on_post(text):
                self.bus.carry(self.topic, text)

    def hear(self, text):
        if self in self.bus.ports:
            self.on_text(text)

    def tell(self, is_connected, error):
        if self in self.bus.ports:
            self.on_state(is_connected, error)

    def close(self):
        if self in self.bus.ports:
            self.bus.ports.remove(self)


class Page:
    """A meeting, and all that it tells."""

    def __init__(self, keys: RoomKeys, *buses: Bus, page: str | None = None, seed: int = 1):
        self.id = page or f"{random.getrandbits(128):032x}"
        self.peers: list[str] = []
        self.signals: list[tuple[str, str]] = []
        self.states = 0
        self.meeting = Meeting(
            list(buses),
            keys,
            self.id,
            AsyncioClock(),
            random.Random(seed),
            on_peer=self.peers.append,
            on_signal=lambda page, text: self.signals.append((page, text)),
            on_state=self._note,
        )

    def _note(self):
        self.states += 1

    @property
    def refused(self):
        return self.meeting.status()["refused"]


async def keys(secret=SECRET, room=ROOM):
    return await derive_keys(secret, room)


async def pages_that_met(count, *buses):
    """Return pages that know each other, and nothing else on record."""
    room_keys = await keys()
    pages = [Page(room_keys, *buses) for _ in range(count)]
    await asyncio.sleep(1)
    for page in pages:
        assert sorted(page.peers) == sorted(other.id for other in pages if other is not page)
    for bus in buses:
        bus.posted.clear()
    return pages
