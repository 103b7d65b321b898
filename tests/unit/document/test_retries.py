"""No retry takes effect twice: loss, doubling, reordering, new runners, snapshots, closed sessions."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.document.fake_room import FakeRoom, Weather, sleep_ms
from tests.unit.document.test_shared import add, in_room
from webraft_web.core.entry import Committed, Configuration, Entry, EntryKind, Snapshot
from webraft_web.core.errors import OutcomeUnknownError, PatchConflictError, RemoteProtocolError
from webraft_web.document import DocumentMachine
from webraft_web.document.sessions import MAX_SESSIONS
from webraft_web.testing import run


@given(
    seed=st.integers(0, 10_000),
    loss=st.sampled_from([0, 0.2, 0.6]),
    doubling=st.sampled_from([0, 0.3]),
    runners=st.lists(st.integers(1, 3_000), max_size=4),
    cut_off=st.booleans(),
)
@settings(max_examples=40)
def test_every_acknowledged_patch_takes_effect_once(seed, loss, doubling, runners, cut_off):
    """Three tabs, a log that loses and doubles, runners that change, one tab that skips to a snapshot."""

    async def main():
        weather = Weather(seed, loss=loss, doubling=doubling)
        room = FakeRoom({"n": []}, carry=weather)
        tabs = [room.open_tab() for _ in range(3)]
        room.tabs[0].log = JitteryLog(room, weather.chance)

        async def work(who, doc):
            return await asyncio.gather(*(doc.patch([add("/n/-", [who, number])]) for number in range(10)))

        async def change_runners():
            for pause_ms in runners:
                await sleep_ms(pause_ms)
                for tab in room.tabs:
                    tab.client.resubmit()

        async def lag():
            tabs[2].tab.is_cut_off = True
            await sleep_ms(2_500)
            tabs[2].tab.adopt_snapshot_of(tabs[1].tab)
            tabs[2].tab.is_cut_off = False
            tabs[2].tab.deliver()

        jobs = [work(who, doc) for who, doc in enumerate(tabs)]
        results = await asyncio.gather(*jobs, change_runners(), *([lag()] if cut_off else []))
        await sleep_ms(60_000)
        expected = sorted([who, number] for who in range(3) for number in range(10))
        for doc in tabs:
            assert sorted((await doc.read())["n"]) == expected
            assert not doc.tab.client._outbox._pending
        for who in range(3):
            assert len(set(results[who])) == 10
        for tab in room.tabs:
            assert tab.client.take_snapshot() == room.tabs[0].client.take_snapshot()

    run(main())


class JitteryLog:
    """The log as a tab with an unsteady connection sees it: what it sends gets out of order."""

    def __init__(self, room, chance):
        self._room = room
        self._chance = chance

    def __getattr__(self, name):
        return getattr(self._room, name)

    @property
    def delay_ms(self):
        return self._chance.choice([1, 2, 50, 500])


def test_commands_of_one_turn_of_the_loop_travel_together():
    """One call of `submit` for all of them."""

    async def test(room, doc):
        await doc.patch([])
        batches = []
        submit = doc.tab.submit
        doc.tab.submit = lambda commands, kind: batches.append(len(commands)) or submit(commands, kind)
        await asyncio.gather(*(doc.patch([add("/a", number)]) for number in range(5)))
        assert batches == [5]

    in_room(test)


def test_a_new_runner_gets_the_very_same_commands():
    """Same session, same number: the log knows them when the old runner had appended them already."""

    async def test(room, doc):
        await doc.patch([])
        doc.tab.sent.clear()
        doc.tab.is_cut_off = True
        patching = asyncio.create_task(doc.patch([add("/a/-", 1)]))
        await sleep_ms(10)
        doc.tab.client.resubmit()
        await sleep_ms(10)
        assert len(set(doc.tab.sent)) == 1
        assert len(doc.tab.sent) == 2
        doc.tab.is_cut_off = False
        doc.tab.deliver()
        assert await patching == Committed(1, 4)
        assert doc.state == {"a": [1]}

    in_room(test, initial={"a": []})


def test_what_vanishes_is_sent_again_without_a_new_runner():
    """Also the opening of the session."""

    async def test(room, doc):
        lost = []
        room.carry = lambda command: int(command in lost) or lost.append(command) or 0
        await doc.patch([add("/a", 1)])
        assert len(lost) == 2
        assert doc.state == {"a": 1}

    in_room(test)


def test_a_conflict_that_only_a_snapshot_tells_of_is_still_a_conflict():
    """The outcome is in the snapshot, with the operation's position."""

    async def test(room, doc):
        other = room.open_tab()
        await doc.patch([])
        doc.tab.is_cut_off = True
        good = asyncio.create_task(doc.patch([add("/a", 1)]))
        bad = asyncio.create_task(doc.patch([add("/b", 1), {"op": "remove", "path": "/c"}]))
        await sleep_ms(20)
        updated = []
        doc.listen("updated", updated.append)
        doc.tab.adopt_snapshot_of(other.tab)
        assert await good == Committed(1, 4)
        with pytest.raises(PatchConflictError) as caught:
            await bad
        assert caught.value.path == "/c"
        assert doc.state == {"a": 1}
        assert updated == [5]

    in_room(test)


