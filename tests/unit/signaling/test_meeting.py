"""Pages that meet: who is there, and signals that are private, authentic and fresh, whatever carries them."""

import asyncio
import itertools
import json
import random

import pytest

from tests.unit.signaling.worlds import ROOM, Bus, Page, keys, pages_that_met
from webraft_web.core.errors import BadArgumentError
from webraft_web.testing import run
from webraft_web.transports.signaling import meeting as module
from webraft_web.transports.signaling.base import MAX_TEXT
from webraft_web.transports.signaling.meeting import MAX_SIGNAL

HOUR_S = 3600
SDP = "v=0\r\no=- 46117317 2 IN IP4 192.168.17.4\r\na=candidate:1 1 udp 2113937151 192.168.17.4 56143 typ host\r\n"


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


def test_another_secret_or_another_room_does_not_meet():
    """They have other topics; and on the same topic they would not understand each other."""

    async def main():
        bus = Bus()
        ours = await keys()
        mine = Page(ours, bus)
        others = [await keys(secret="another-secret-of-30-letters-X"), await keys(room="another room")]
        assert len({ours.topic, *(other.topic for other in others)}) == 3
        strangers = [
            Page(type(ours)(ours.topic, other.authentication, other.sealer), bus) for other in others
        ]
        await asyncio.sleep(60)
        assert [page.peers for page in (mine, *strangers)] == [[], [], []]
        assert set(mine.refused) == {"forged"}

    run(main())


def test_what_is_brought_again_is_refused():
    """Neither while both are there, nor when one is gone, does a recording do anything."""

    async def main():
        bus = Bus()
        one, two = Page(await keys(), bus), Page(await keys(), bus)
        await asyncio.sleep(1)
        one.meeting.signal(two.id, "offer")
        await asyncio.sleep(1)
        recording = list(bus.posted)
        topic = bus.ports[0].topic

        async def play():
            for text in recording * 3:
                for _ in range(600):  # forgotten among what was heard last
                    two.meeting._recent.pop(next(iter(two.meeting._recent), None), None)
                bus.carry(topic, text)
                await asyncio.sleep(0.5)

        await play()
        assert two.signals == [(one.id, "offer")]
        assert (one.peers, two.peers) == ([two.id], [one.id])
        assert two.refused["repeated"] >= 3
        one.meeting.close()
        two.meeting.peer_gone(one.id)
        await asyncio.sleep(60)
        await play()
        assert two.signals == [(one.id, "offer")]
        assert two.peers == [one.id]

    run(main())


def test_a_recording_of_a_page_that_has_left_does_not_bring_it_to_a_newcomer():
    """Whoever was not there when a letter was written, is not met by it."""

    async def main():
        bus = Bus()
        one, two = await pages_that_met(2, bus)
        one.meeting.signal(two.id, "offer")
        two.meeting.peer_gone(one.id)
        await asyncio.sleep(30)
        recording, topic = list(bus.posted), bus.ports[0].topic
        one.meeting.close()
        two.meeting.close()
        newcomer = Page(await keys(), bus)
        again = Page(await keys(), bus, page=two.id)
        await asyncio.sleep(1)
        for text in recording:
            bus.carry(topic, text)
            await asyncio.sleep(0.1)
        assert newcomer.peers == [two.id]
        assert again.peers == [newcomer.id]
        assert newcomer.signals == again.signals == []

    run(main())


def test_what_was_changed_on_the_way_is_refused():
    """Any part of any text: the ids, the sealed letter, the frame."""

    async def main():
        bus = Bus()
        one, two = await pages_that_met(2, bus)
        rng = random.Random(3)
        bus.on_post = lambda _: False
        for number in range(300):
            one.meeting.signal(two.id, f"secret {number}")
            await asyncio.sleep(1)
            text = next(text for text in bus.posted if text.split(" ")[2] == two.id)
            bus.posted.clear()
            place = rng.randrange(len(text) - 1)
            changed = rng.choice([letter for letter in "0f+=* A" if letter != text[place]])
            bus.carry(bus.ports[0].topic, text[:place] + changed + text[place + 1 :])
        await asyncio.sleep(1)
        assert two.signals == []
        assert two.peers == [one.id]
        assert two.refused["forged"] > 100

    run(main())


