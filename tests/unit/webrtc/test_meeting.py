"""Links that come about through the real meeting, with real keys, over a bus that loses what it likes."""

import asyncio
import functools
import random

from tests.unit.signaling.worlds import Bus, keys
from tests.unit.webrtc.pages import A, B, C, World
from webraft_web.testing import run
from webraft_web.transports.signaling.meeting import Meeting
from webraft_web.transports.webrtc.mesh import Mesh


class Site:
    """A page with a meeting and a mesh."""

    def __init__(self, world, room_keys, page, bus):
        self.page = page
        self.linked, self.closed, self.errors = [], [], []
        self.mesh = Mesh(
            functools.partial(
                Meeting,
                [bus],
                room_keys,
                page,
                world.clock,
                random.Random(page),
                on_state=lambda: None,
            ),
            room_keys,
            page,
            lambda: f"claim of {page[0]}",
            world.connections(page),
            world.clock,
            on_link=self._on_link,
            on_error=self.errors.append,
            token=world.token,
        )

    def _on_link(self, link):
        self.linked.append(link)
        link.on_closed = self.closed.append


def are_meshed(sites):
    pages = {site.page for site in sites}
    return all(set(site.mesh.links) == pages - {site.page} for site in sites)


def test_pages_link_and_link_again_through_the_meeting():
    """Connections die, a page leaves, others come: whoever is there ends up linked, though much is lost."""

    async def main():
        world, bus, chance = World(), Bus(), random.Random(7)
        bus.on_post = lambda text: chance.random() > 0.25
        room_keys = await keys()
        sites = [Site(world, room_keys, page, bus) for page in (A, B, C)]
        for _ in range(100):
            await asyncio.sleep(10)
            if are_meshed(sites):
                break
        assert are_meshed(sites)
        world.cut(A, B)
        await asyncio.sleep(60)
        assert set(sites[2].mesh.links) == {A, B}
        assert B not in sites[0].mesh.links
        world.mend(A, B)
        await asyncio.sleep(600)
        assert are_meshed(sites)
        sites.pop(0).mesh.close()
        sites.append(Site(world, room_keys, "d" * 32, bus))
        await asyncio.sleep(600)
        assert are_meshed(sites)
        assert [error for site in sites for error in site.errors] == []

    run(main())


def test_nothing_readable_passes_the_meeting():
    """Neither certificates nor claims nor ways, and little of anything."""

    async def main():
        world, bus = World(), Bus()
        room_keys = await keys()
        sites = [Site(world, room_keys, page, bus) for page in (A, B)]
        await asyncio.sleep(10)
        assert are_meshed(sites)
        said = "\n".join(bus.posted)
        for word in ("offer", "sha-256", "claim", world.ends[0].fingerprint[8:], "kanban"):
            assert word not in said
        assert len(bus.posted) < 20

    run(main())
