"""Time without the spells in which the event loop was blocked."""

import asyncio

from tests.unit.in_process import Network, leader_of, leaders, servers
from webraft_web.clock import AsyncioClock
from webraft_web.own_time import OwnTime
from webraft_web.testing import run


def block(milliseconds):
    """Let time pass as a computation does: nobody else gets a turn."""
    asyncio.get_running_loop().jump(milliseconds / 1000)


def own_time(grace_ms):
    return OwnTime(AsyncioClock(), lambda: grace_ms)


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


def test_a_blocked_spell_does_not_count():
    """Without grace a timer fires at once, at the time for which it was set."""

    async def main():
        time = own_time(0)
        fired = []
        timer = time.timer(lambda: fired.append(time.now_ms()))
        timer.set(100)
        block(3000)
        await asyncio.sleep(0.01)
        assert fired == [100]
        assert time.now_ms() <= 110

    run(main())


def test_grace_lets_what_has_arrived_be_heard_first():
    """Whoever asks for the time finds it before the overdue deadline."""

    async def main():
        time = own_time(50)
        fired = []
        timer = time.timer(lambda: fired.append(time.now_ms()))
        timer.set(100)
        block(3000)
        assert time.now_ms() == 50
        await asyncio.sleep(0.04)
        assert not fired
        await asyncio.sleep(0.02)
        assert fired == [100]

    run(main())


def test_time_never_runs_backwards():
    """Where grace reaches back before what was told already, time stands still instead."""

    async def main():
        time = own_time(50)
        time.timer(lambda: None).set(100)
        await asyncio.sleep(0.09)
        assert time.now_ms() == 90
        block(1000)
        seen = []
        for _ in range(10):
            seen.append(time.now_ms())
            await asyncio.sleep(0.01)
        assert seen[0] == 90
        assert seen == sorted(seen)
        assert seen[-1] > 100

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
