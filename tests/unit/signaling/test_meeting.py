"""Pages that meet: who is there, and signals that are private, authentic and fresh, whatever carries them."""

import asyncio
import random

import pytest

from tests.unit.signaling.worlds import ROOM, Bus, Page, keys, pages_that_met
from webraft_web.core.errors import BadArgumentError
from webraft_web.testing import run
from webraft_web.transports.signaling.base import MAX_TEXT
from webraft_web.transports.signaling.meeting import MAX_SIGNAL

HOUR_S = 3600
SDP = "v=0\r\no=- 4611 2 IN IP4 192.168.17.4\r\na=candidate:1 1 udp 2113 192.168.17.4 56143 typ host\r\n"


def test_two_pages_meet_by_three_letters_and_signal_both_ways():
    """Hello, answer, answer; then each knows of the other, once, and texts arrive in order."""

    async def main():
        bus = Bus()
        room_keys = await keys()
        one = Page(room_keys, bus)
        await asyncio.sleep(30)
        bus.posted.clear()
        two = Page(room_keys, bus)
        await asyncio.sleep(0.1)
        assert len(bus.posted) == 3
        assert (one.peers, two.peers) == ([two.id], [one.id])
        for number in range(20):
            one.meeting.signal(two.id, f"{number}")
            two.meeting.signal(one.id, f"{number}")
        await asyncio.sleep(1)
        assert two.signals == [(one.id, str(number)) for number in range(20)]
        assert one.signals == [(two.id, str(number)) for number in range(20)]
        assert one.meeting.status() == {
            "servers": [{"url": "bus:", "connected": True, "error": ""}],
            "peers": [two.id],
            "refused": {},
        }

    run(main())


def test_pages_that_come_at_the_same_moment_meet():
    """Everybody says hello to everybody at once."""

    async def main():
        await pages_that_met(8, Bus())

    run(main())


def test_what_is_posted_tells_nothing_of_the_room_or_of_what_is_said():
    """Neither the name, nor the secret, nor a session description can be read off the wire."""

    async def main():
        bus = Bus()
        one, two = await pages_that_met(2, bus)
        one.meeting.signal(two.id, SDP)
        await asyncio.sleep(1)
        assert two.signals == [(one.id, SDP)]
        wire = "".join([*bus.posted, *(port.topic for port in bus.ports)])
        for telling in (ROOM, "192.168", "candidate", "v=0", "IN IP4"):
            assert telling not in wire

    run(main())


def test_a_page_alone_says_little_in_an_hour():
    """Pauses double up to five minutes."""

    async def main():
        bus = Bus()
        Page(await keys(), bus)
        await asyncio.sleep(HOUR_S)
        at_first = len(bus.posted)
        await asyncio.sleep(HOUR_S)
        assert at_first <= 30
        assert len(bus.posted) - at_first <= 24

    run(main())


def test_pages_that_know_each_other_say_little_more_than_as_many_alone():
    """A hello names whom its sender knows, and they do not answer."""

    async def main():
        bus = Bus()
        await pages_that_met(10, bus)
        await asyncio.sleep(2 * HOUR_S)
        assert len(bus.posted) <= 10 * 54

    run(main())


def test_a_hello_that_nobody_carried_is_said_again():
    """Whatever a server loses, pages find each other."""

    async def main():
        for seed in range(10):
            rng = random.Random(seed)
            bus = Bus()
            bus.on_post = lambda _, rng=rng: rng.random() < 0.5
            room_keys = await keys()
            pages = [Page(room_keys, bus) for _ in range(3)]
            await asyncio.sleep(HOUR_S)
            for page in pages:
                assert sorted(page.peers) == sorted(other.id for other in pages if other is not page), seed
                page.meeting.close()

    run(main())


