"""The core alone: three servers in one process, and what a leader commits with so many proposals under way.

Run by itself, on whatever core is installed, in Pyodide too: it imports nothing
else. No wire, no disk, no clock: messages are handed over as they are, and what
is to be persisted counts as persisted. All proposals of a turn are one batch, as
with the driver.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Final

from webraft_web.core.config import Config, FixedTimeouts
from webraft_web.core.entry import Configuration, Entry, EntryKind, HardState
from webraft_web.core.raft import Raft
from webraft_web.core.ready import RestoredState, may_go_early

IDS: Final = ("a", "b", "c")
COMPACT_AFTER: Final = 4096
"""Entries: the log is kept short, as the driver does."""


class Servers:
    """Three servers, the first of which leads."""

    def __init__(self) -> None:
        entry = Entry(1, 1, EntryKind.CONFIGURATION, "", Configuration(IDS))
        restored = RestoredState(HardState(1, None, 1), None, (entry,))
        # A window of 64 messages, one of 64 proposals at a time, is never full.
        self.rafts = {one: Raft(Config(one, FixedTimeouts()), restored, 0) for one in IDS}
        self.leader = self.rafts["a"]
        self.applied = 0
        self.leader.campaign()
        self.settle()
        assert self.leader.is_leader

    def settle(self) -> None:
        """Carry out batches and hand over messages until nothing moves."""
        rafts = self.rafts
        busy = True
        while busy:
            busy = False
            for raft in rafts.values():
                while raft.has_ready():
                    busy = True
                    self._carry_out(raft)

    def _carry_out(self, raft: Raft) -> None:
        rafts = self.rafts
        ready = raft.ready()
        for message in ready.messages:
            if may_go_early(message):
                rafts[message.receiver].step(message)
        raft.advance()
        for message in ready.messages:
            if not may_go_early(message):
                rafts[message.receiver].step(message)
        entries = ready.committed_entries
        if entries:
            raft.applied_to(entries[-1].index)
            if raft is self.leader:
                self.applied += sum(entry.kind is EntryKind.COMMAND for entry in entries)
            if raft.last_applied - raft.log.snapshot.last_index >= COMPACT_AFTER:
                raft.compact(raft.last_applied - 1, None)


def measure(proposals: int, outstanding: int = 64) -> float:
    """Return how many proposals a second are committed and applied, with so many under way at any time."""
    servers = Servers()
    commands = [f'["set","/cards/{number % 100}",{number}]' for number in range(outstanding)]
    begun = time.perf_counter()
    while servers.applied < proposals:
        servers.leader.propose(commands)
        servers.settle()
    took_s = time.perf_counter() - begun
    logs = {(raft.log.last_index, raft.commit_index) for raft in servers.rafts.values()}
    assert len(logs) == 1, "all hold the same"
    return servers.applied / took_s


def main(proposals: int, trials: int) -> str:
    """Return, as JSON, where the core was loaded from and the rate of each trial."""
    measure(proposals // 10)
    rates = [measure(proposals) for _ in range(trials)]
    return json.dumps({"file": sys.modules[Raft.__module__].__file__, "rates": rates})


if __name__ == "__main__":
    sys.stdout.write(main(int(sys.argv[1]), int(sys.argv[2])))
