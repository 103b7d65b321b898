"""Those who repeat, change, flood and talk nonsense: nothing of it counts, and nobody else is disturbed."""

import asyncio
import itertools
import json
import random

import pytest

from tests.unit.signaling.worlds import Bus, Page, keys, pages_that_met
from webraft_web.testing import run
from webraft_web.transports.signaling import meeting as module
from webraft_web.transports.signaling.introductions import Introductions


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
        assert len(opened) < 300

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
        "webraft1 " + "\u0660" * 32 + " * AAAA",
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


def test_recorded_hellos_are_answered_now_and_then_at_most():
    """Who collected hellos of a page that has left cannot make others post for each."""

    async def main():
        bus = Bus()
        (one,) = await pages_that_met(1, bus)
        room_keys, gone_id = await keys(), "9" * 32
        gone = Introductions(gone_id)
        for _ in range(600):
            sealed = await room_keys.seal(gone.hello().encode(), f"webraft signal 1\n{gone_id}\n*")
            bus.carry(room_keys.topic, f"webraft1 {gone_id} * {sealed}")
            await asyncio.sleep(0.2)
        answers = [text for text in bus.posted if text.split(" ")[2] == gone_id]
        assert 4 <= len(answers) <= 4 + 0.1 * 120 + 1
        assert one.peers == []

    run(main())
