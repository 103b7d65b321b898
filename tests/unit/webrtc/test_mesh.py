"""All links of a page: one with each other page, whatever is lost, late, or ends."""

import asyncio
import itertools
import json

import pytest

from tests.unit.webrtc.pages import A, B, C, Site, World
from webraft_web.core.errors import LocalProtocolError, RemoteProtocolError
from webraft_web.testing import run
from webraft_web.transports.webrtc.mesh import MAX_PEERS
from webraft_web.transports.webrtc.peer import ATTEMPT_MS

HOURS = 3600


def meshed(*sites):
    """Whether each has one link with each other, and no connection stands beside them."""
    pages = {site.page for site in sites}
    ends = [end for end in sites[0].world.ends if end.page in pages]
    return all(set(site.mesh.links) == pages - {site.page} for site in sites) and len(ends) == len(sites) * (
        len(sites) - 1
    )


def test_pages_that_meet_are_linked_with_each_other_once():
    """Three pages, three connections, texts both ways."""

    async def main():
        world = World()
        sites = [Site(world, page) for page in (B, A, C)]
        await asyncio.sleep(5)
        assert meshed(*sites)
        for one, other in itertools.permutations(sites, 2):
            one.send(other.page, f"from {one.page[0]}")
        await asyncio.sleep(1)
        for site in sites:
            others = [other for other in sites if other is not site]
            assert sorted(site.heard) == sorted((other.page, f"from {other.page[0]}") for other in others)
            assert len(site.linked) == 2
            assert site.errors == []
        status = sites[0].mesh.status()
        assert set(status["links"]) == {A, C}
        assert status["links"][A]["claim"] == "claim of a"
        assert status["trying"] == []
        assert status["signaling"]["peers"] == [A, C]

    run(main())


@pytest.mark.parametrize("seed", range(30))
def test_links_come_about_though_signals_are_lost_and_late(seed):
    """A third is lost, others overtake each other: in the end there is one link for each two pages."""

    async def main():
        world = World(seed)
        world.signal_loss, world.signal_jitter_ms = 0.33, 3000
        sites = [Site(world, page) for page in (A, B, C)]
        for _ in range(60):
            await asyncio.sleep(60)
            if meshed(*sites):
                break
        assert meshed(*sites)
        world.signal_loss = world.signal_jitter_ms = 0
        await asyncio.sleep(60)
        assert meshed(*sites)
        for site in sites:
            assert site.errors == []
            assert len(site.linked) - len(site.closed) == 2

    run(main())


def test_a_page_that_is_not_met_by_the_caller_asks_to_be_called():
    """Of two pages only one calls; when it has not heard of the other, that one speaks up."""

    async def main():
        world = World()
        a, b = Site(world, A), Site(world, B)
        a.mesh._meeting._on_peer = None
        (meeting,) = [one for one in world.meetings if one.page == A]
        meeting.on_peer = lambda page: None
        await asyncio.sleep(10)
        assert meshed(a, b)

    run(main())


def test_a_lost_connection_is_made_anew():
    """Both ends notice after a while, and link again without being told to."""

    async def main():
        world = World()
        a, b = Site(world, A), Site(world, B)
        await asyncio.sleep(5)
        world.cut(A, B)
        await asyncio.sleep(16)
        assert [reason for _, reason in (*a.closed, *b.closed)] == [
            "the other end was not heard any more"
        ] * 2
        world.mend(A, B)
        await asyncio.sleep(20)
        assert meshed(a, b)
        a.send(B, "again")
        await asyncio.sleep(1)
        assert b.heard == [(A, "again")]
        assert a.errors == b.errors == []

    run(main())


@pytest.mark.parametrize("forgetful", [A, B])
def test_an_end_that_alone_lost_the_connection_gets_another(forgetful):
    """The other end takes the newer connection in place of the one that it believes in."""

    async def main():
        world = World()
        a, b = Site(world, A), Site(world, B)
        await asyncio.sleep(5)
        (end,) = [end for end in world.ends if end.page == forgetful]
        end.lose("this end alone noticed something")
        await asyncio.sleep(20)
        assert meshed(a, b)
        assert [len(a.linked), len(b.linked)] == [2, 2]
        assert len(a.closed) == len(b.closed) == 1

    run(main())


def test_pages_that_cannot_connect_are_tried_ever_more_rarely():
    """Attempts within an hour are few, and end once nothing stands between them."""

    async def main():
        world = World()
        world.cut(A, B)
        a, b = Site(world, A), Site(world, B)
        opened = []
        open_connection = a.mesh._setting.connections.open
        a.mesh._setting.connections.open = lambda *args, **options: (
            opened.append(world.clock.now_ms()) or open_connection(*args, **options)
        )
        await asyncio.sleep(HOURS)
        assert 10 < len(opened) < 120
        assert min(later - one for one, later in itertools.pairwise(opened)) > ATTEMPT_MS
        assert len([end for end in world.ends if not end.is_over]) <= 2
        world.mend(A, B)
        await asyncio.sleep(180)
        assert meshed(a, b)
        assert a.errors == b.errors == []

    run(main())


def test_a_page_that_leaves_is_noticed_at_once_and_tried_no_more():
    """It said goodbye; the others keep theirs."""

    async def main():
        world = World()
        a, b, c = (Site(world, page) for page in (A, B, C))
        await asyncio.sleep(5)
        b.mesh.close("good night")
        b.mesh.close()
        await asyncio.sleep(0.02)
        assert a.closed == c.closed == [(B, "good night")]
        assert a.mesh.status()["trying"] == c.mesh.status()["trying"] == []
        assert b.closed == []
        await asyncio.sleep(HOURS)
        assert meshed(a, c)
        assert a.mesh.status()["trying"] == []
        with pytest.raises(LocalProtocolError, match="closed"):
            await b.mesh.create_offer()

    run(main())