def test_a_letter_to_one_page_is_not_taken_for_one_from_or_to_another():
    """Ids are bound to what was sealed: another name on the envelope opens nothing."""

    async def main():
        bus = Bus()
        one, two, three = await pages_that_met(3, bus)
        bus.on_post = lambda _: False
        one.meeting.signal(two.id, "for two")
        await asyncio.sleep(1)
        _, _, _, sealed = bus.posted[-1].split(" ")
        for sender, to in itertools.permutations((one.id, two.id, three.id, "*"), 2):
            if (sender, to) != (one.id, two.id):
                bus.carry(bus.ports[0].topic, f"webraft1 {sender} {to} {sealed}")
        await asyncio.sleep(1)
        assert [page.signals for page in (one, two, three)] == [[], [], []]

    run(main())


@pytest.mark.parametrize("flooder", ["strangers", "a page of the room", "outsiders under a page's name"])
def test_a_flood_disturbs_nobody_else(flooder):
    """Two pages go on signalling, while ten thousand texts a second come from elsewhere."""

    async def main():
        bus = Bus()
        one, two, three = await pages_that_met(3, bus)
        topic = bus.ports[0].topic
        sealed = await (await keys()).seal("[]", f"webraft signal 1\n{three.id}\n*")
        opened = []
        seal_open = two.meeting._keys.sealer.open

        async def count(*arguments):
            opened.append(arguments)
            return await seal_open(*arguments)

        object.__setattr__(two.meeting._keys.sealer, "open", count)
        rng = random.Random(4)
        for second in range(10):
            for _ in range(2000):
                if flooder == "strangers":
                    text = f"webraft1 {rng.getrandbits(128):032x} * {rng.getrandbits(600):0200x}"
                elif flooder == "a page of the room":
                    text = f"webraft1 {three.id} * {sealed[:-8]}{rng.getrandbits(32):08x}"
                else:
                    text = f"webraft1 {three.id} {two.id} {rng.getrandbits(600):0200x}"
                bus.carry(topic, text)
            one.meeting.signal(two.id, f"{second}")
            await asyncio.sleep(1)
        assert two.signals == [(one.id, str(second)) for second in range(10)]
        assert two.refused["too many"] > 9000
        assert len(opened) < 1000

    run(main())


def test_a_flood_of_real_letters_from_a_page_of_the_room_is_cut_to_its_share():
    """Whoever holds the secret can flood nobody but themselves."""

    async def main():
        bus = Bus()
        one, two, three = await pages_that_met(3, bus)
        for second in range(10):
            for number in range(200):
                three.meeting.signal(two.id, f"{second} {number}")
            one.meeting.signal(two.id, f"{second}")
            await asyncio.sleep(1)
        assert [text for page, text in two.signals if page == one.id] == [str(second) for second in range(10)]
        flood = [text for page, text in two.signals if page == three.id]
        assert 64 <= len(flood) <= 64 + 10 * 16 + 16
        assert two.refused["too many"] > 1000

    run(main())


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "hello",
        "webraft1",
        "webraft1 x y z",
        "webraft1 " + "0" * 32 + " * ",
        "webraft1 " + "0" * 32 + " * ====",
        "webraft1 " + "0" * 32 + " * A",
        "webraft1 " + "0" * 32 + " * " + "A" * 100_000,
        "webraft1 " + "0" * 32 + " * AAAA\n",
        "webraft1 " + "٠" * 32 + " * AAAA",
        "\0\ud800" * 1000,
        "[" * 60_000,
    ],
    ids=lambda text: ascii(text[:50]),
)
def test_garbage_is_counted_and_passed_over(garbage):
    """What no page of ours can have posted: short, long, empty, not ASCII."""

    async def main():
        bus = Bus()
        one, two = await pages_that_met(2, bus)
        bus.carry(bus.ports[0].topic, garbage)
        await asyncio.sleep(1)
        assert sum(two.refused.values()) == 1
        one.meeting.signal(two.id, "still there")
        await asyncio.sleep(1)
        assert two.signals == [(one.id, "still there")]

    run(main())


NONCE = "0" * 32


