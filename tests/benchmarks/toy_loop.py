"""The least that replicates, under the load of core_loop.py: what any Raft in Python could at best come near.

A leader that nobody challenges: no elections, no bounds, no validation, no
snapshots, no reads, nothing to persist. But Fig. 3.1 to the letter, entry by
entry, and each command is applied by a call of its own.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import NamedTuple

IDS = ("a", "b", "c")


class Entry(NamedTuple):
    """One entry of the log."""

    term: int
    command: str


@dataclass
class AppendEntries:
    """Entries that follow on another."""

    term: int
    prev_index: int
    prev_term: int
    entries: list[Entry]
    commit_index: int


@dataclass
class Answer:
    """How far the sender's log agrees."""

    term: int
    success: bool
    index: int


class Follower:
    """Appends what follows on its log, and applies what is committed."""

    def __init__(self) -> None:
        self.term = 1
        self.log = [Entry(0, "")]
        self.commit_index = 0
        self.applied = 0
        self.last = ""

    def step(self, message: AppendEntries) -> Answer:
        """Answer an AppendEntries."""
        index = message.prev_index
        if message.term < self.term:
            return Answer(self.term, False, 0)
        if len(self.log) <= index or self.log[index].term != message.prev_term:
            return Answer(self.term, False, min(index, len(self.log)) - 1)
        for entry in message.entries:
            index += 1
            if index < len(self.log) and self.log[index].term != entry.term:
                del self.log[index:]
            if index == len(self.log):
                self.log.append(entry)
        self.commit_to(min(message.commit_index, index))
        return Answer(self.term, True, index)

    def commit_to(self, index: int) -> None:
        """Apply what is committed and not applied yet."""
        while self.commit_index < index:
            self.commit_index += 1
            self.apply(self.log[self.commit_index].command)

    def apply(self, command: str) -> None:
        """Stand for a state machine."""
        self.applied += 1
        self.last = command


class Leader(Follower):
    """Sends each follower what it lacks, and commits what most of them hold."""

    def __init__(self, others: dict[str, Follower]) -> None:
        super().__init__()
        self.others = others
        self.next_index = dict.fromkeys(others, 1)
        self.match_index = dict.fromkeys(others, 0)

    def propose(self, commands: list[str]) -> None:
        """Append commands."""
        for command in commands:
            self.log.append(Entry(self.term, command))

    def replicate(self) -> None:
        """Send everybody what is missing, or what became committed."""
        for name, other in self.others.items():
            first = self.next_index[name]
            entries = self.log[first:]
            prev_term = self.log[first - 1].term
            answer = other.step(AppendEntries(self.term, first - 1, prev_term, entries, self.commit_index))
            if answer.success:
                self.match_index[name] = answer.index
            self.next_index[name] = answer.index + 1
        reached = sorted([len(self.log) - 1, *self.match_index.values()])[1]
        if self.log[reached].term == self.term:
            self.commit_to(reached)


def measure(proposals: int, at_a_time: int, outstanding: int = 64) -> float:
    """Return how many proposals a second are committed and applied, on all servers.

    Args:
        proposals: How many are to be.
        at_a_time: How many of those outstanding one message carries. A toy sends each by itself.
        outstanding: How many are under way.
    """
    leader = Leader({name: Follower() for name in IDS[1:]})
    commands = [f'["set","/cards/{number % 100}",{number}]' for number in range(outstanding)]
    begun = time.perf_counter()
    while leader.applied < proposals:
        for first in range(0, outstanding, at_a_time):
            leader.propose(commands[first : first + at_a_time])
            leader.replicate()
        leader.replicate()  # the last commit index
    return leader.applied / (time.perf_counter() - begun)


if __name__ == "__main__":
    number, trials, at_once = (int(word) for word in sys.argv[1:])
    sys.stdout.write(json.dumps({"rates": [measure(number, at_once) for _ in range(trials)]}))
