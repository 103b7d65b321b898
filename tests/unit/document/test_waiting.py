"""The awaitable behind every call, and the deadlines."""

import asyncio
import contextvars

import pytest

from webraft_web.clock import AsyncioClock
from webraft_web.core.errors import OutcomeUnknownError
from webraft_web.document.waiting import Deadlines, Waiter
from webraft_web.testing import run


def test_settling_runs_the_waiting_task_at_once():
    """Inside the call, when no other task runs; in its own context."""

    async def main():
        waiter, seen, variable = Waiter(), [], contextvars.ContextVar("v", default="outside")

        async def wait():
            variable.set("mine")
            seen.append(await waiter)
            seen.append(variable.get())

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)

        def settle():
            waiter.settle(1)
            seen.append("settled")

        asyncio.get_running_loop().call_soon(settle)
        await task
        assert seen == [1, "mine", "settled"]

    run(main())


def test_settling_from_a_task_wakes_through_the_loop():
    """Tasks cannot nest."""

    async def main():
        waiter = Waiter()
        task = asyncio.ensure_future(_await(waiter))
        await asyncio.sleep(0)
        waiter.settle(1)
        assert not task.done()
        assert await task == 1

    run(main())


async def _await(waiter):
    return await waiter


def test_a_waiter_settled_before_it_is_awaited_returns_at_once():
    """The first result stands."""

    async def main():
        waiter = Waiter()
        waiter.settle(1)
        waiter.settle(2)
        waiter.fail(OutcomeUnknownError())
        assert not waiter.cancel()
        assert await waiter == 1

    run(main())


def test_failing_raises_in_the_task():
    """With the very exception."""

    async def main():
        waiter = Waiter()
        asyncio.get_running_loop().call_soon(waiter.fail, OutcomeUnknownError("why"))
        with pytest.raises(OutcomeUnknownError, match="why"):
            await waiter

    run(main())


def test_cancelling_the_task_ends_the_wait():
    """And what comes later is ignored; asyncio's own timeouts work."""

    async def main():
        waiter = Waiter()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await waiter
        waiter.settle(1)
        task = asyncio.create_task(_await(Waiter()))
        await asyncio.sleep(0)
        task.cancel("because")
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_only_one_task_waits():
    """A second one is a mistake that shows at once."""

    async def main():
        waiter = Waiter()
        first = asyncio.create_task(_await(waiter))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError):
            await waiter
        waiter.settle(1)
        assert await first == 1

    run(main())


def test_deadlines_fire_in_time_and_only_once():
    """Also those set while others fire; dropped ones leave nothing behind."""

    async def main():
        loop, fired = asyncio.get_running_loop(), []

        def due(key):
            fired.append((key, round(loop.time() * 1000)))
            if key == "first":
                deadlines.set("later", 30)
                deadlines.drop("dropped too")

        deadlines = Deadlines(AsyncioClock(), due)
        deadlines.set("second", 20.5)
        deadlines.set("first", 10)
        deadlines.set("dropped", 15)
        deadlines.set("dropped too", 10)
        deadlines.drop("dropped")
        await asyncio.sleep(0.1)
        assert [key for key, _ in fired] == ["first", "second", "later"]
        assert [at for _, at in fired] == pytest.approx([10, 21, 30], abs=1)
        deadlines.set("closed", 150)
        deadlines.close()
        await asyncio.sleep(0.1)
        assert len(fired) == 3

    run(main())


def test_a_task_that_ends_the_program_does_not_end_what_woke_it():
    """It may be the server, in the midst of applying: the event loop gets to raise it, afterwards."""
    loop, done = asyncio.new_event_loop(), []

    async def begin():
        waiter = Waiter()

        async def exit_when_settled():
            await waiter
            raise SystemExit(3)

        task = asyncio.ensure_future(exit_when_settled())
        await asyncio.sleep(0)

        def wake():
            waiter.settle(None)
            done.append("went on")

        loop.call_soon(wake)
        return task

    try:
        task = loop.run_until_complete(begin())
        with pytest.raises(SystemExit):
            loop.run_forever()
        assert done == ["went on"]
        assert isinstance(task.exception(), SystemExit)
    finally:
        loop.close()
