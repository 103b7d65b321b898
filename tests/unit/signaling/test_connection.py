"""A connection that comes back: pauses that grow, and silence that is noticed."""

import asyncio
import random

from tests.unit.signaling.servers import Server
from webraft_web.clock import AsyncioClock
from webraft_web.testing import run
from webraft_web.transports.signaling.connection import (
    FIRST_PAUSE_MS,
    LONGEST_PAUSE_MS,
    PING_MS,
    SILENCE_MS,
    Connection,
    Place,
)


class Client:
    def __init__(self, server, seed=1):
        self.events = []
        self.pings = 0
        place = Place("ws://server", AsyncioClock(), random.Random(seed), server.open)
        self.connection = Connection(
            place,
            ping=self.ping,
            on_open=lambda: self.events.append("open"),
            on_text=self.events.append,
            on_closed=self.events.append,
        )

    def ping(self):
        self.pings += 1
        self.connection.send("ping")


def pauses(server):
    return [
        round(after - before, 2) for before, after in zip(server.attempts, server.attempts[1:], strict=False)
    ]


def test_pauses_between_attempts_double_up_to_a_minute_with_jitter():
    """A server that is down is not pressed, and not all come back at once."""

    async def main():
        server = Server()
        server.is_down = True
        Client(server)
        await asyncio.sleep(600)
        longest = FIRST_PAUSE_MS / 1000
        for pause in pauses(server):
            assert longest / 2 - 0.01 <= pause <= longest + 0.01
            longest = min(2 * longest, LONGEST_PAUSE_MS / 1000)
        others = Server()
        others.is_down = True
        Client(others, seed=2)
        await asyncio.sleep(600)
        assert pauses(others)[:5] != pauses(server)[:5]

    run(main())


def test_a_connection_that_lasted_begins_with_short_pauses_again_and_one_that_did_not_goes_on():
    """A server that takes everybody and drops them at once is not pressed either."""

    async def main():
        server = Server()
        client = Client(server)
        for _ in range(8):
            await server.until_somebody_came()
            await asyncio.sleep(0.01)
            server.drop_all()
        assert pauses(server)[-1] > 30
        await server.until_somebody_came()
        for _ in range(10):
            server.sockets[0].tell("a word")
            await asyncio.sleep(10)
        server.drop_all()
        await asyncio.sleep(1.1)
        assert client.events[-2:] == ["dropped", "open"]

    run(main())


def test_a_server_that_says_nothing_though_pinged_is_left():
    """Wi-Fi that changed, a laptop that slept: TCP would notice a quarter of an hour later."""

    async def main():
        server = Server()
        client = Client(server)
        await asyncio.sleep((SILENCE_MS - 100) / 1000)
        assert client.events == ["open"]
        assert client.pings == SILENCE_MS // PING_MS
        await asyncio.sleep(0.2)
        assert client.events == ["open", "no word for 35 s"]
        await asyncio.sleep(1)
        assert client.events[2:] == ["open"]

    run(main())


def test_a_server_that_answers_pings_is_kept():
    """Hours without any other word are fine."""

    async def main():
        server = Server()
        server.take = lambda socket, text: socket.tell(text)
        client = Client(server)
        await asyncio.sleep(3600)
        assert client.events == ["open"] + ["ping"] * client.pings
        assert client.pings == 3600_000 // PING_MS - 1 or client.pings == 3600_000 // PING_MS

    run(main())


def test_an_attempt_that_hangs_is_given_up():
    """Neither opened nor refused: a server behind a wall that swallows everything."""

    async def main():
        server = Server()
        server._answer = lambda _: None
        client = Client(server)
        await asyncio.sleep(SILENCE_MS / 1000 + 2)
        assert client.events == ["no word for 35 s"]
        assert len(server.attempts) == 2

    run(main())


def test_after_sleep_a_connection_is_looked_at_at_once():
    """The timer fires late; the server has long forgotten."""

    async def main():
        server = Server()
        client = Client(server)
        await asyncio.sleep(1)
        asyncio.get_running_loop().jump(7200)
        await asyncio.sleep(0.01)
        assert client.events[1].startswith("no word for 7201")
        await asyncio.sleep(1)
        assert client.events[2:] == ["open"]

    run(main())


def test_nothing_is_called_after_close():
    """Whether it was open, opening or pausing."""

    async def main():
        server = Server()
        opening, open_one, pausing = Client(server), Client(server), Client(server)
        opening.connection.close()
        await asyncio.sleep(0.01)
        server.sockets[1].drop()
        open_one.connection.close()
        pausing.connection.close()
        pausing.connection.close()
        pausing.connection.lose("late")
        pausing.connection.send("late")
        await asyncio.sleep(600)
        assert (opening.events, open_one.events, pausing.events) == ([], ["open"], ["open", "dropped"])
        assert server.sockets == []

    run(main())
