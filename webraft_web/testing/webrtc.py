"""WebRTC without WebRTC: pages, the connections between them and where they meet, in any clock's time.

The same seed gives the same course. Pages may be cut off, die, and say goodbye;
what they signal may be lost, late and out of order; what they send takes its time.
"""

from __future__ import annotations

import heapq
import json
from collections import deque
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any, Final

from webraft_web.clock import Clock
from webraft_web.core.errors import AuthenticationError
from webraft_web.transports.webrtc.connections import ConnectionEvents

LOW_BYTES: Final = 256 << 10
GONE_MS: Final = 15_000


class FakePages:
    """The world: which pages there are, and what lies between them.

    Args:
        clock: Where time comes from.
        random: Decides what is lost and how late things are.
        latency_ms: From one page to another.
        bytes_per_ms: How fast a connection sends.
    """

    def __init__(
        self, clock: Clock, random: Random, *, latency_ms: int = 5, bytes_per_ms: int = 20_000
    ) -> None:
        self.clock = clock
        self.random = random
        self.latency_ms = latency_ms
        self.bytes_per_ms = bytes_per_ms
        self.signal_loss = 0.0
        self.signal_jitter_ms = 0
        self.ends: list[FakeConnection] = []
        self.meetings: list[FakeMeeting] = []
        self._cut: set[frozenset[str]] = set()
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count(1)
        self._timer = clock.timer(self._due)

    def connections(self, page: str) -> FakeConnections:
        """Return what opens connections in `page`."""
        return FakeConnections(self, page)

    def open_meeting(self, page: str) -> Callable[..., FakeMeeting]:
        """Return what opens `page`'s place in the one meeting of this world, as `Mesh` asks for it."""

        def open_meeting(
            *, on_peer: Callable[[str], None], on_signal: Callable[[str, str], None]
        ) -> FakeMeeting:
            return FakeMeeting(self, page, on_peer, on_signal)

        return open_meeting

    def cut(self, page: str, other: str) -> None:
        """Let nothing pass between two pages but signals; after a while their connection is lost."""
        self._cut.add(frozenset((page, other)))
        for end in self.ends:
            if end.other is not None and {end.page, end.other.page} == {page, other}:
                end.miss()

    def mend(self, page: str, other: str) -> None:
        """Undo `cut`, for connections to come."""
        self._cut.discard(frozenset((page, other)))

    def kill(self, page: str) -> None:
        """End a page without a word: nothing is told there any more, and others notice after a while."""
        self.meetings = [meeting for meeting in self.meetings if meeting.page != page]
        for end in [end for end in self.ends if end.page == page]:
            end.is_over = True
            self.ends.remove(end)
            if end.other is not None:
                end.other.miss()

    def hide(self, page: str) -> None:
        """Let a page go away as a closing tab does: its connections say goodbye."""
        for end in [end for end in self.ends if end.page == page]:
            end.say_goodbye()

    def passes(self, page: str, other: str) -> bool:
        """Whether anything passes between two pages."""
        return frozenset((page, other)) not in self._cut

    def later(self, delay_ms: int, callback: Callable[[], None]) -> None:
        """Run `callback` after a while; what is due at the same time runs in the order of the calls."""
        heapq.heappush(self._later, (self.clock.now_ms() + delay_ms, next(self._numbers), callback))
        self._timer.set(self._later[0][0])

    def _due(self) -> None:
        while self._later and self._later[0][0] <= self.clock.now_ms():
            heapq.heappop(self._later)[2]()
        if self._later:
            self._timer.set(self._later[0][0])


class FakeConnections:
    """Opens connections in one page; see `transports.webrtc.connections.Connections`."""

    def __init__(self, pages: FakePages, page: str) -> None:
        self._pages = pages
        self._page = page

    async def check(self) -> None:
        """Nothing is in the way here."""

    def open(
        self, events: ConnectionEvents, *, is_polite: bool, is_first: bool, farewell: str
    ) -> FakeConnection:
        assert is_polite is not is_first, "here the impolite end makes the offer"
        return FakeConnection(self._pages, self._page, events, is_first=is_first, farewell=farewell)


