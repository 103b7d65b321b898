"""`update`: atomic, retried on conflict, fair, and never applied twice."""

import asyncio

import pytest

from tests.unit.document.fake_room import FakeRoom, Weather, cancelled, sleep_ms
from tests.unit.document.test_shared import add, in_room
from webraft_web.core.errors import BadArgumentError, OutcomeUnknownError
from webraft_web.document import outbox
from webraft_web.document.sessions import MAX_SESSIONS
from webraft_web.document.turns import TURN_LENGTH
from webraft_web.testing import run


def increment(state):
    return {**state, "n": state.get("n", 0) + 1}


@pytest.mark.parametrize("seed", range(3))
def test_three_tabs_that_increment_at_once_lose_nothing(seed):
    """200 increments from each end at 600 in all of them, however bad the channel."""

    async def main():
        room = FakeRoom(carry=Weather(seed, loss=0.02, doubling=0.2))
        tabs = [room.open_tab() for _ in range(3)]

        async def work(doc):
            for _ in range(200):
                await doc.update(increment)

        await asyncio.gather(*map(work, tabs))
        assert [await doc.read() for doc in tabs] == [{"n": 600}] * 3

    run(main())


def test_update_returns_the_new_state_as_a_private_copy():
    """What the function made of it, as every replica reads it."""

    async def test(room, doc):
        mine = {"list": [1]}
        state = await doc.update(lambda state: {**state, "mine": mine, "pair": (1, 2)})
        assert state == {"mine": {"list": [1]}, "pair": [1, 2]}
        state["mine"]["list"].append(2)
        mine["list"].append(3)
        assert doc.state == {"mine": {"list": [1]}, "pair": [1, 2]}

    in_room(test)


def test_returning_none_means_the_copy_as_changed():
    """And the copy is private until then."""

    async def test(room, doc):
        def change(state):
            state["cards"].append("milk")
            assert doc.tab.client.document == {"cards": []}

        assert await doc.update(change) == {"cards": ["milk"]}
        assert doc.state == {"cards": ["milk"]}

    in_room(test, initial={"cards": []})


def test_the_functions_exception_propagates_and_nothing_is_committed():
    """Nor is anything left of the copy that it changed; the next update goes on."""

    async def test(room, doc):
        def fail(state):
            state["half"] = True
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await doc.update(fail)
        assert await doc.update(increment) == {"n": 1}

    in_room(test)


async def asynchronous(state):
    return state


class Awaiting:
    async def __call__(self, state):
        return state


@pytest.mark.parametrize(
    "function",
    [
        asynchronous,
        Awaiting(),
        None,
        {},
        lambda state: {1, 2},
        lambda state: float("nan"),
        lambda state: {1: 2},
        lambda state: state.update(self=state),
    ],
    ids=["async", "async call", "none", "dict", "set", "nan", "key", "endless"],
)
def test_a_function_that_cannot_work_is_refused(function):
    """An async one, and one that returns what JSON cannot carry."""

    async def test(room, doc):
        with pytest.raises(BadArgumentError):
            await doc.update(function)
        await sleep_ms(50)
        assert len(room.entries) == 1

    in_room(test)


def test_an_update_that_changes_nothing_writes_nothing_but_is_confirmed():
    """It returns the newest state, not the one that a lagging tab has."""

    async def test(room, doc):
        other = room.open_tab()
        other.tab.is_cut_off = True
        await doc.update(increment)
        length = len(room.entries)
        updating = asyncio.create_task(other.update(lambda state: state))
        await sleep_ms(100)
        assert not updating.done()
        other.tab.is_cut_off = False
        other.tab.deliver()
        assert await updating == {"n": 1}
        assert len(room.entries) == length

    in_room(test)


def test_one_is_not_true_to_an_update():
    """A change of type alone is a change."""

    async def test(room, doc):
        await doc.update(lambda state: {"a": True})
        assert doc.state["a"] is True
        await doc.update(lambda state: {"a": 1.0})
        assert type(doc.state["a"]) is float

    in_room(test, initial={"a": 1})


def test_a_small_change_to_a_large_document_is_a_small_command():
    """And a small new document in place of a large one is sent whole."""

    async def test(room, doc):
        await doc.update(lambda state: state["cards"][250].update(done=True))
        assert len(room.commands[-1]) < 200
        await doc.update(lambda state: {"cards": [1, 2, 3]})
        assert len(room.commands[-1]) < 200
        assert doc.state == {"cards": [1, 2, 3]}

    in_room(test, initial={"cards": [{"n": number, "text": "x" * 20} for number in range(500)]})


