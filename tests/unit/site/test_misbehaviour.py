"""A member that misbehaves: whoever holds the secret, and says what no server says, is dropped and named."""

import asyncio

import pytest

from tests import misbehaviour
from tests.unit.site.rooms import append, settle
from tests.unit.site.test_browsers import OPTIONS, open_together, until, voters
from webraft_web.core.errors import RemoteProtocolError, StorageError, TransportError
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser


class Mallory:
    """A page with links to a room's pages, and no server behind them."""

    def __init__(self, internet, claim=misbehaviour.CLAIM):
        self.links = {}
        self.errors = []
        self._internet = internet
        self._claim = claim
        self._page = Browser(99, internet).open_tab()

    async def link(self, count):
        """Link with so many pages, each of which greets; `links` has them by their servers."""
        await self._internet.open_mesh(
            self._page,
            "room",
            OPTIONS["secret"],
            claim=lambda: self._claim,
            on_link=self._linked,
            on_error=self.errors.append,
        )
        await until(lambda: len(self.links) == count)

    def _linked(self, link):
        def heard(text):
            victim = misbehaviour.read_victim(text)
            if victim is not None:
                self.links[victim] = link

        link.on_text = heard


KINDS = list(misbehaviour.texts("alice@1", "cluster"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_that_says_what_no_server_says_is_dropped_and_named(kind):
    """Each page of the room is told why, once, and so is the culprit; the others go on undisturbed."""

    async def scenario():
        world, _, docs = await open_together(2)
        errors = []
        for doc in docs:
            doc.listen("error", errors.append)
        mallory = Mallory(world.internet)
        await mallory.link(2)
        before = [doc.status()["term"] for doc in docs]
        for (victim, cluster), link in mallory.links.items():
            text = misbehaviour.texts(victim, cluster)[kind]
            for _ in range(3):
                link.send(text)
        await settle(1)
        assert [type(error) for error in errors] == [RemoteProtocolError] * 2
        assert all("mallory" in str(error) for error in errors)
        assert [type(error) for error in mallory.errors] == [TransportError] * 2
        for doc in docs:
            assert list(doc.status()["links"]) == [
                other.status()["address"] for other in docs if other != doc
            ]
        await asyncio.wait_for(docs[1].patch(append(1)), 1)
        assert [await doc.read() for doc in docs] == [[1]] * 2
        assert [doc.status()["term"] for doc in docs] == before
        assert len(voters(docs[0])) == 2

    run(scenario())


def test_a_copied_profile_is_refused_for_good_and_said_once():
    """The same server in the same epoch from two pages: the later one is not listened to (rule 13)."""

    async def scenario():
        world, _, docs = await open_together(2)
        errors = []
        docs[0].listen("error", errors.append)
        address = docs[1].status()["address"]
        epoch = 1
        copy = Mallory(world.internet, f'["{address}", {epoch}, "another token"]')
        opening = asyncio.ensure_future(copy.link(1))
        await settle(5)
        opening.cancel()
        assert [type(error) for error in errors] == [StorageError]
        assert "was a profile copied?" in str(errors[0])
        assert "was a profile copied?" in str(copy.errors[0])
        await docs[1].patch(append(1))
        assert await docs[0].read() == [1]

    run(scenario())
