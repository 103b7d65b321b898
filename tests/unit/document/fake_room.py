"""One log without any Raft, and tabs that share it: what carries commands is as bad as a test wants.

The clients, handles and machines are the real ones; only the connection is faked.
"""

from __future__ import annotations

import asyncio
import contextlib
import random

from webraft_web.clock import AsyncioClock
from webraft_web.core.entry import Configuration, Entry, EntryKind, Snapshot
from webraft_web.core.errors import NotLeaderError
from webraft_web.document import Client, SharedDocument, genesis_command


class FakeRoom:
    """The log. Everything takes `delay_ms`, and what `carry` says happens to each command sent.

    `carry(command)` returns how many copies get appended; at 0 the command is lost.
    """

    def __init__(self, initial=None, *, delay_ms=2, carry=None):
        self.entries = []
        self.tabs = []
        self.delay_ms = delay_ms
        self.carry = carry or (lambda command: 1)
        self.has_leader = True
        self.append(genesis_command(initial), EntryKind.HOUSEKEEPING)

    @property
    def commands(self):
        """The texts of all COMMAND entries."""
        return [entry.data for entry in self.entries if entry.kind == EntryKind.COMMAND]

    def append(self, text, kind=EntryKind.COMMAND):
        self.entries.append(Entry(1, len(self.entries) + 1, kind, text))
        for tab in self.tabs:
            tab.deliver_soon()

    def open_tab(self):
        """Return a handle in a new tab, whose replica has applied what is there."""
        tab = FakeTab(self, f"tab{len(self.tabs)}")
        self.tabs.append(tab)
        tab.deliver()
        return tab.open_handle()


class FakeTab:
    """A tab's connection; see `Replica`."""

    def __init__(self, room, name):
        self.log = room
        self.room = "board"
        self.tab = name
        self.client = Client(self, AsyncioClock(), f"session of {name}")
        self.is_cut_off = False
        self.released = 0
        self.sent = []
        self._is_delivering = False

    def open_handle(self):
        handle = SharedDocument(self.client)
        handle.tab = self
        return handle

    def submit(self, commands, kind):
        self.sent += commands
        if not self.log.has_leader:
            self.later(lambda: self.client.refused(commands, NotLeaderError()))
            return
        for command in commands:
            for _ in range(self.log.carry(command)):
                self.later(lambda command=command: self.log.append(command, kind))

    def read(self, done):
        if self.log.has_leader:
            self.later(lambda: done(len(self.log.entries)))
        else:
            self.later(lambda: done(NotLeaderError()))

    def deliver_soon(self):
        if not self._is_delivering:
            self._is_delivering = True
            self.later(self.deliver)

    def deliver(self):
        self._is_delivering = False
        if not self.is_cut_off:
            self.client.apply(self.log.entries[self.client.applied_index :])

    def move_to(self, room):
        """Belong to another cluster from now on, whose log is yet to come."""
        self.log.tabs.remove(self)
        self.log = room
        room.tabs.append(self)
        self.client.reset()
        self.deliver_soon()

    def adopt_snapshot_of(self, other):
        """Skip the log: take the state of another tab."""
        index = other.client.applied_index
        self.client.restore(Snapshot(index, 1, Configuration(), other.client.take_snapshot()))

    def later(self, function):
        asyncio.get_running_loop().call_later(self.log.delay_ms / 1000, function)

    def status(self):
        return {
            "role": "observer",
            "tabs": [tab.tab for tab in self.log.tabs],
            "last_applied": self.client.applied_index,
        }

    async def release(self):
        self.released += 1

    async def leave_room(self):
        pass

    async def recover(self):
        pass

    def invite_link(self):
        return "https://example.org/#room"


class Weather:
    """Loses and doubles commands by chance, the same way for the same seed."""

    def __init__(self, seed, *, loss=0.3, doubling=0.3):
        self.chance = random.Random(seed)
        self.loss = loss
        self.doubling = doubling

    def __call__(self, command):
        roll = self.chance.random()
        if roll < self.loss:
            return 0
        return 2 if roll < self.loss + self.doubling else 1


async def sleep_ms(milliseconds):
    await asyncio.sleep(milliseconds / 1000)


async def cancelled(task):
    """Cancel a task and wait until it has ended."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
