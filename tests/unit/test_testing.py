"""The public testing tools: virtual time, and contract suites that find faults."""

import asyncio
import time
from collections.abc import Callable

import pytest

from webraft_web.core.errors import StorageError
from webraft_web.storage.base import Batch, Storage
from webraft_web.storage.memory import MemoryStorage
from webraft_web.testing import StalledError, VirtualTimeLoop, check_storage, run


def test_an_hour_passes_at_once() -> None:
    """Waiting costs no real time, and the loop's clock shows exactly what was waited for."""

    async def main() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    begun = time.monotonic()
    assert run(main()) == pytest.approx(3600)
    assert time.monotonic() - begun < 60


def test_timers_fire_in_order_of_their_time() -> None:
    """Jumping never overtakes a nearer timer."""

    async def main() -> list[int]:
        seen: list[int] = []

        async def after(delay: int) -> None:
            await asyncio.sleep(delay)
            seen.append(delay)

        await asyncio.gather(*[after(delay) for delay in (30, 10, 20)])
        return seen

    assert run(main()) == [10, 20, 30]


def test_timeouts_time_out() -> None:
    """`asyncio.timeout` sees virtual time."""

    async def main() -> None:
        async with asyncio.timeout(5):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        run(main())


def test_waiting_for_ever_is_an_error() -> None:
    """Where real time would hang, the test fails and says why."""

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StalledError, match="nothing can ever happen"):
        run(main())


def test_time_may_leap_over_a_blocked_page() -> None:
    """`jump` passes time in one step, and everything overdue fires after it."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        fired: list[float] = []
        loop.call_later(1, lambda: fired.append(loop.time()))
        loop.jump(10)
        await asyncio.sleep(0.001)
        return fired[0]

    assert run(main()) == pytest.approx(10)


def test_two_runs_are_alike() -> None:
    """The same program gives the same trace."""

    async def main() -> list[tuple[float, int]]:
        trace: list[tuple[float, int]] = []

        async def worker(number: int) -> None:
            for step in range(5):
                await asyncio.sleep((number * 7 + step * 3) % 5 / 10)
                trace.append((asyncio.get_running_loop().time(), number))

        await asyncio.gather(*[worker(number) for number in range(5)])
        return trace

    assert run(main()) == run(main())


class Forgetful(MemoryStorage):
    """Drops hard states."""

    def persist(self, batch: Batch, done: Callable[[StorageError | None], None]) -> None:
        super().persist(batch._replace(hard_state=None), done)


class Appending(MemoryStorage):
    """Never lets entries replace others."""

    def persist(self, batch: Batch, done: Callable[[StorageError | None], None]) -> None:
        held = self._stored.state()
        last = held.entries[-1].index if held and held.entries else 0
        entries = [entry for entry in batch.entries if entry.index > last]
        super().persist(batch._replace(entries=entries), done)


class Ignorant(MemoryStorage):
    """Does not reset."""

    def persist(self, batch: Batch, done: Callable[[StorageError | None], None]) -> None:
        super().persist(batch._replace(reset=False), done)


@pytest.mark.parametrize("broken", [Forgetful, Appending, Ignorant])
def test_the_storage_contract_finds_faults(broken: type[MemoryStorage]) -> None:
    """A storage that breaks its promise does not pass."""
    stores: dict[str, MemoryStorage] = {}

    async def open_storage(name: str) -> Storage:
        return stores.setdefault(name, broken())

    with pytest.raises(AssertionError):
        run(check_storage(open_storage))


def test_a_storage_without_a_fence_is_not_passed_off_as_fenced() -> None:
    """`fenced=True` insists on FencedError after a takeover."""
    stores: dict[str, MemoryStorage] = {}

    async def open_storage(name: str) -> Storage:
        return stores.setdefault(name, MemoryStorage())

    with pytest.raises(AssertionError, match="takeover"):
        run(check_storage(open_storage, fenced=True))
