"""Two pages that are introduced by two texts, carried by people, with no server at all."""

import asyncio
import json

import pytest

from tests.unit.webrtc.pages import A, B, C, Site, World
from webraft_web.core.errors import AuthenticationError, BadArgumentError
from webraft_web.testing import run
from webraft_web.testing.webrtc import FakeKeys
from webraft_web.transports.webrtc.paste import GATHERING_S

HOURS = 3600


def alone(world, *pages, **options):
    return [Site(world, page, has_meeting=False, **options) for page in pages]


@pytest.mark.parametrize("pages", [(A, B), (B, A)])
def test_an_offer_and_its_answer_link_two_pages(pages):
    """Whoever offers, and however long people take."""

    async def main():
        one, other = alone(World(), *pages)
        offer = await one.mesh.create_offer()
        await asyncio.sleep(5 * HOURS)
        answer = await other.mesh.answer_offer(f"  {offer[:30]}\n{offer[30:]} ")
        await asyncio.sleep(HOURS)
        await one.mesh.accept_answer(answer)
        await asyncio.sleep(1)
        one.send(other.page, "hello")
        await asyncio.sleep(1)
        assert other.heard == [(one.page, "hello")]
        assert one.errors == other.errors == []

    run(main())


def test_one_offer_is_for_one_page_and_several_may_wait():
    """Two answers to two offers; a second answer to one of them comes too late."""

    async def main():
        a, b, c = alone(World(), A, B, C)
        offers = [await a.mesh.create_offer() for _ in range(2)]
        await a.mesh.accept_answer(await c.mesh.answer_offer(offers[1]))
        late = await b.mesh.answer_offer(offers[1])
        with pytest.raises(BadArgumentError, match="accepted already"):
            await a.mesh.accept_answer(late)
        await a.mesh.accept_answer(await b.mesh.answer_offer(offers[0]))
        await asyncio.sleep(60)
        assert set(a.mesh.links) == {B, C}

    run(main())


def test_wrong_texts_are_refused_with_what_was_expected():
    """Another room's, one's own, of the wrong kind, cut short, or stale."""

    async def main():
        world = World()
        a, b = alone(world, A, B)
        (stranger,) = alone(world, C, secret="another")
        offer = await a.mesh.create_offer()
        with pytest.raises(AuthenticationError):
            await stranger.mesh.answer_offer(offer)
        with pytest.raises(AuthenticationError):
            await b.mesh.answer_offer(offer[:-10])
        with pytest.raises(BadArgumentError, match="own offer"):
            await a.mesh.answer_offer(offer)
        with pytest.raises(BadArgumentError, match=r"is an offer, expected an answer"):
            await a.mesh.accept_answer(offer)
        with pytest.raises(BadArgumentError, match=r"something else, expected an offer"):
            await b.mesh.answer_offer("https://example.org/")
        answer = await b.mesh.answer_offer(offer)
        with pytest.raises(BadArgumentError, match=r"is an answer, expected an offer"):
            await a.mesh.answer_offer(answer)
        a.mesh.close()
        (reloaded,) = alone(world, "d" * 32)
        with pytest.raises(BadArgumentError, match="reloaded"):
            await reloaded.mesh.accept_answer(answer)

    run(main())


def test_pages_that_are_linked_already_are_told_so():
    """A second introduction would only replace what works."""

    async def main():
        a, b = alone(World(), A, B)
        offers = [await a.mesh.create_offer() for _ in range(3)]
        answers = [await b.mesh.answer_offer(offer) for offer in offers[:2]]
        await a.mesh.accept_answer(answers[1])
        await asyncio.sleep(1)
        assert set(a.mesh.links) == {B}
        with pytest.raises(BadArgumentError, match="linked already"):
            await b.mesh.answer_offer(offers[2])
        with pytest.raises(BadArgumentError, match="linked already"):
            await a.mesh.accept_answer(answers[0])

    run(main())


def test_a_member_that_seals_nonsense_is_refused():
    """The seal says that it holds the secret, not that it makes sense."""

    async def main():
        (a,) = alone(World(), A)
        for fields in ({}, [], [1, 2, 3], ["x", "y", [1]], "text"):
            sealed = await FakeKeys("secret").seal(json.dumps(fields), "webraft-offer")
            with pytest.raises(AuthenticationError, match="nothing that can be used"):
                await a.mesh.answer_offer(f"webraft-offer:{sealed}")

    run(main())


def test_ways_that_are_never_found_do_not_hold_up_the_offer():
    """A STUN server that does not answer costs some seconds."""

    async def main():
        world = World()
        a, b = alone(world, A, B)
        open_connection = a.mesh._setting.connections.open

        def open_slowly(events, **options):
            events.gathered = events.on_gathered
            events.on_gathered = lambda: None
            return open_connection(events, **options)

        a.mesh._setting.connections.open = open_slowly
        before = world.clock.now_ms()
        offer = await a.mesh.create_offer()
        assert world.clock.now_ms() - before >= GATHERING_S * 1000
        await a.mesh.accept_answer(await b.mesh.answer_offer(offer))
        await asyncio.sleep(1)
        assert set(a.mesh.links) == {B}

    run(main())


def test_pages_with_a_server_may_be_introduced_by_hand_as_well():
    """Whichever comes first; there is one link in the end."""

    async def main():
        world = World()
        a, b = Site(world, A), Site(world, B)
        offer = await a.mesh.create_offer()
        await a.mesh.accept_answer(await b.mesh.answer_offer(offer))
        await asyncio.sleep(60)
        assert set(a.mesh.links) == {B}
        assert set(b.mesh.links) == {A}
        assert len(world.ends) == 2

    run(main())
