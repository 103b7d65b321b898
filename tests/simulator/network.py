"""A network that loses, repeats, delays and reorders texts, and that can be cut in every direction."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulator.world import World


class Network:
    """What servers at addresses hear each other through.

    Attributes:
        loss, repeat: Probabilities for each text.
        delays_ms: One of them is drawn for each text: that alone reorders.
        cut: Pairs (sender, receiver) between which everything is lost: one direction each.
    """

    def __init__(self, world: World) -> None:
        self.loss = 0.0
        self.repeat = 0.0
        self.delays_ms = [1]
        self.cut: set[tuple[str, str]] = set()
        self.receivers: dict[str, Callable[[str, str], None]] = {}
        """By address: takes the sender's address and the text."""
        self._world = world

    def send(self, sender: str, receiver: str, text: str) -> None:
        """Carry a text, perhaps."""
        world = self._world
        world.note(f"{sender}→{receiver}", text)
        world.counts["messages"] += 1
        if (sender, receiver) in self.cut or world.is_likely(self.loss):
            return
        for _ in range(2 if world.is_likely(self.repeat) else 1):
            world.at(world.chance.choice(self.delays_ms), lambda: self._arrive(sender, receiver, text))

    def _arrive(self, sender: str, receiver: str, text: str) -> None:
        if (sender, receiver) not in self.cut and receiver in self.receivers:
            self.receivers[receiver](sender, text)

    def heal(self) -> None:
        """Lose nothing any more, and be quick."""
        self.loss = self.repeat = 0.0
        self.delays_ms = [1]
        self.cut = set()
