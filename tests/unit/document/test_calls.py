"""Calls that wait: reads and their rounds, timeouts, cancelling, overload."""

import asyncio

import pytest

from tests.unit.document.fake_room import cancelled, sleep_ms
from tests.unit.document.test_shared import add, in_room
from webraft_web.core.entry import Committed
from webraft_web.core.errors import (
    BadArgumentError,
    NotLeaderError,
    OutcomeUnknownError,
    OverloadedError,
)
from webraft_web.document import outbox


def test_read_waits_for_what_others_wrote():
    """A tab that lags behind reads what was acknowledged elsewhere."""

    async def test(room, doc):
        other = room.open_tab()
        other.tab.is_cut_off = True
        await doc.patch([add("/a", 1)])
        reading = asyncio.create_task(other.read())
        await sleep_ms(50)
        assert not reading.done()
        assert other.state == {}
        other.tab.is_cut_off = False
        other.tab.deliver()
        assert await reading == {"a": 1}

    in_room(test)


def test_reads_that_come_together_share_a_round_and_later_ones_do_not_join_it():
    """A round confirms only what arrived before it began."""

    async def test(room, doc):
        asked = []
        doc.tab.read = asked.append
        first = [asyncio.create_task(doc.read()) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        late = asyncio.create_task(doc.read())
        await sleep_ms(1)
        assert len(asked) == 1
        asked[0](1)
        assert await asyncio.gather(*first) == [{}] * 3
        assert not late.done()
        assert len(asked) == 2
        asked[1](1)
        assert await late == {}

    in_room(test)


def test_a_read_survives_a_leaderless_time_and_a_lost_answer():
    """Without a timeout it is asked for again for as long as it takes."""

    async def test(room, doc):
        room.has_leader = False
        reading = asyncio.create_task(doc.read())
        await sleep_ms(5_000)
        room.has_leader = True
        assert await reading == {}
        read, doc.tab.read = doc.tab.read, lambda done: None
        reading = asyncio.create_task(doc.read())
        await sleep_ms(10)
        doc.tab.read = read
        assert await reading == {}

    in_room(test)


def test_a_timeout_says_whether_the_patch_may_have_taken_effect():
    """NotLeaderError if no copy can be in any log, else OutcomeUnknownError."""

    async def test(room, doc):
        await doc.patch([])
        room.has_leader = False
        with pytest.raises(NotLeaderError):
            await doc.patch([add("/a", 1)], timeout=500)
        with pytest.raises(NotLeaderError):
            await doc.read(timeout=500)
        with pytest.raises(NotLeaderError):
            await doc.update(lambda state: {**state, "b": 1}, timeout=500)
        room.has_leader = True
        room.carry = lambda command: 0
        with pytest.raises(OutcomeUnknownError):
            await doc.patch([add("/a", 1)], timeout=500)
        room.carry = lambda command: 1
        await sleep_ms(30_000)
        assert doc.state == {}, "what was given up is not sent again"

    in_room(test)


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), "1", True])
def test_a_timeout_is_a_number_of_milliseconds(timeout):
    """Anything else is refused at once."""

    async def test(room, doc):
        with pytest.raises(BadArgumentError):
            await doc.patch([], timeout=timeout)

    in_room(test)


def test_a_cancelled_patch_leaves_nothing_behind():
    """Neither a pending call, nor an error when its outcome comes after all."""

    async def test(room, doc):
        task = asyncio.create_task(doc.patch([add("/a", 1)]))
        await sleep_ms(3)
        await cancelled(task)
        unsent = asyncio.create_task(doc.patch([add("/b", 1)]))
        await asyncio.sleep(0)
        await cancelled(unsent)
        await sleep_ms(100)
        client = doc.tab.client
        assert not client._outbox._pending
        assert not client._waiting
        await doc.patch([add("/c", 1)])
        assert "b" not in doc.state

    in_room(test)


def test_too_much_unsettled_work_is_refused(monkeypatch):
    """OverloadedError at once; what was taken on goes on."""

    async def test(room, doc):
        monkeypatch.setattr(outbox, "MAX_PENDING", 2)
        calls = [asyncio.create_task(doc.patch([add("/a", number)])) for number in range(3)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [Committed, Committed, OverloadedError]
        assert doc.state == {"a": 1}

    in_room(test)


def test_a_rooms_overload_reaches_the_call_that_certainly_was_not_appended():
    """The server's OverloadedError comes back, and nothing is sent again."""

    async def test(room, doc):
        await doc.patch([])
        client = doc.tab.client
        doc.tab.submit = lambda commands, kind: client.refused(commands, OverloadedError("full"))
        with pytest.raises(OverloadedError, match="full"):
            await doc.patch([add("/a", 1)])
        assert not client._outbox._pending

    in_room(test)


def test_what_is_settled_leaves_nothing_here_or_in_the_session():
    """No deadline keeps a call that is over, and the watermark lets the machine forget outcomes."""

    async def test(room, doc):
        for number in range(5):
            await doc.patch([add("/a", number)], timeout=60_000)
        client = doc.tab.client
        assert not client._expiry._deadlines
        assert not client._outbox._timers._deadlines
        session = client._machine.sessions.find_id("session of tab0.1")
        assert len(client._machine.sessions.find(session).outcomes) == 1

    in_room(test)


def test_an_answer_that_comes_after_asking_again_serves_who_asked_before_and_nobody_else():
    """Its round began after those reads came; it may have begun before the others did."""

    async def test(room, doc):
        asked = []
        doc.tab.read = asked.append
        earlier = asyncio.create_task(doc.read())
        await sleep_ms(1)
        later = asyncio.create_task(doc.read())
        await sleep_ms(1)
        doc.tab.client.resubmit()
        asked[0](1)
        await sleep_ms(1)
        assert earlier.done()
        assert not later.done()
        asked[1](1)
        assert await later == {}

    in_room(test)


@pytest.mark.parametrize("delay_ms", [3_000, 30_000])
def test_a_read_is_served_by_an_answer_that_takes_longer_than_it_waits_to_ask_again(delay_ms):
    """However far away the leader is, asking again does not begin all anew."""

    async def test(room, doc):
        room.delay_ms = delay_ms
        assert await asyncio.wait_for(doc.read(), 200) == {}

    in_room(test)


def test_an_answer_from_before_the_cluster_changed_serves_nobody():
    """It tells an index of another log."""

    async def test(room, doc):
        asked = []
        doc.tab.read = asked.append
        reading = asyncio.create_task(doc.read())
        await sleep_ms(1)
        doc.tab.client.reset()
        assert len(asked) == 2
        asked[0](0)
        await sleep_ms(1)
        assert not reading.done()
        asked[1](0)
        await reading

    in_room(test)


def test_an_error_does_not_hold_up_a_newer_round():
    """Only what was asked last is worth another try; a round that fails early leaves the others be."""

    async def test(room, doc):
        asked = []
        doc.tab.read = asked.append
        reading = asyncio.create_task(doc.read())
        await sleep_ms(1)
        doc.tab.client.resubmit()
        asked[0](NotLeaderError())
        await sleep_ms(100)
        assert len(asked) == 2
        asked[1](NotLeaderError())
        await sleep_ms(100)
        assert len(asked) == 3
        asked[2](1)
        assert await reading == {}

    in_room(test)
