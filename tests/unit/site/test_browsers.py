"""Rooms across simulated browsers: they find each other, agree, and survive each other."""

import asyncio
import math
from urllib.parse import parse_qs

import pytest

from tests.unit.site.rooms import Writer, append, check, settle
from webraft_web.core.errors import ClusterConflictError, ConfigError, OutcomeUnknownError
from webraft_web.server import leading
from webraft_web.site.page import Page
from webraft_web.testing import run
from webraft_web.testing.internet import Internet
from webraft_web.testing.tabs import Browser

OPTIONS = {"initial": [], "signaling": ["wss://example.org"], "secret": "0Ksd82hLqP3xYb7TnVw5mZcR"}


class World:
    """Some browsers with tabs in one room."""

    def __init__(self, count, seed=1):
        self.internet = Internet(seed)
        self.browsers = [Browser(seed * 100 + number, self.internet) for number in range(count)]

    async def join(self, number, **options):
        tab = self.browsers[number].open_tab()
        return tab, await tab.join_room("room", **{**OPTIONS, **options})


async def until(condition, seconds=30.0, step=0.05):
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        assert loop.time() < end, "it did not happen"
        await asyncio.sleep(step)


async def read_all(docs):
    """Read everywhere, once what was under way has arrived."""
    await settle(1)
    return [await doc.read() for doc in docs]


def voters(doc):
    return sorted(address for address, rights in doc.status()["members"].items() if rights == "voter")


async def together(world, docs):
    """Wait until every browser has a vote, and all know it."""
    await until(lambda: all(len(voters(doc)) == len(world.browsers) for doc in docs))


async def open_together(count, seed=1, tabs=1):
    world = World(count, seed)
    pages, docs = [], []
    for number in range(count):
        for _ in range(tabs):
            tab, doc = await world.join(number)
            pages.append(tab)
            docs.append(doc)
    await together(world, docs)
    return world, pages, docs


def test_a_second_browser_is_added_and_shares_the_document():
    """It shows the whole document at once, and each sees what the other writes."""

    async def scenario():
        world = World(2)
        _, one = await world.join(0)
        await one.patch(append("first"))
        _, two = await world.join(1)
        assert two.state == ["first"]
        await together(world, [one, two])
        await two.patch(append("second"))
        assert await one.read() == ["first", "second"]
        assert {one.status()["role"], two.status()["role"]} == {"leader", "follower"}
        assert list(one.status()["links"]) == [two.status()["address"]]

    run(scenario())


def test_every_tab_knows_of_the_one_link_to_each_other_browser():
    """Two tabs in each of three browsers: there are three links, however many tabs look."""

    async def scenario():
        world, _, docs = await open_together(3, tabs=2)
        await settle(2)
        addresses = {doc.status()["address"] for doc in docs}
        for doc in docs:
            assert set(doc.status()["links"]) == addresses - {doc.status()["address"]}
        assert world.internet.link_count == 3

    run(scenario())


def test_a_room_across_browsers_waits_for_the_disk_and_one_of_a_single_browser_does_not():
    """Rule 13: what others count on survives a power cut, too."""

    async def scenario():
        world, _, docs = await open_together(2)
        await docs[1].patch(append(1))
        alone = Browser(9)
        doc = await alone.open_tab().join_room("room", initial=[])
        await doc.patch(append(1))
        for browser in world.browsers:
            assert browser.journals["room"].relaxed == 0
        assert alone.journals["room"].relaxed == len(alone.journals["room"].records)

    run(scenario())


def test_browsers_that_begin_a_room_at_the_same_time_end_in_one():
    """Each founds it when nobody is found in time; those without data give way to one."""

    async def scenario():
        world = World(3)
        docs = [doc for _, doc in await asyncio.gather(*[world.join(number) for number in range(3)])]
        await together(world, docs)
        await asyncio.gather(*[doc.patch(append(number)) for number, doc in enumerate(docs)])
        states = [await doc.read() for doc in docs]
        assert sorted(states[0]) == [0, 1, 2]
        assert states[0] == states[1] == states[2]

    run(scenario())


@pytest.mark.parametrize("seed", range(1, 6))
def test_writers_in_all_tabs_of_all_browsers_agree(seed):
    """Two tabs in each of three browsers write at once: nothing is lost or doubled."""

    async def scenario():
        _, _, docs = await open_together(3, seed, tabs=2)
        writers = [Writer(doc, name) for doc, name in zip(docs, "abcdef", strict=True)]
        await settle(3)
        for writer in writers:
            await writer.stop()
        check(await read_all(docs), writers)
        assert all(len(writer.acknowledged) > 5 for writer in writers)

    run(scenario())


