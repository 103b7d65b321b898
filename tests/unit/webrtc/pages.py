"""Pages with meshes in virtual time, and puppets: ends that say whatever a test wants."""

from __future__ import annotations

import asyncio
from random import Random

from webraft_web.clock import AsyncioClock
from webraft_web.testing.webrtc import FakeKeys, FakePages
from webraft_web.transports.webrtc.link import Link, Setting
from webraft_web.transports.webrtc.mesh import Mesh

A, B, C = ("a" * 32, "b" * 32, "c" * 32)


class World(FakePages):
    """Fake pages on the running loop's clock, with a seed."""

    def __init__(self, seed: int = 1, **options):
        super().__init__(AsyncioClock(asyncio.get_running_loop()), Random(seed), **options)

    def token(self, count: int) -> str:
        return self.random.getrandbits(8 * count).to_bytes(count).hex()


class Site:
    """A page with a mesh, and all that happened in it."""

    def __init__(self, world: World, page: str, *, secret: str = "secret", has_meeting: bool = True):
        self.world, self.page = world, page
        self.linked, self.errors, self.heard, self.closed = [], [], [], []
        self.mesh = Mesh(
            world.open_meeting(page) if has_meeting else None,
            FakeKeys(secret),
            page,
            lambda: f"claim of {page[0]}",
            world.connections(page),
            world.clock,
            on_link=self._on_link,
            on_error=self.errors.append,
            token=world.token,
        )

    def _on_link(self, link: Link) -> None:
        self.linked.append(link)
        link.on_text = lambda text: self.heard.append((link.page, text))
        link.on_closed = lambda reason: self.closed.append((link.page, reason))

    def send(self, page: str, text: str) -> None:
        self.mesh.links[page].send(text)


class Watcher:
    """A host that only takes notes."""

    def __init__(self):
        self.signals, self.opened_links, self.ends = [], [], []
        self.other = None

    def signal(self, text):
        self.other.signal(text)

    def gathered(self):
        pass

    def opened(self, link):
        self.opened_links.append(link)

    def dismissed(self, link):
        pass

    def ended(self, link, end):
        self.ends.append(end)


class Puppet:
    """A raw connection: notes what comes, and sends what a test wants sent."""

    def __init__(self, world: World, page: str, *, is_first: bool = False):
        self.messages, self.lost, self.opened = [], [], None
        self.react = None
        self.other = None
        self.connection = world.connections(page).open(
            self, is_polite=not is_first, is_first=is_first, farewell="x"
        )

    def on_signal(self, text):
        self.other(text)

    def on_gathered(self):
        pass

    def on_open(self, local, remote):
        self.opened = (local, remote)

    def on_message(self, text):
        self.messages.append(text)
        if self.react is not None:
            self.react(text)

    def on_low(self):
        pass

    def on_lost(self, reason):
        self.lost.append(reason)


def setting(world: World, page: str, secret: str = "secret") -> Setting:
    return Setting(
        page,
        FakeKeys(secret),
        lambda: f"claim of {page[0]}",
        world.connections(page),
        world.clock,
        world.token,
    )


def link_to_puppet(world: World, own: str = A, other: str = B) -> tuple[Link, Watcher, Puppet]:
    """A link whose other end is a puppet."""
    puppet = Puppet(world, other)
    watcher = Watcher()
    link = Link(setting(world, own), other, watcher, is_polite=False, is_first=True)
    watcher.other = puppet.connection
    puppet.other = link.signalled
    return link, watcher, puppet
