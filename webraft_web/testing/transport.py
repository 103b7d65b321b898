"""The contract suite for transports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from webraft_web.transports.base import OnText, Transport

OpenTransport = Callable[[str, OnText], Awaitable[Transport]]

_TEXTS = ("plain", "", "two\nlines", '["b","a"]\nnot a header', "\0 \u2028 \U0001f600", "x" * 100_000)


async def check_transport(open_transport: OpenTransport) -> None:
    """Fail with an AssertionError unless a transport keeps the promise of `transports.base`.

    It waits for what has to arrive as long as that takes: give it a time limit
    where a transport may lose texts for ever.

    Args:
        open_transport: Opens an end at an address, for a callback, such that all
            ends that it opened can hear each other once it has returned.
    """
    await _check_delivery(open_transport)
    await _check_addresses(open_transport)
    await _check_closing(open_transport)


class _End:
    """An end, what it heard, and a way to wait for more."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self._more = asyncio.Event()
        self.transport: Transport

    @classmethod
    async def open(cls, open_transport: OpenTransport, address: str) -> _End:
        end = cls()
        end.transport = await open_transport(address, end._note)
        assert end.transport.address == address, "an end knows its address"
        return end

    def _note(self, sender: str, text: str) -> None:
        self.heard.append((sender, text))
        self._more.set()

    async def until(self, *last: tuple[str, str]) -> list[tuple[str, str]]:
        """Wait until the very last texts have arrived; return everything before them, and forget it."""
        while not set(last) <= set(self.heard):
            self._more.clear()
            await self._more.wait()
        before, self.heard = [text for text in self.heard if text not in last], []
        return before


async def _check_delivery(open_transport: OpenTransport) -> None:
    one, two = [await _End.open(open_transport, address) for address in ("one", "two @ éß\n")]
    for text in _TEXTS:
        one.transport.send(two.transport.address, text)
    assert not two.heard, "nothing arrives before `send` has returned"
    one.transport.send(two.transport.address, "end")
    heard = await two.until(("one", "end"))
    assert heard == [("one", text) for text in _TEXTS], "texts arrive once, unchanged and in order"
    two.transport.send("one", "back")
    assert await one.until(("two @ éß\n", "back")) == [], "nobody hears their own texts"
    one.transport.close()
    two.transport.close()


async def _check_addresses(open_transport: OpenTransport) -> None:
    one, two, three = [await _End.open(open_transport, address) for address in ("one", "two", "three")]
    for number in range(50):
        one.transport.send("two", f"{number}")
        three.transport.send("two", f"{number}")
        two.transport.send("three", f"{number}")
        two.transport.send("nobody", f"{number}")
    one.transport.send("two", "end")
    three.transport.send("two", "end")
    two.transport.send("three", "end")
    two.transport.send("one", "end")
    numbers = [str(number) for number in range(50)]
    heard = await two.until(("one", "end"), ("three", "end"))
    for sender in ("one", "three"):
        own = [text for address, text in heard if address == sender]
        assert own == numbers, "each sender's texts stay in order, whoever else sends"
    assert await three.until(("two", "end")) == [("two", number) for number in numbers]
    assert await one.until(("two", "end")) == [], "a text reaches its receiver's address alone"
    for end in (one, two, three):
        end.transport.close()


async def _check_closing(open_transport: OpenTransport) -> None:
    one, two, witness = [await _End.open(open_transport, address) for address in ("one", "two", "witness")]
    two.transport.close()
    two.transport.close()
    two.transport.send("one", "from the closed end")
    one.transport.send("two", "to the closed end")
    one.transport.send("witness", "end")
    witness.transport.send("one", "end")
    await witness.until(("one", "end"))
    assert await one.until(("witness", "end")) == [], "a closed end sends nothing"
    assert two.heard == [], "a closed end hears nothing"
    again = await _End.open(open_transport, "two")
    one.transport.send("two", "welcome")
    assert await again.until(("one", "welcome")) == [], "an address may be opened again"
    for end in (one, again, witness):
        end.transport.close()
