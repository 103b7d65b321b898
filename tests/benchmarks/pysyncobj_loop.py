"""PySyncObj under the load of core_loop.py: three nodes in one process, messages handed over as they are.

It persists nothing either, and is told to replicate whenever it is let run.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from pysyncobj import SyncObj, SyncObjConf, replicated
from pysyncobj.node import Node
from pysyncobj.transport import Transport

NAMES = ("a", "b", "c")
POSTED: list[tuple[str, Node, Any]] = []
TRANSPORTS: dict[str, MemoryTransport] = {}


class MemoryTransport(Transport):
    """Puts messages where `deliver` takes them from."""

    ready = True

    def __init__(self, _owner: Any, own: Node, _others: Any) -> None:
        super().__init__(_owner, own, _others)
        self.own = own
        TRANSPORTS[own.id] = self

    def send(self, node: Node, message: Any) -> bool:
        POSTED.append((node.id, self.own, message))
        return True

    def addNode(self, node: Node) -> None:  # noqa: N802
        """Everybody is there from the start."""

    def destroy(self) -> None:
        """There is nothing to close."""


class Applied(SyncObj):
    """What every node applies commands to."""

    def __init__(self, own: Node, others: list[Node]) -> None:
        conf = SyncObjConf(autoTick=False, appendEntriesPeriod=1e-6, connectionTimeout=10)
        super().__init__(own, others, conf, transportClass=MemoryTransport)
        self.last = ""

    @replicated
    def apply(self, command: str) -> None:
        self.last = command


def turn(nodes: list[Applied]) -> None:
    """Let every node run once, and hand over what they sent."""
    for node in nodes:
        node.doTick(0.0)
    posted = POSTED[:]
    POSTED.clear()
    for receiver, sender, message in posted:
        TRANSPORTS[receiver]._onMessageReceived(sender, message)


def start() -> tuple[list[Applied], Applied]:
    """Return three connected nodes and the one that they elected."""
    ids = [Node(name) for name in NAMES]
    nodes = [Applied(own, [node for node in ids if node is not own]) for own in ids]
    for transport in TRANSPORTS.values():
        for node in ids:
            if node is not transport.own:
                transport._onNodeConnected(node)
    while not all(node._isReady() for node in nodes):
        turn(nodes)
    return nodes, next(node for node in nodes if node._isLeader())


def measure(proposals: int, outstanding: int = 64) -> float:
    """Return how many commands a second are committed and applied."""
    nodes, leader = start()
    commands = [f'["set","/cards/{number % 100}",{number}]' for number in range(outstanding)]
    done = 0

    def count(_result: Any, _error: Any) -> None:
        nonlocal done
        done += 1

    begun = time.perf_counter()
    proposed = 0
    while done < proposals:
        while proposed - done < outstanding:
            leader.apply(commands[proposed % outstanding], callback=count)
            proposed += 1
        turn(nodes)
    rate = done / (time.perf_counter() - begun)
    for node in nodes:
        node.destroy()
    return rate


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"rates": [measure(int(sys.argv[1])) for _ in range(int(sys.argv[2]))]}))