class FakeConnection:
    """One end; see `transports.webrtc.connections.Connection`."""

    def __init__(
        self, pages: FakePages, page: str, events: ConnectionEvents, *, is_first: bool, farewell: str
    ) -> None:
        self.page = page
        self.other: FakeConnection | None = None
        self.is_over = False
        self.waiting_bytes = 0
        self._pages = pages
        self.events = events
        self._farewell = farewell
        self.fingerprint = f"sha-256 {pages.random.getrandbits(256):064x}"
        self._described_as = ""
        self.is_open = False
        self._queue: deque[tuple[str, int]] = deque()
        pages.ends.append(self)
        if is_first:
            pages.later(0, lambda: self._describe("offer"))

    def signal(self, text: str) -> None:
        try:
            kind, fingerprint = json.loads(text)
        except ValueError:
            self._pages.later(0, lambda: self.lose("nonsense was signalled"))
            return
        if kind == "way" or self._described_as:
            return
        found = [end for end in self._pages.ends if end.fingerprint == fingerprint and end is not self]
        if not found:
            return  # that end is over already
        self.other = found[0]
        self._described_as = fingerprint
        if kind == "offer":
            self._pages.later(0, lambda: self._describe("answer"))
        else:
            self._pages.later(2 * self._pages.latency_ms, self._connect)

    def send(self, text: str) -> int:
        if self.is_over or not self.is_open:
            return -1
        size = len(text.encode())
        self._queue.append((text, size))
        self.waiting_bytes += size
        if len(self._queue) == 1:
            self._begin_next()
        return self.waiting_bytes

    def statistics(self) -> dict[str, Any]:
        return {"rtt_ms": 2 * self._pages.latency_ms, "local": "host", "remote": "host"}

    def close(self) -> None:
        if self.is_over:
            return
        self.is_over = True
        self._pages.ends.remove(self)
        self._flush()
        self._tell_other(lambda other: other.lose("the other end closed the channel"))

    def miss(self) -> None:
        """Notice after a while that the other end is not heard any more."""
        self._pages.later(GONE_MS, lambda: self.lose("the other end was not heard any more"))

    def say_goodbye(self) -> None:
        """Do what a page that goes away does."""
        self.send(self._farewell)
        self.close()
        self._pages.later(0, lambda: self.events.on_lost("this page went away"))

    def _describe(self, kind: str) -> None:
        for text in ([kind, self.fingerprint], ["way", ""], ["way", ""]):
            if not self.is_over:
                self.events.on_signal(json.dumps(text))
        if not self.is_over:
            self.events.on_gathered()

    def _connect(self) -> None:
        other = self.other
        if other is None or self.is_over or other.is_over or not self._pages.passes(self.page, other.page):
            return
        for end in (self, other):
            end.is_open = True
            self._pages.later(0, end.opened)

    def opened(self) -> None:
        """Tell that the channel is open."""
        if not self.is_over:
            self.events.on_open(self.fingerprint, self._described_as)

    def _begin_next(self) -> None:
        self._pages.later(self._queue[0][1] // self._pages.bytes_per_ms, self._sent)

    def _sent(self) -> None:
        if self.is_over:
            return
        before = self.waiting_bytes
        self._pass_on()
        if self._queue:
            self._begin_next()
        if before > LOW_BYTES >= self.waiting_bytes:
            self.events.on_low()

    def _flush(self) -> None:
        while self._queue:
            self._pass_on()

    def _pass_on(self) -> None:
        text, size = self._queue.popleft()
        self.waiting_bytes -= size
        self._tell_other(lambda other: other.events.on_message(text))

    def _tell_other(self, tell: Callable[[FakeConnection], None]) -> None:
        def arrive() -> None:
            other = self.other
            if other is None or other.other is not self or other.is_over:
                return
            if self._pages.passes(self.page, other.page):
                tell(other)

        self._pages.later(self._pages.latency_ms, arrive)

    def lose(self, reason: str) -> None:
        """Be over, and tell."""
        if not self.is_over:
            self.is_over = True
            self._pages.ends.remove(self)
            self.events.on_lost(reason)


class FakeMeeting:
    """One page's place where all pages meet; see `transports.webrtc.mesh.Meeting`."""

    def __init__(
        self,
        pages: FakePages,
        page: str,
        on_peer: Callable[[str], None],
        on_signal: Callable[[str, str], None],
    ) -> None:
        self.page = page
        self._pages = pages
        self.on_peer = on_peer
        self.on_signal = on_signal
        self.met: set[str] = set()
        pages.meetings.append(self)
        pages.later(pages.latency_ms, self.look)
        for meeting in pages.meetings:
            pages.later(pages.latency_ms, meeting.look)

    def signal(self, to: str, text: str) -> None:
        pages = self._pages
        if to in self.met and self in pages.meetings and pages.random.random() >= pages.signal_loss:
            delay_ms = pages.latency_ms + pages.random.randint(0, pages.signal_jitter_ms)
            pages.later(delay_ms, lambda: self._deliver(to, text))

    def peer_gone(self, page: str) -> None:
        self.met.discard(page)
        self._pages.later(1000, self.look)

    def close(self) -> None:
        if self in self._pages.meetings:
            self._pages.meetings.remove(self)

    def status(self) -> dict[str, Any]:
        return {"peers": sorted(self.met)}

    def look(self) -> None:
        """Meet whoever is here and was not met yet."""
        for other in list(self._pages.meetings):
            if self in self._pages.meetings and other is not self and other.page not in self.met:
                self.met.add(other.page)
                self.on_peer(other.page)

    def _deliver(self, to: str, text: str) -> None:
        for meeting in list(self._pages.meetings):
            if meeting.page == to:
                if self.page not in meeting.met:
                    meeting.met.add(self.page)
                    meeting.on_peer(self.page)
                meeting.on_signal(self.page, text)


class FakeKeys:
    """A room's keys without cryptography but for proofs; see `transports.keys.RoomKeys`."""

    def __init__(self, secret: str, topic: str = "topic") -> None:
        self.topic = topic
        self.authentication = secret.encode()

    async def seal(self, text: str, context: str) -> str:
        return json.dumps([self.authentication.hex(), self.topic, context, text]).encode().hex()

    async def open(self, sealed: str, context: str) -> str:
        try:
            *sealed_for, text = json.loads(bytes.fromhex(sealed))
        except ValueError:
            sealed_for, text = [], ""
        if sealed_for != [self.authentication.hex(), self.topic, context]:
            raise AuthenticationError("this was not sealed for this room")
        return str(text)
