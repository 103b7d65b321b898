"""A transport within one program: for tests, simulations and examples."""

from __future__ import annotations

from collections.abc import Callable

from webraft_web.transports.base import OnText


class MemoryNetwork:
    """What ends in one program hear each other through.

    Args:
        call_soon: Runs a delivery later, in order: `Clock.call_soon`, or a loop's.
    """

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._ends: list[MemoryTransport] = []
        self._cut: set[frozenset[str]] = set()

    def open(self, address: str, on_text: OnText) -> MemoryTransport:
        """Return a new end at `address`."""
        end = MemoryTransport(self, address, on_text)
        self._ends.append(end)
        return end

    def cut(self, address: str, other: str) -> None:
        """Lose everything between two addresses from now on, and what is under way."""
        self._cut.add(frozenset((address, other)))

    def mend(self, address: str, other: str) -> None:
        """Undo `cut`."""
        self._cut.discard(frozenset((address, other)))

    def deliver(self, sender: str, receiver: str, text: str) -> None:
        """Carry one text, later."""

        def arrive() -> None:
            if frozenset((sender, receiver)) in self._cut:
                return
            for end in list(self._ends):
                if end.address == receiver and end in self._ends:
                    end.on_text(sender, text)

        self._call_soon(arrive)

    def forget(self, end: MemoryTransport) -> None:
        """Deliver nothing more to `end`."""
        if end in self._ends:
            self._ends.remove(end)


class MemoryTransport:
    """One end of a `MemoryNetwork`."""

    def __init__(self, network: MemoryNetwork, address: str, on_text: OnText) -> None:
        self.address = address
        self.on_text = on_text
        self._network: MemoryNetwork | None = network

    def send(self, address: str, text: str) -> None:
        if self._network is not None:
            self._network.deliver(self.address, address, text)

    def close(self) -> None:
        if self._network is not None:
            self._network.forget(self)
            self._network = None