@pytest.mark.parametrize(
    "letter",
    [
        "",
        "null",
        "[]",
        "{}",
        '"abcdef"',
        "[" * 30_000,
        json.dumps([NONCE, 1, NONCE, "", []]),
        json.dumps([NONCE, 1, NONCE, "", [], "", ""]),
        json.dumps([NONCE, True, NONCE, "", [], ""]),
        json.dumps([NONCE, 1.5, NONCE, "", [], ""]),
        json.dumps([NONCE, 0, NONCE, "", [], ""]),
        json.dumps([NONCE, -1, NONCE, "", [], ""]),
        json.dumps([NONCE, 2**53 + 1, NONCE, "", [], ""]),
        json.dumps(["0", 1, NONCE, "", [], ""]),
        json.dumps([NONCE, 1, "0", "", [], ""]),
        json.dumps([NONCE, 1, NONCE, None, [], ""]),
        json.dumps([NONCE, 1, NONCE, "", {}, ""]),
        json.dumps([NONCE, 1, NONCE, "", [1], ""]),
        json.dumps([NONCE, 1, NONCE, "", [], None]),
        f"[{'9' * 5000}, 1, 1, 1, 1, 1]",
    ],
    ids=lambda text: text.replace(NONCE, "0")[:40],
)
def test_nonsense_from_one_who_holds_the_secret_is_counted(letter):
    """A sealed letter that is none changes nothing."""

    async def main():
        bus = Bus()
        one, two = await pages_that_met(2, bus)
        for to in ("*", two.id):
            sealed = await (await keys()).seal(letter, f"webraft signal 1\n{one.id}\n{to}")
            bus.carry(bus.ports[0].topic, f"webraft1 {one.id} {to} {sealed}")
        await asyncio.sleep(1)
        assert two.refused == {"malformed": 2}
        assert two.signals == []
        one.meeting.signal(two.id, "still there")
        await asyncio.sleep(1)
        assert two.signals == [(one.id, "still there")]

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
        for number, (left_carries, right_carries) in enumerate([(True, True), (True, False), (False, True)]):
            left.on_post, right.on_post = (
                lambda _, carries=carries: carries for carries in (left_carries, right_carries)
            )
            one.meeting.signal(two.id, f"{number}")
            await asyncio.sleep(1)
        assert two.signals == [(one.id, "0"), (one.id, "1"), (one.id, "2")]
        left.ports[1].tell(False, "gone away")
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
        assert len(bus.posted) < HOUR_S

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


def test_order_is_kept_where_cryptography_takes_its_time():
    """WebCrypto answers later, and not always equally late."""

    async def main():
        bus = Bus()
        room_keys = await keys()
        rng = random.Random(5)

        class Slow:
            async def seal(self, text, context):
                await asyncio.sleep(rng.random() / 100)
                return await room_keys.sealer.seal(text, context)

            async def open(self, sealed, context):
                await asyncio.sleep(rng.random() / 100)
                return await room_keys.sealer.open(sealed, context)

        slow = type(room_keys)(room_keys.topic, room_keys.authentication, Slow())
        one, two = Page(slow, bus), Page(slow, bus)
        await asyncio.sleep(1)
        for number in range(50):
            one.meeting.signal(two.id, f"{number}")
        await asyncio.sleep(2)
        assert [text for _, text in two.signals] == [str(number) for number in range(50)]

    run(main())


def test_nothing_is_called_after_close():
    """Not even what was being opened at that moment."""

    async def main():
        bus = Bus()
        one, two = await pages_that_met(2, bus)
        one.meeting.signal(two.id, "too late")
        await asyncio.sleep(0)
        states, port = two.states, bus.ports[1]
        two.meeting.close()
        two.meeting.close()
        port.on_text(bus.posted[-1] if bus.posted else "webraft1")
        port.on_state(False, "closed")
        two.meeting.signal(one.id, "after close")
        two.meeting.peer_gone(one.id)
        await asyncio.sleep(HOUR_S)
        assert two.signals == []
        assert two.states == states
        assert bus.ports == [bus.ports[0]]

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


def test_a_crowd_is_let_in_up_to_a_limit(monkeypatch):
    """Memory is bounded; those who are in are not disturbed."""

    async def main():
        monkeypatch.setattr("webraft_web.transports.signaling.introductions.MAX_PEERS", 3)
        bus = Bus()
        room_keys = await keys()
        pages = []
        for _ in range(6):
            pages.append(Page(room_keys, bus))
            await asyncio.sleep(1)
        assert [len(page.meeting.status()["peers"]) for page in pages[:4]] == [3] * 4
        assert pages[0].refused["crowded"] > 0

    run(main())


def test_what_is_queued_is_bounded(monkeypatch):
    """Where sealing hangs, signals are lost and counted, not piled up."""

    async def main():
        monkeypatch.setattr(module, "_MOST_WAITING", 10)
        bus = Bus()
        one, two = await pages_that_met(2, bus)
        for number in range(30):
            one.meeting.signal(two.id, f"{number}")
        assert one.refused["too many of our own"] == 20
        await asyncio.sleep(1)
        assert len(two.signals) == 10

    run(main())
