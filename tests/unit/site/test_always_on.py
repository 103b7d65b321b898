"""Members that stay when others go: they wait to be taken in, and they lead, for leaders go on alone."""

import asyncio

import pytest

from tests.unit.site.rooms import append, settle
from tests.unit.site.test_browsers import OPTIONS, World, together, until
from webraft_web.core.errors import ClusterConflictError, ConfigError
from webraft_web.site.invitation import Invitation, invitation_link, read_link
from webraft_web.testing import run


def leads(doc):
    return doc.status()["role"] == "leader"


def test_a_member_that_is_always_on_takes_over_the_lead_and_survives_who_had_it():
    """Of two, the one that does not lead could not go on when the other one is killed."""

    async def scenario():
        world = World(2)
        tab, founder = await world.join(0)
        await founder.patch(append("first"))
        _, always_on = await world.join(1, is_always_on=True)
        await together(world, [founder, always_on])
        await until(lambda: leads(always_on))
        await founder.patch(append("second"))
        tab.kill()
        await always_on.patch(append("third"))
        assert always_on.state == ["first", "second", "third"]
        assert list(always_on.status()["members"].values()).count("voter") == 1

    run(scenario())


def test_two_members_that_are_always_on_leave_the_lead_where_it_is():
    """Whichever of them has it; between the two there is nothing to choose."""

    async def scenario():
        world = World(3)
        docs = [(await world.join(number, is_always_on=number > 0))[1] for number in range(3)]
        await together(world, docs)
        await until(lambda: leads(docs[1]) or leads(docs[2]))
        await settle(10)
        (leader,) = [doc for doc in docs if leads(doc)]
        term = leader.status()["term"]
        await settle(60)
        assert leads(leader)
        assert leader.status()["term"] == term

    run(scenario())


def test_who_may_not_found_waits_for_somebody_who_holds_the_room():
    """However long that takes; the document is the other one's then."""

    async def scenario():
        world = World(2)
        waiting = asyncio.ensure_future(world.join(0, may_found=False, initial=["its own"]))
        await settle(600)
        assert not waiting.done()
        _, founder = await world.join(1)
        await founder.patch(append("first"))
        _, doc = await waiting
        assert await doc.read() == ["first"]

    run(scenario())


def test_an_invitation_from_elsewhere_stands_for_that_in_the_pages_address():
    """A process has no address; what a link says is handed over, and what it invites to is waited for."""

    async def scenario():
        world = World(2)
        _, founder = await world.join(0)
        room, invitation = read_link(founder.invite_link())
        assert (room, invitation.secret) == ("room", OPTIONS["secret"])
        _, doc = await world.join(1, secret=None, invitation=invitation)
        await together(world, [founder, doc])

    run(scenario())


def test_an_invitation_to_what_is_no_more_is_told_apart_from_nobody_being_there():
    """The room was recovered since: its link says so, instead of waiting for ever; a new one joins."""

    async def scenario():
        world = World(2)
        _, founder = await world.join(0)
        old = read_link(founder.invite_link())[1]
        await founder.recover()
        with pytest.raises(
            ClusterConflictError, match=r"invites to cluster .*ask somebody there for a new link"
        ):
            await world.join(1, secret=None, invitation=old)
        _, doc = await world.join(1, secret=None, invitation=read_link(founder.invite_link())[1])
        assert doc.state == []

    run(scenario())


@pytest.mark.parametrize("link", ["", "https://example.org/", "https://example.org/#secret=x", "#room="])
def test_a_link_that_invites_to_no_room_is_refused(link):
    """Most likely its end was cut off."""
    with pytest.raises(ConfigError, match=r"invites to no room.*all that follows the #"):
        read_link(link)


def test_what_a_link_says_is_read_from_it():
    """Room, cluster and secret, however strange the room's name."""
    invitation = Invitation("cluster", "se&cret")
    link = invitation_link("https://example.org/?a=b", "a room#2 & more", invitation)
    assert read_link(link) == ("a room#2 & more", invitation)