def test_the_longest_signal_arrives_and_a_longer_one_is_refused_at_once():
    """Bounded where it is sent, whatever its characters."""

    async def main():
        bus = Bus()
        one, two = await pages_that_met(2, bus)
        for text in ("x" * (MAX_SIGNAL - 2), "\U0001f600" * ((MAX_SIGNAL - 2) // 12), "\ud800"):
            one.meeting.signal(two.id, text)
            await asyncio.sleep(1)
            assert two.signals.pop() == (one.id, text)
        assert max(map(len, bus.posted)) <= MAX_TEXT
        for text in ("x" * (MAX_SIGNAL - 1), "é" * (MAX_SIGNAL // 3)):
            with pytest.raises(BadArgumentError, match=f"at most {MAX_SIGNAL}"):
                one.meeting.signal(two.id, text)

    run(main())


def test_two_servers_carry_everything_twice_and_it_counts_once():
    """And each alone is enough."""

    async def main():
        left, right = Bus("left:"), Bus("right:")
        one, two = await pages_that_met(2, left, right)
        opened, seal_open = [], two.meeting._keys.sealer.open
        sealer = two.meeting._keys.sealer
        sealer.open = lambda *letter: opened.append(letter) or seal_open(*letter)
        for number, losing in enumerate([[], [left], [right]]):
            for bus in (left, right):
                bus.on_post = lambda _, carries=bus not in losing: carries
            one.meeting.signal(two.id, f"{number}")
            await asyncio.sleep(1)
        assert two.signals == [(one.id, "0"), (one.id, "1"), (one.id, "2")]
        assert len(opened) == len(set(opened))
        left.ports[1].tell(False, "gone away")
        right.on_post = lambda _: True
        left.posted.clear()
        two.meeting.signal(one.id, "by the other")
        await asyncio.sleep(1)
        assert left.posted == []
        assert one.signals == [(two.id, "by the other")]
        assert two.meeting.status()["servers"] == [
            {"url": "left:", "connected": False, "error": "gone away"},
            {"url": "right:", "connected": True, "error": ""},
        ]
        assert two.states == 3

    run(main())


def test_a_page_that_is_gone_is_told_again_once_it_proves_that_it_is_there():
    """Whether the other noticed or not."""

    async def main():
        bus = Bus()
        one, two = await pages_that_met(2, bus)
        two.meeting.peer_gone(one.id)
        two.meeting.peer_gone(one.id)
        two.meeting.signal(one.id, "lost")
        assert two.meeting.status()["peers"] == []
        await asyncio.sleep(20)
        assert two.peers == [one.id, one.id]
        assert one.peers == [two.id]
        one.meeting.peer_gone(two.id)
        two.meeting.peer_gone(one.id)
        await asyncio.sleep(60)
        assert two.peers == [one.id] * 3
        assert one.peers == [two.id] * 2
        one.meeting.signal(two.id, "there")
        two.meeting.signal(one.id, "there")
        await asyncio.sleep(1)
        assert one.signals == [(two.id, "there")]
        assert two.signals == [(one.id, "there")]

    run(main())


def test_pages_that_forget_each_other_all_the_time_do_not_flood_the_server():
    """A link that never comes about costs a hello every quarter of a minute."""

    async def main():
        bus = Bus()
        one, two = await pages_that_met(2, bus)
        for _ in range(HOUR_S):
            one.meeting.peer_gone(two.id)
            two.meeting.peer_gone(one.id)
            await asyncio.sleep(1)
        assert len(bus.posted) < 1500

    run(main())


def test_a_page_that_begins_anew_under_its_id_is_heard_and_its_past_is_not():
    """A new run takes the old one's place, and nothing that the old one wrote counts any more."""

    async def main():
        bus = Bus()
        one, two = await pages_that_met(2, bus)
        one.meeting.signal(two.id, "before")
        await asyncio.sleep(1)
        recording = list(bus.posted)
        one.meeting.close()
        again = Page(await keys(), bus, page=one.id)
        await asyncio.sleep(1)
        again.meeting.signal(two.id, "after")
        await asyncio.sleep(1)
        two.meeting._recent.clear()
        for text in recording:
            bus.carry(bus.ports[0].topic, text)
        await asyncio.sleep(1)
        again.meeting.signal(two.id, "and after")
        await asyncio.sleep(1)
        assert two.peers == [one.id]
        assert again.peers == [two.id]
        assert [text for _, text in two.signals] == ["before", "after", "and after"]

    run(main())


async def slow_keys(pause_s):
    """Return keys that take their time, as WebCrypto does."""
    room_keys = await keys()

    class Slow:
        async def seal(self, text, context):
            await asyncio.sleep(pause_s())
            return await room_keys.sealer.seal(text, context)

        async def open(self, sealed, context):
            await asyncio.sleep(pause_s())
            return await room_keys.sealer.open(sealed, context)

    return type(room_keys)(room_keys.topic, room_keys.authentication, Slow())


def test_order_is_kept_where_cryptography_takes_its_time():
    """WebCrypto answers later, and not always equally late."""

    async def main():
        bus = Bus()
        rng = random.Random(5)
        slow = await slow_keys(lambda: rng.random() / 100)
        one, two = Page(slow, bus), Page(slow, bus)
        await asyncio.sleep(1)
        for number in range(50):
            one.meeting.signal(two.id, f"{number}")
        await asyncio.sleep(2)
        assert [text for _, text in two.signals] == [str(number) for number in range(50)]

    run(main())


def test_nothing_is_called_after_close():
    """Not even what was being opened or sealed at that moment."""

    async def main():
        bus = Bus()
        slow = await slow_keys(lambda: 0.1)
        one, two = Page(slow, bus), Page(slow, bus)
        await asyncio.sleep(10)
        one.meeting.signal(two.id, "too late")
        await asyncio.sleep(0.15)
        two.meeting.signal(one.id, "too late")
        await asyncio.sleep(0)
        states, port, posted = two.states, bus.ports[1], len(bus.posted)
        two.meeting.close()
        two.meeting.close()
        port.on_text(bus.posted[-1])
        port.on_state(False, "closed")
        two.meeting.signal(one.id, "after close")
        two.meeting.peer_gone(one.id)
        port.post = lambda *_: pytest.fail("posted after close")
        await asyncio.sleep(1)
        assert two.signals == []
        assert two.states == states
        assert len(bus.posted) == posted
        assert bus.ports == [bus.ports[0]]

    run(main())


def test_a_page_that_was_about_to_be_met_is_not_told_after_close():
    """Whatever was on its way, being opened or being sealed."""

    async def main():
        slow = await slow_keys(lambda: 0.1)
        met = []
        for moment in range(30):
            bus = Bus()
            Page(slow, bus)
            await asyncio.sleep(10)
            page = Page(slow, bus)
            await asyncio.sleep(0.02 * moment)
            page.meeting.close()
            met.append(len(page.peers))
            await asyncio.sleep(1)
            assert len(page.peers) == met[-1]
        assert met == sorted(met)
        assert set(met) == {0, 1}

    run(main())


def test_a_callback_may_close_the_meeting_that_called_it():
    """The letter that made a page known carries nothing any more."""

    async def main():
        bus = Bus()
        one = Page(await keys(), bus)
        two = Page(await keys(), bus)
        two.meeting._on_peer = lambda _: two.meeting.close()
        await asyncio.sleep(1)
        one.meeting.signal(two.id, "nobody hears it")
        await asyncio.sleep(1)
        assert two.signals == []

    run(main())


def test_a_callback_or_a_strategy_that_fails_is_logged_and_stops_nothing(caplog):
    """An application's mistake stays the application's."""

    async def main():
        bus, broken = Bus(), Bus()
        room_keys = await keys()
        one, two = Page(room_keys, broken, bus), Page(room_keys, broken, bus)
        for port in broken.ports:
            port.post = None
        two.meeting._on_signal = lambda page, text: two.signals.append((page, text)) or 1 / 0
        await asyncio.sleep(1)
        one.meeting.signal(two.id, "one")
        one.meeting.signal(two.id, "two")
        await asyncio.sleep(1)
        assert two.signals == [(one.id, "one"), (one.id, "two")]
        assert "ZeroDivisionError" in caplog.text
        assert "TypeError" in caplog.text

    run(main())
