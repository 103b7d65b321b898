"""What lies between simulated browsers: their pages are linked, cut off from each other, and linked again.

In place of signalling and WebRTC, for rooms whose tabs are simulated: what those
two do by themselves is tried with `testing.webrtc` and `testing.signaling`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final, Protocol

from webraft_web.core.errors import TransportError, WebraftError

LOOK_EVERY_S: Final = 0.25
GONE_AFTER_S: Final = 5.0
"""A page that died without a word is noticed after so long, as by ICE."""


class Computer(Protocol):
    """Where a page is: pages of the same computer are never cut off from each other."""


class LinkedPage(Protocol):
    """A page, as far as the internet knows it; `testing.tabs.Tab` is one."""

    @property
    def browser(self) -> Computer:
        """The browser that it belongs to."""

    def is_dead(self) -> bool:
        """Whether it is gone for good."""

    def run(self, callback: Callable[..., None], args: Any = ()) -> None:
        """Run `callback` in the page, now or when it can."""


class Internet:
    """All networks of all browsers. Pages with the same room and secret find each other.

    Args:
        seed: For latencies: the same seed gives the same run.
        latency_s: The longest way from page to page.
    """

    def __init__(self, seed: int = 0, latency_s: float = 0.02) -> None:
        self.random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.latency_s = latency_s
        self.meshes: list[SimulatedMesh] = []
        self._cut: set[frozenset[int]] = set()
        self._links: list[tuple[SimulatedLink, SimulatedLink]] = []
        self._parted: set[frozenset[SimulatedMesh]] = set()
        self._is_looking = False

    def cut(self, one: Computer, other: Computer) -> None:
        """Let nothing through between two browsers."""
        self._cut.add(frozenset((id(one), id(other))))

    def heal(self) -> None:
        """Let everything through again."""
        self._cut.clear()

    def can_reach(self, one: LinkedPage, other: LinkedPage) -> bool:
        """Whether anything gets from the one page to the other."""
        is_cut = frozenset((id(one.browser), id(other.browser))) in self._cut
        return not (is_cut or one.is_dead() or other.is_dead())

    @property
    def link_count(self) -> int:
        """How many links there are, each counted once."""
        return len(self._links)

    async def open_mesh(
        self,
        page: LinkedPage,
        room: str,
        secret: str,
        *,
        claim: Callable[[], str],
        on_link: Callable[[SimulatedLink], None],
        on_error: Callable[[WebraftError], None],
    ) -> SimulatedMesh:
        """Return what `transports.webrtc.opening.open_page_mesh` would."""
        mesh = SimulatedMesh(self, page, (room, secret), claim, on_link, on_error)
        self.meshes.append(mesh)
        self._look_soon()
        return mesh

    def closed(self, mesh: SimulatedMesh) -> None:
        """Take a mesh away that has said goodbye."""
        if mesh in self.meshes:
            self.meshes.remove(mesh)
        for pair in list(self._links):
            for end, other in (pair, pair[::-1]):
                if end.mesh is mesh:
                    self._links.remove(pair)
                    other.deliver(other.ended, "the other page closed its links")

    def part(self, mesh: SimulatedMesh, other: SimulatedMesh) -> None:
        """Never link these two again."""
        self._parted.add(frozenset((mesh, other)))

    def unlinked(self, link: SimulatedLink, reason: str) -> None:
        """Take one link away, closed by one of its ends."""
        for pair in list(self._links):
            if link in pair:
                self._links.remove(pair)
                other = pair[0] if pair[1] is link else pair[1]
                other.deliver(other.ended, reason)

    def _look_soon(self) -> None:
        if not self._is_looking and self.meshes:
            self._is_looking = True
            asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        """Link who can be linked, and end what has long been broken."""
        self._is_looking = False
        now = asyncio.get_running_loop().time()
        self.meshes = [mesh for mesh in self.meshes if not mesh.page.is_dead()]
        for pair in list(self._links):
            one, other = pair
            if self.can_reach(one.mesh.page, other.mesh.page):
                one.broken_since = None
            elif one.broken_since is None:
                one.broken_since = now
            elif now - one.broken_since >= GONE_AFTER_S:
                self._links.remove(pair)
                for end in pair:
                    end.deliver(end.ended, "the other page is gone")
        linked = {frozenset((one.mesh, other.mesh)) for one, other in self._links} | self._parted
        for position, mesh in enumerate(self.meshes):
            for other_mesh in self.meshes[position + 1 :]:
                is_wanted = mesh.topic == other_mesh.topic and frozenset((mesh, other_mesh)) not in linked
                if is_wanted and self.can_reach(mesh.page, other_mesh.page):
                    self._link(mesh, other_mesh)
        self._look_soon()

    def _link(self, mesh: SimulatedMesh, other_mesh: SimulatedMesh) -> None:
        one, other = SimulatedLink(mesh, other_mesh.claim()), SimulatedLink(other_mesh, mesh.claim())
        one.other, other.other = other, one
        self._links.append((one, other))
        for end in (one, other):
            end.deliver(end.mesh.on_link, end)


class SimulatedMesh:
    """One page's links in one room."""

    def __init__(
        self,
        internet: Internet,
        page: LinkedPage,
        topic: tuple[str, str],
        claim: Callable[[], str],
        on_link: Callable[[SimulatedLink], None],
        on_error: Callable[[WebraftError], None],
    ) -> None:
        self.internet = internet
        self.page = page
        self.topic = topic
        self.claim = claim
        self.on_link = on_link
        self.on_error = on_error
        self.is_closed = False

    def close(self) -> None:
        """Say goodbye to all."""
        self.is_closed = True
        self.internet.closed(self)