def test_updates_of_one_tab_go_in_the_order_of_their_calls():
    """They do not compete with one another: one try each."""

    async def test(room, doc):
        order = []

        def note(number):
            return lambda state: order.append(number) or increment(state)

        await asyncio.gather(*(doc.update(note(number)) for number in range(20)))
        assert order == list(range(20))
        assert doc.state == {"n": 20}

    in_room(test)


def test_a_cancelled_update_lets_the_next_one_go():
    """Whether it waits for its place or for its outcome."""

    async def test(room, doc):
        tasks = [asyncio.create_task(doc.update(increment)) for _ in range(4)]
        await asyncio.sleep(0)
        await cancelled(tasks[1])
        await cancelled(tasks[0])
        await asyncio.gather(*tasks[2:])
        assert doc.state["n"] >= 2
        assert not doc.tab.client._updates

    in_room(test)


def test_an_unknown_outcome_is_never_retried():
    """Not even when the document shows that it had no effect."""

    async def test(room, doc):
        await doc.patch([])
        room.carry = lambda command: 0
        calls = []
        with pytest.raises(OutcomeUnknownError):
            await doc.update(lambda state: calls.append(1) or increment(state), timeout=1_000)
        assert calls == [1]

    in_room(test)


def test_a_stream_of_patches_does_not_starve_an_update():
    """An update that lost twice gets its turn, even against tabs that never pause."""

    async def main():
        room = FakeRoom(delay_ms=5)
        busy, other_busy, doc = (room.open_tab() for _ in range(3))
        is_over = False

        async def stream(handle):
            async def one():
                await handle.patch([add("/x", 1)])

            while not is_over:
                tasks = [asyncio.create_task(one()) for _ in range(3)]
                await sleep_ms(1)
            await asyncio.gather(*tasks)

        streams = [asyncio.create_task(stream(handle)) for handle in (busy, other_busy)]
        await sleep_ms(50)
        attempts = []
        for _ in range(10):
            await doc.update(lambda state: attempts.append(1) or increment(state))
        is_over = True
        await asyncio.gather(*streams)
        assert doc.state["n"] == 10
        assert len(attempts) <= 60, "two lost tries, and a few while what was under way arrives"

    run(main())


def test_a_tab_that_dies_in_its_turn_costs_the_others_a_bounded_wait():
    """They hold back for a moment, then go on, and the log ends the turn."""

    async def main():
        room = FakeRoom()
        dead, doc = room.open_tab(), room.open_tab()
        await dead.patch([])
        await doc.patch([])
        dead.tab.is_cut_off = True
        await doc.patch([add("/x", 1)])
        for _ in range(2):  # made for a version that is gone
            task = asyncio.create_task(dead.update(increment))
            await sleep_ms(1)
            await cancelled(task)
        await sleep_ms(10)
        machine = doc.tab.client._machine
        assert machine.turns.head == machine.sessions.find_id("session of tab0.1")
        loop = asyncio.get_running_loop()
        began = loop.time()
        await doc.patch([add("/y", 1)])
        assert outbox.HOLD_MS <= (loop.time() - began) * 1000 <= outbox.HOLD_MS + 50
        began = loop.time()
        for number in range(TURN_LENGTH):
            await doc.patch([add("/y", number)])
        assert (loop.time() - began) * 1000 < TURN_LENGTH * 5, "patience is lost once"
        assert machine.turns.head is None

    run(main())


def test_patience_is_lost_with_one_head_of_the_queue_alone():
    """The next session in it gets its moment too."""

    async def main():
        room = FakeRoom()
        *dying, doc = (room.open_tab() for _ in range(3))
        for tab in (*dying, doc):
            await tab.patch([])
        for tab in dying:
            tab.tab.is_cut_off = True
        await doc.patch([add("/x", 1)])
        for tab in dying * 2:  # made for a version that is gone
            task = asyncio.create_task(tab.update(increment))
            await sleep_ms(1)
            await cancelled(task)
        await sleep_ms(10)
        machine, loop = doc.tab.client._machine, asyncio.get_running_loop()
        waits = {}
        while (head := machine.turns.head) is not None:
            began = loop.time()
            await doc.patch([add("/y", 1)])
            waits.setdefault(head, []).append((loop.time() - began) * 1000 >= outbox.HOLD_MS)
        assert [sum(waited) for waited in waits.values()] == [1, 1]
        assert all(waited[0] for waited in waits.values())

    run(main())


