"""Introductions by copy and paste, as an application makes them: before, while and after the links begin."""

import asyncio

import pytest

from tests.unit.webrtc.pages import A, B, World
from tests.unit.webrtc.test_paste import alone
from webraft_web.core.errors import BadArgumentError, ConfigError, LocalProtocolError
from webraft_web.testing import run
from webraft_web.transports.webrtc import opening
from webraft_web.transports.webrtc.by_hand import CopyAndPaste


def test_two_texts_link_two_pages_whose_links_begin_later():
    """What is asked for early waits; each text is for one thing alone."""

    async def main():
        world = World()
        one, other = CopyAndPaste(), CopyAndPaste()
        offering = asyncio.ensure_future(one.create_offer())
        await asyncio.sleep(1)
        sites = alone(world, A, B)
        for by_hand, site in zip((one, other), sites, strict=True):
            by_hand.attach(site.mesh)
        offer = await offering
        with pytest.raises(BadArgumentError):
            await one.accept_answer(offer)
        await one.accept_answer(await other.answer_offer(offer))
        await asyncio.sleep(1)
        assert [set(site.mesh.links) for site in sites] == [{B}, {A}]

    run(main())


def test_a_page_without_links_of_its_own_says_so():
    """Another tab runs the server, or nobody joined: nothing hangs for ever."""

    async def main():
        with pytest.raises(LocalProtocolError, match="in the tab that runs its server"):
            await CopyAndPaste().create_offer()

    run(main())


def test_an_answer_that_comes_when_the_links_are_closed_opens_none():
    """While it was gathered the page's tenure ended: nobody would own the link, and the other end would think
    that somebody listens.
    """

    async def main():
        world = World()
        one, other = alone(world, A, B)
        offer = await one.mesh.create_offer()
        answering = asyncio.ensure_future(other.mesh.answer_offer(offer))
        await asyncio.sleep(0)
        assert not answering.done()
        other.mesh.close()
        with pytest.raises(LocalProtocolError, match="were closed"):
            await answering

    run(main())


def test_links_begin_where_nobody_lends_connections_yet(monkeypatch):
    """The page that lent them to a worker may be gone just now: that is told, and does not last for ever."""

    class Borrowed:
        async def check(self):
            raise ConfigError("no page lends its connections")

    async def main():
        monkeypatch.setattr(opening, "default_connections", lambda *_, **__: Borrowed())
        errors = []
        mesh = await opening.open_page_mesh(
            "room",
            "0Ksd82hLqP3xYb7TnVw5mZcR",
            signaling=[CopyAndPaste()],
            ice_servers=[],
            claim=lambda: "",
            on_link=print,
            on_error=errors.append,
        )
        assert [str(error) for error in errors] == ["no page lends its connections"]
        assert mesh.status()["links"] == {}
        mesh.close()

    asyncio.run(main())
