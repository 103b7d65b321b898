"""Time without the spells in which the event loop was blocked."""

import asyncio

from tests.unit.in_process import Network, leader_of, leaders, servers
from webraft_web.clock import AsyncioClock
from webraft_web.server.own_time import OwnTime
from webraft_web.testing import run


def block(milliseconds):
    """Let time pass as a computation does: nobody else gets a turn."""
    asyncio.get_running_loop().jump(milliseconds / 1000)


def own_time(grace_ms, on_stall=lambda: None):
    return OwnTime(AsyncioClock(), lambda: grace_ms, on_stall)


def test_time_runs_on_while_nothing_is_overdue():
    """Waiting is not being blocked."""

    async def main():
        time = own_time(100)
        fired = []
        timer = time.timer(lambda: fired.append(time.now_ms()))
        timer.set(5000)
        await asyncio.sleep(6)
        assert time.now_ms() == 6000
        assert fired == [5000]

    run(main())


def test_a_blocked_spell_hardly_counts():
    """Time goes on where it stopped; what was overdue fires in its time, and the stall is told once."""

    async def main():
        stalls = []
        time = own_time(0, lambda: stalls.append(time.now_ms()))
        fired = []
        time.timer(lambda: fired.append(time.now_ms())).set(100)
        await asyncio.sleep(0.04)
        assert time.now_ms() == 40
        block(3000)
        assert time.now_ms() == 70
        await asyncio.sleep(0.02)
        assert not fired
        await asyncio.sleep(0.02)
        assert fired == [100]
        assert stalls == [70]

    run(main())


def test_grace_lets_what_has_arrived_be_heard_first():
    """An overdue timer has at least so long to go, even if little was left."""

    async def main():
        time = own_time(50)
        fired = []
        time.timer(lambda: fired.append(time.now_ms())).set(100)
        await asyncio.sleep(0.09)
        assert time.now_ms() == 90
        block(3000)
        seen = []
        for _ in range(4):
            seen.append(time.now_ms())
            await asyncio.sleep(0.01)
        assert seen == [90, 90, 90, 90]  # time never runs backwards: it stands still instead
        assert not fired
        await asyncio.sleep(0.02)
        assert fired == [100]

    run(main())


def test_a_timer_that_is_due_when_it_is_set_only_waits_for_the_event_loops_turn():
    """It does not matter then whether time stands still."""

    async def main():
        time = own_time(1000)
        time.timer(lambda: None).set(100)
        block(3000)
        assert time.now_ms() == 0
        fired = []
        time.timer(lambda: fired.append(time.now_ms())).set(time.now_ms())
        await asyncio.sleep(0.01)
        assert fired == [0]

    run(main())


def test_timers_can_be_moved_and_cancelled():
    """A moved timer fires once, at its last deadline; a cancelled one never, and nobody waits for it."""

    async def main():
        time = own_time(0)
        fired = []
        moved, cancelled, closed = (time.timer(lambda name=name: fired.append(name)) for name in "abc")
        for timer in (moved, cancelled, closed):
            timer.set(100)
        moved.set(300)
        cancelled.set(None)
        closed.close()
        await asyncio.sleep(0.2)
        assert not fired
        await asyncio.sleep(0.2)
        assert fired == ["a"]
        block(1000)
        assert time.now_ms() == 1400

    run(main())


def test_a_cluster_whose_process_was_blocked_keeps_its_leader():
    """Nobody was silent: nobody listened."""

    async def main():
        group = servers(Network(delay_ms=(1, 20)), *"abc")
        leader = await leader_of(group, voters=3)
        term = leader.current_term
        for pause_ms in (150, 250, 400, 1000, 5000):
            await asyncio.sleep(0.123)
            block(pause_ms)
            await asyncio.sleep(1)
            assert leaders(group) == [leader]
        assert {server.current_term for server in group} == {term}

    run(main())