@pytest.mark.parametrize("seed", range(1, 6))
def test_the_others_go_on_when_the_leaders_browser_is_killed(seed):
    """It comes back with what it had stored, and catches up."""

    async def scenario():
        world, _, docs = await open_together(3, seed)
        leader = next(number for number, doc in enumerate(docs) if doc.status()["role"] == "leader")
        rest = [doc for number, doc in enumerate(docs) if number != leader]
        writers = [Writer(doc, name) for doc, name in zip(rest, "ab", strict=True)]
        await settle(1)
        world.browsers[leader].kill()
        await settle(6)
        counts = [len(writer.acknowledged) for writer in writers]
        await settle(1)
        for writer, count in zip(writers, counts, strict=True):
            await writer.stop()
            assert len(writer.acknowledged) > count
        _, back = await world.join(leader)
        check(await read_all([*rest, back]), writers)

    run(scenario())


def test_what_was_under_way_to_a_leader_that_dies_is_sent_to_the_next_one():
    """As soon as that one leads, from every tab of a browser: it does not wait to be missed."""

    async def scenario():
        world, _, docs = await open_together(3, tabs=2)
        leader = next(n for n in range(3) if docs[2 * n].status()["role"] == "leader")
        rest = [doc for number, doc in enumerate(docs) if number // 2 != leader]
        await asyncio.gather(*(doc.patch(append("opens the session")) for doc in rest))
        world.browsers[leader].kill()
        writing = [asyncio.ensure_future(doc.patch(append(n))) for n, doc in enumerate(rest)]
        before = rest[0].status()["term"]
        await until(lambda: all(d.status()["leader"] and d.status()["term"] > before for d in rest))
        await settle(0.5)
        assert all(one.done() for one in writing)

    run(scenario())


def test_of_two_friends_one_closes_the_laptop_and_the_other_goes_on():
    """Either of them, leading or not; back again, it has its vote back and lacks nothing."""

    async def scenario():
        for leaves in (0, 1):
            world, _, docs = await open_together(2, seed=leaves + 1)
            world.browsers[leaves].kill()
            stays = docs[1 - leaves]
            if stays.status()["role"] == "leader":
                await stays.patch(append("alone"))
                _, back = await world.join(leaves)
                await together(world, [stays, back])
                assert await back.read() == ["alone"]

    run(scenario())


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("accident", [("freeze", "resume"), ("navigate_away", "navigate_back")])
def test_the_last_page_of_the_browser_that_leads_of_two_does_not_stop_the_other(accident, seed):
    """It says farewell; back again, it is taken in again, and lacks nothing."""

    async def scenario():
        _, tabs, docs = await open_together(2, seed)
        leads = [doc.status()["role"] for doc in docs].index("leader")
        stays = docs[1 - leads]
        await stays.patch(append("both"))
        getattr(tabs[leads], accident[0])()
        await asyncio.wait_for(stays.patch(append("alone")), 5)
        getattr(tabs[leads], accident[1])()
        await until(lambda: all(len(voters(doc)) == 2 for doc in docs))
        await docs[leads].patch(append("again"))
        assert [await doc.read() for doc in docs] == [["both", "alone", "again"]] * 2

    run(scenario())


def test_a_leader_that_gives_up_the_other_just_as_its_last_page_leaves_lets_go_all_the_same():
    """One change of the members is under way then, and no other may begin: there is nothing left to say."""

    async def scenario(until_s):
        loop = asyncio.get_running_loop()
        world, tabs, docs = await open_together(2)
        leads = [doc.status()["role"] for doc in docs].index("leader")
        world.browsers[1 - leads].kill()
        await until(lambda: len(voters(docs[leads])) == 1 or loop.time() >= until_s, step=0.001)
        now_s = loop.time()
        tabs[leads].hang()
        await asyncio.sleep(0.02)
        tabs[leads].freeze()
        assert not tabs[leads].channels
        return now_s

    given_up_s = run(scenario(math.inf))
    run(scenario(given_up_s - 0.01))


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("accident", ["freeze", "navigate_away"])
def test_of_three_browsers_two_go_on_at_once_when_the_leaders_last_page_leaves(accident, seed):
    """It names a successor: nobody waits for heartbeats that will not come."""

    async def scenario():
        _, tabs, docs = await open_together(3, seed)
        leads = [doc.status()["role"] for doc in docs].index("leader")
        rest = [doc for number, doc in enumerate(docs) if number != leads]
        await settle(1)
        getattr(tabs[leads], accident)()
        await until(lambda: "leader" in [doc.status()["role"] for doc in rest], 0.5)
        await settle(0.2)  # until the other one has heard of it
        await asyncio.gather(*[asyncio.wait_for(doc.patch(append("on")), 0.5) for doc in rest])
        assert [await doc.read() for doc in rest] == [["on", "on"]] * 2

    run(scenario())


def test_without_a_majority_writes_wait_and_status_names_who_is_missing():
    """Two of three are cut off: the third waits, and goes on once they are back."""

    async def scenario():
        world, _, docs = await open_together(3)
        follower = next(number for number, doc in enumerate(docs) if doc.status()["role"] != "leader")
        for other in range(3):
            if other != follower:
                world.internet.cut(world.browsers[follower], world.browsers[other])
        await settle(3)
        write = asyncio.ensure_future(docs[follower].patch(append("late")))
        await settle(6)
        assert not write.done()
        others = {doc.status()["address"] for number, doc in enumerate(docs) if number != follower}
        assert set(docs[follower].status()["missing"]) == others
        world.internet.heal()
        await write
        assert await docs[follower].read() == ["late"]

    run(scenario())


@pytest.mark.parametrize("accident", ["kill", "freeze", "hang", "navigate_away"])
def test_another_tab_of_the_same_browser_speaks_for_the_same_server(accident):
    """No vote is lost or gained: members stay who they are, and the others follow the new page."""

    async def scenario():
        _, tabs, docs = await open_together(2, tabs=2)
        before = voters(docs[2])
        writer = Writer(docs[2], "w")
        other = Writer(docs[1], "o")
        await settle(0.5)
        getattr(tabs[0], accident)()
        await settle(6)
        count = len(writer.acknowledged)
        await settle(1)
        assert len(writer.acknowledged) > count
        assert voters(docs[2]) == before
        if accident == "hang":
            tabs[0].wake()
            await settle(1)
        await writer.stop()
        await other.stop()
        check(await read_all(docs[1:]), [writer, other])

    run(scenario())


def test_two_rooms_with_data_that_began_apart_are_told_of_each_other():
    """Nothing is merged or dropped by itself; yielding is the application's choice."""

    async def scenario():
        world = World(2)
        world.internet.cut(*world.browsers)
        docs, errors = [], []
        for number in range(2):
            _, doc = await world.join(number)
            doc.listen("error", errors.append)
            await doc.patch(append(number))
            docs.append(doc)
        world.internet.heal()
        await until(lambda: len(errors) >= 2)
        assert {type(error) for error in errors} == {ClusterConflictError}
        await settle(5)
        assert [doc.state for doc in docs] == [[0], [1]]

        with pytest.raises(OutcomeUnknownError, match="status"):
            await docs[0].yield_to("nobody's")
        other = parse_qs(docs[1].invite_link().partition("#")[2])["cluster"][0]
        assert other in str(errors[0]) + str(errors[1])
        await docs[0].yield_to(other)
        await together(world, docs)
        await docs[0].patch(append(2))
        assert [await doc.read() for doc in docs] == [[1, 2]] * 2

    run(scenario())


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("who", ["leader", "follower"])
@pytest.mark.parametrize("tab", [0, 1])
def test_leaving_in_order_hands_over_and_shrinks_the_cluster(count, who, tab):
    """Whichever tab asks: the others are one fewer, go on at once, and owe the one that left nothing."""

    async def scenario():
        world, _, docs = await open_together(count, tabs=2)
        leads = [doc.status()["address"] == doc.status()["leader"] for doc in docs[::2]].index(True)
        number = leads if who == "leader" else (leads + 1) % count
        leaver = docs[2 * number]
        await leaver.patch(append("before"))
        await docs[2 * number + tab].leave_room()
        assert not world.browsers[number].journals
        rest = [doc for position, doc in enumerate(docs) if position // 2 != number]
        await until(lambda: all(len(doc.status()["members"]) == count - 1 for doc in rest), 3)
        await asyncio.wait_for(rest[0].patch(append("after")), 3)
        assert [await doc.read() for doc in rest] == [["before", "after"]] * len(rest)
        _, again = await world.join(number)
        await until(lambda: len(voters(again)) == count)
        assert await again.read() == ["before", "after"]

    run(scenario())


def test_a_silent_voter_is_replaced_by_a_live_browser():
    """No more vote than asked for; whoever is killed loses the vote to one that is there."""

    async def scenario():
        world = World(4)
        docs = [(await world.join(number, voters=3))[1] for number in range(4)]
        await until(lambda: len(docs[0].status()["members"]) == 4 and len(voters(docs[0])) == 3)
        addresses = [doc.status()["address"] for doc in docs]
        leader = [doc.status()["role"] for doc in docs].index("leader")
        silent = next(at for at in range(4) if at != leader and addresses[at] in voters(docs[leader]))
        world.browsers[silent].kill()
        live = sorted(address for at, address in enumerate(addresses) if at != silent)
        await until(lambda: voters(docs[leader]) == live)
        _, back = await world.join(silent, voters=3)
        await settle(5)
        assert back.status()["members"][addresses[silent]] == "non_voting"
        assert voters(back) == live
        await back.patch(append("heard all the same"))
        assert await docs[leader].read() == ["heard all the same"]

    run(scenario())


def test_browsers_that_never_come_back_are_forgotten_where_there_are_many(monkeypatch):
    """The longest silent without a vote goes when another one comes; back after all, it is a new server."""
    monkeypatch.setattr(leading, "MANY_MEMBERS", 3)

    async def scenario():
        world = World(5)
        _, one = await world.join(0, voters=2)
        _, two = await world.join(1, voters=2)
        for number in (2, 3):
            await world.join(number, voters=2)
            await until(lambda number=number: len(one.status()["members"]) == number + 1)
            world.browsers[number].kill()
            await settle(1)
        await one.patch(append("meanwhile"))
        await settle(70)
        _, last = await world.join(4, voters=2)
        await until(lambda: len(one.status()["members"]) == 3)
        assert set(one.status()["members"]) == {doc.status()["address"] for doc in (one, two, last)}
        _, back = await world.join(2, voters=2)
        await until(lambda: back.status()["address"] in one.status()["members"])
        assert await back.read() == ["meanwhile"]

    run(scenario())


def test_when_the_majority_is_lost_for_good_those_who_are_left_may_recover():
    """By an explicit call; it mints a new cluster, and one that comes back after all is told of that."""

    async def scenario():
        world, _, docs = await open_together(3)
        for word in ("kept", "too"):
            await docs[0].patch(append(word))
            await settle(1)  # the second write stores that the first one is committed
        for number in (1, 2):
            world.internet.cut(world.browsers[0], world.browsers[number])
            world.browsers[number].kill()
        await settle(3)
        await docs[0].recover()
        await docs[0].patch(append("alone"))
        errors = []
        docs[0].listen("error", errors.append)
        world.internet.heal()
        _, back = await world.join(1)
        back.listen("error", errors.append)
        await until(lambda: errors)
        assert {type(error) for error in errors} == {ClusterConflictError}
        await back.yield_to(parse_qs(docs[0].invite_link().partition("#")[2])["cluster"][0])
        assert await back.read() == await docs[0].read() == ["kept", "too", "alone"]

    run(scenario())


def test_whoever_opens_an_invitation_waits_for_those_who_invited():
    """However long they are away, no second room of the same name begins; the secret comes with the link."""

    async def scenario():
        world = World(2)
        _, one = await world.join(0)
        await one.patch(append("kept"))
        link = one.invite_link()
        world.browsers[0].kill()
        guest = world.browsers[1].open_tab()
        guest.fragment = link.partition("#")[2]
        joining = asyncio.ensure_future(guest.join_room("room", **{**OPTIONS, "secret": None}))
        await settle(30)
        assert not joining.done()
        await world.join(0)
        two = await joining
        assert await two.read() == ["kept"]

    run(scenario())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"secret": None}, "needs a secret.*new_secret"),
        ({"secret": "friends"}, "too easy to guess"),
        ({"signaling": []}, "need a server to meet at"),
        ({"signaling": "wss://example.org"}, "list of servers"),
        ({"ice_servers": ["stun:example.org"]}, "list of dicts"),
    ],
)
def test_options_that_would_be_a_mistake_are_refused(options, says):
    """Before anything is opened, and with what to do."""

    async def scenario():
        with pytest.raises(ConfigError, match=says):
            await World(1).join(0, **options)

    run(scenario())


def test_a_page_that_cannot_be_linked_is_told_before_it_joins():
    """As a worker to which no page lends its WebRTC; a room of one browser asks for none."""

    async def refuse(**_):
        raise ConfigError("no page lends its connections")

    async def scenario():
        tab = World(1).browsers[0].open_tab()
        page = Page(tab, tab._open_mesh, refuse)
        with pytest.raises(ConfigError, match="no page lends"):
            await page.join_room("room", **OPTIONS)
        doc = await page.join_room("room", initial=["alone"])
        assert doc.state == ["alone"]

    run(scenario())