def close_all_sessions(room):
    for number in range(MAX_SESSIONS):
        room.append(f'{{"k":"open","s":"s{number}"}}', EntryKind.HOUSEKEEPING)


def test_a_closed_session_is_replaced_when_nothing_can_have_been_applied():
    """The replica saw every entry: what is pending goes again, in a new session, and takes effect once."""

    async def test(room, doc):
        await doc.patch([])
        held = []
        room.carry = lambda command: held.append(command) or 0
        patching = asyncio.create_task(doc.patch([add("/a/-", 1)]))
        await sleep_ms(10)
        close_all_sessions(room)
        room.append(held[0])
        room.carry = lambda command: 1
        await patching
        room.append(held[0])
        await doc.read()
        assert doc.state == {"a": [1]}

    in_room(test, initial={"a": []})


def test_a_closed_session_is_an_unknown_outcome_when_entries_were_skipped():
    """The command may have been applied in the part that the snapshot stands for: not sent again."""

    async def test(room, doc):
        other = room.open_tab()
        await doc.patch([])
        doc.tab.is_cut_off = True
        sent = asyncio.create_task(doc.patch([add("/a/-", 1)]))
        await sleep_ms(10)
        unsent = asyncio.create_task(doc.patch([add("/a/-", 2)]))
        room.append('{"k":"open","s":"other"}', EntryKind.HOUSEKEEPING)
        close_all_sessions(room)
        await sleep_ms(0)
        other.tab.deliver()
        doc.tab.adopt_snapshot_of(other.tab)
        doc.tab.is_cut_off = False
        with pytest.raises(OutcomeUnknownError):
            await sent
        await unsent
        assert doc.state == {"a": [1, 2]}

    in_room(test, initial={"a": []})


def test_another_cluster_knows_nothing_of_what_was_sent_to_the_last():
    """Unknown; the next patch opens a session of its own there, and the document begins anew."""

    async def test(room, doc):
        await doc.patch([add("/old", 1)])
        doc.tab.is_cut_off = True
        pending = asyncio.create_task(doc.patch([add("/old", 2)]))
        await sleep_ms(10)
        doc.tab.client.reset()
        with pytest.raises(OutcomeUnknownError):
            await pending
        assert doc.state == {}
        room.entries = room.entries[:1]
        doc.tab.is_cut_off = False
        doc.tab.deliver()
        await doc.patch([add("/new", 1)])
        assert doc.state == {"born": 1, "new": 1}

    in_room(test, initial={"born": 1})


def test_entries_at_or_below_the_applied_index_are_ignored_and_gaps_refused():
    """Feeds overlap; a gap is somebody's mistake and changes nothing."""

    async def test(room, doc):
        await doc.patch([add("/a", 1)])
        client = doc.tab.client
        before = client.take_snapshot()
        client.apply(room.entries)
        index = client.applied_index
        with pytest.raises(RemoteProtocolError):
            client.apply([Entry(1, index + 1), Entry(1, index + 3)])
        with pytest.raises(RemoteProtocolError):
            client.restore(Snapshot(index + 1, 1, Configuration(), "{}"))
        with pytest.raises(RemoteProtocolError):
            client.restore(Snapshot(index + 1, 1, Configuration(), None))
        client.restore(Snapshot(index, 1, Configuration(), DocumentMachine().take_snapshot()))
        assert (client.applied_index, client.take_snapshot()) == (index, before)

    in_room(test)