def test_updates_that_take_turns_do_not_starve_a_patch():
    """One turn follows another, but a patch has waited enough after a while."""

    async def main():
        room = FakeRoom()
        *busy, doc = (room.open_tab() for _ in range(12))
        await doc.patch([])
        is_over = False

        async def work(handle):
            while not is_over:
                await handle.update(increment)

        workers = [asyncio.create_task(work(handle)) for handle in busy]
        await sleep_ms(100)
        heads = set()
        doc.listen("updated", lambda: heads.add(doc.tab.client._machine.turns.head))
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(5):
            await doc.patch([add("/x", 1)])
        assert (loop.time() - began) * 1000 < 5 * (outbox.HOLD_MS + 50)
        assert len(heads - {None}) > 5
        is_over = True
        await asyncio.gather(*workers)

    run(main())


def test_an_update_survives_that_its_session_was_closed():
    """The others opened so many that this one's had to go: it opens another."""

    async def test(room, doc):
        await doc.update(increment)
        room.carry = lambda command: 0
        updating = asyncio.create_task(doc.update(increment))
        await sleep_ms(10)
        for number in range(MAX_SESSIONS):
            room.append(f'{{"k":"open","s":"s{number}"}}', 3)
        room.carry = lambda command: 1
        assert await updating == {"n": 2}
        assert doc.state == {"n": 2}

    in_room(test)


async def open_other_cluster():
    """Another room, whose document is of the same version as one that was changed once."""
    other = FakeRoom({"n": 0})
    await other.open_tab().update(lambda _: {"n": 100})
    return other


def test_an_update_that_was_not_sent_is_made_anew_for_the_document_of_another_cluster():
    """A version means something within one cluster alone, so it is not left to the version to tell."""

    async def test(room, doc):
        other = await open_other_cluster()
        await doc.update(increment)
        room.has_leader = False
        seen = []
        updating = asyncio.create_task(doc.update(lambda state: seen.append(state["n"]) or increment(state)))
        await sleep_ms(10)
        doc.tab.move_to(other)
        assert await updating == {"n": 101}
        assert seen == [1, 100]
        assert doc.state == other.tabs[0].client.document == {"n": 101}

    in_room(test, initial={"n": 0})


def test_an_update_that_was_sent_is_unknown_to_another_cluster_and_not_made_again():
    """The former one may have carried it out."""

    async def test(room, doc):
        other = await open_other_cluster()
        await doc.update(increment)
        room.carry = lambda command: 0
        seen = []
        updating = asyncio.create_task(doc.update(lambda state: seen.append(state["n"]) or increment(state)))
        await sleep_ms(10)
        doc.tab.move_to(other)
        with pytest.raises(OutcomeUnknownError):
            await updating
        await sleep_ms(10)
        assert seen == [1]
        assert doc.state == {"n": 100}

    in_room(test, initial={"n": 0})


def test_an_update_that_changes_nothing_does_not_return_the_document_of_the_former_cluster():
    """However alike the versions are: it returns the newest state of the new one."""

    async def test(room, doc):
        other = await open_other_cluster()
        await doc.update(increment)
        room.has_leader = False
        updating = asyncio.create_task(doc.update(lambda state: state))
        await sleep_ms(10)
        doc.tab.move_to(other)
        assert await updating == {"n": 100}

    in_room(test, initial={"n": 0})


def test_an_update_waits_for_all_of_another_clusters_document():
    """Its function sees neither the emptiness before it nor a beginning of it."""

    async def test(room, doc):
        other = await open_other_cluster()
        doc.tab.is_cut_off = True
        doc.tab.move_to(other)
        seen = []
        updating = asyncio.create_task(doc.update(lambda state: seen.append(state["n"]) or increment(state)))
        await sleep_ms(10)
        doc.tab.client.apply(other.entries[:2])
        await sleep_ms(10)
        assert doc.state == {"n": 0}
        doc.tab.is_cut_off = False
        doc.tab.deliver()
        assert await updating == {"n": 101}
        assert seen == [100]

    in_room(test, initial={"n": 0})