class SimulatedLink:
    """One end of a link (see `site.neighbours.Link`)."""

    def __init__(self, mesh: SimulatedMesh, claim: str) -> None:
        self.mesh = mesh
        self.page = ""
        self.claim = claim
        self.other: SimulatedLink
        self.on_text: Callable[[str], None] = _ignore
        self.on_closed: Callable[[str], None] = _ignore
        self.broken_since: float | None = None
        self._is_over = False
        self._arrival = 0.0

    def send(self, text: str) -> None:
        if not self._is_over and self.mesh.internet.can_reach(self.mesh.page, self.other.mesh.page):
            self.other.deliver(self.other.heard, text)

    def close(self, reason: str) -> None:
        self._is_over = True
        self.mesh.internet.unlinked(self, reason)

    def refuse(self, error: WebraftError) -> None:
        """End the link for good, and tell both sides."""
        if self._is_over:
            return
        internet, other = self.mesh.internet, self.other
        internet.part(self.mesh, other.mesh)
        other.deliver(other.mesh.on_error, TransportError(f"refused: {error}"))
        internet.unlinked(self, str(error))
        self._is_over = True
        self.mesh.on_error(error)
        self.on_closed(str(error))

    def statistics(self) -> dict[str, Any]:
        return {"is_open": not self._is_over}

    def deliver(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Have something happen at this end after a while, in order."""
        internet = self.mesh.internet
        loop = asyncio.get_running_loop()
        earliest = loop.time() + internet.random.uniform(internet.latency_s / 4, internet.latency_s)
        self._arrival = max(earliest, self._arrival + 1e-6)
        loop.call_at(self._arrival, self.mesh.page.run, self._unless_closed(callback), arguments)

    def heard(self, text: str) -> None:
        """Take in a text."""
        if not self._is_over:
            self.on_text(text)

    def ended(self, reason: str) -> None:
        """Learn that the link is over."""
        if not self._is_over:
            self._is_over = True
            self.on_closed(reason)

    def _unless_closed(self, callback: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            if not self.mesh.is_closed:
                callback(*arguments)

        return call


def _ignore(_: str) -> None:
    """Nobody listens yet."""