def test_a_link_that_the_application_closes_may_come_back():
    """It said goodbye to that page for now, not to the room."""

    async def main():
        world = World()
        a, b = Site(world, A), Site(world, B)
        await asyncio.sleep(5)
        a.mesh.links[B].close("not you")
        await asyncio.sleep(0.02)
        assert (a.closed, b.closed) == ([], [(A, "not you")])
        assert a.mesh.links == {}
        assert a.mesh.status()["trying"] == []
        await asyncio.sleep(30)
        assert meshed(a, b)

    run(main())


def test_a_page_that_dies_is_given_up_after_some_attempts():
    """Nobody is left to answer, so nothing is tried for ever."""

    async def main():
        world = World()
        a, b = Site(world, A), Site(world, B)
        await asyncio.sleep(5)
        world.kill(B)
        await asyncio.sleep(HOURS)
        assert a.closed == [(B, "the other end was not heard any more")]
        assert a.mesh.status()["trying"] == []
        assert [end for end in world.ends if end.page == A] == []
        assert b.closed == []

    run(main())


def test_a_page_that_comes_back_from_the_cache_is_linked_again():
    """It said goodbye when it was put aside; its mesh goes on where it stopped."""

    async def main():
        world = World()
        a, b = Site(world, A), Site(world, B)
        await asyncio.sleep(5)
        world.hide(B)
        await asyncio.sleep(0.02)
        assert a.closed == [(B, "the page went away")]
        await asyncio.sleep(30)
        assert meshed(a, b)

    run(main())


@pytest.mark.parametrize(
    "signal",
    [
        "",
        "nonsense",
        "{}",
        "[]",
        "[1]",
        '["1",[]]',
        "[-1,[]]",
        "[1,[2]]",
        "[1,2,3]",
        "[" * 50000,
        "[1.5,null]",
        json.dumps([1, ["x"] * 65]),
        json.dumps([1 << 53, []]),
    ],
)
def test_nonsense_that_is_signalled_is_reported_once_and_its_page_shunned(signal):
    """A member's page that sends garbage through the meeting; the others are not disturbed."""

    async def main():
        world = World()
        a, b, c = (Site(world, page) for page in (A, B, C))
        await asyncio.sleep(5)
        for _ in range(50):
            b.mesh.signal(A, signal)
        await asyncio.sleep(1)
        assert [type(error) for error in a.errors] == [RemoteProtocolError]
        assert set(a.mesh.links) == {C}
        assert set(b.mesh.links) == {C}
        assert [page for page, _ in a.closed] == [B]
        assert c.errors == []
        await asyncio.sleep(300)
        assert meshed(a, b, c)

    run(main())


@pytest.mark.parametrize("own", [A, B])
def test_what_was_meant_for_an_earlier_connection_does_not_reach_the_present_one(own):
    """Signals may come late; their number tells which connection they are for."""

    async def main():
        world = World()
        sites = {page: Site(world, page) for page in (A, B)}
        await asyncio.sleep(5)
        sites[own].world.ends[0].lose("so that there is a second one")
        await asyncio.sleep(30)
        assert meshed(*sites.values())
        (other,) = {A, B} - {own}
        reached = []
        sites[own].mesh.links[other]._connection.signal = reached.append
        for number in (0, 1, 2):
            sites[own].mesh._signalled(other, json.dumps([number, [f"for {number}"]]))
        assert reached == ["for 2"]

    run(main())


def test_nonsense_for_a_connection_ends_that_attempt_alone():
    """What the browser cannot make sense of is a failed attempt, and the next succeeds."""

    async def main():
        world = World()
        a, b = Site(world, A), Site(world, B)
        await asyncio.sleep(0.008)
        b.mesh.signal(A, json.dumps([1, ["nonsense"]]))
        await asyncio.sleep(60)
        assert meshed(a, b)

    run(main())


def test_a_flood_of_signals_is_passed_over():
    """Requests to be called would each open a connection; beyond measure they are not heard."""

    async def main():
        world = World()
        a, b = Site(world, A), Site(world, B)
        await asyncio.sleep(5)
        opened = len(a.linked)
        for number in range(1, 5000):
            b.mesh.signal(A, json.dumps([number, None]))
        await asyncio.sleep(1)
        assert len([end for end in world.ends if end.page == A]) == 1
        await asyncio.sleep(120)
        assert meshed(a, b)
        assert len(a.linked) <= opened + 2

    run(main())


def test_misbehaviour_on_a_link_is_reported_once_and_costs_a_pause():
    """The link is dropped, the page shunned for a minute, and then tried again."""

    async def main():
        world = World()
        a, b = Site(world, A), Site(world, B)
        await asyncio.sleep(5)
        for expected in (1, 2):
            b.mesh.links[A]._connection.send("garbage")
            await asyncio.sleep(1)
            assert len(a.closed) == expected
            assert [type(error) for error in a.errors] == [RemoteProtocolError]
            assert "refused this page" in str(b.errors[0])
            await asyncio.sleep(30)
            assert a.mesh.links == {}
            await asyncio.sleep(150)
            assert meshed(a, b)
        assert len(b.errors) == 1

    run(main())


def test_pages_are_remembered_up_to_a_limit():
    """Members that invent pages do not fill this page's memory."""

    async def main():
        world = World()
        a, b = Site(world, A), Site(world, B)
        await asyncio.sleep(5)
        for number in range(2 * MAX_PEERS):
            a.mesh._signalled(f"{number:032x}", "[0,null]")
        assert len(a.mesh._peers) <= MAX_PEERS
        assert B in a.mesh.links
        a.mesh._met(A)
        assert A not in a.mesh._peers
        assert b.errors == []

    run(main())
