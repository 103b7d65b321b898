"""Rooms across browsers: separate processes with separate profiles, y-webrtc's own server between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.readme import python_block
from tests.signaling.processes import Program, free_port, program, url_of
from tests.tabs.browser import wait_until
from tests.tabs.chromium import Chromium
from tests.tabs.clocks import bounds_of_difference
from tests.tabs.conftest import PythonTab
from tests.tabs.houses import (
    ADD,
    SECRET,
    House,
    errors_of,
    find_leader,
    read_all,
    street,
    tabs_of,
    wait_for_votes,
)
from tests.tabs.test_history import collect, start_visit
from tests.tabs.test_webrtc import turn_server

SLEEP_S = 22
RELAY_ONLY = """
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(options) { super({ ...options, iceTransportPolicy: "relay" }); }
    }, 1
"""
OpenStreet = Callable[[int], list[House[Chromium]]]


@pytest.fixture(scope="module")
def signaling() -> Iterator[Program]:
    """Return the server that npm's y-webrtc comes with."""
    with program("y-webrtc") as server:
        yield server


@pytest.fixture
def open_street(site: str, tmp_path: Path, signaling: Program) -> Iterator[OpenStreet]:
    """Return what runs so many browsers, none of which has a page open yet."""
    with ExitStack() as stack:
        url = url_of("y-webrtc", signaling.address)
        yield lambda count: stack.enter_context(street(count, tmp_path, site, url))


def open_all(houses: list[House[Chromium]], tabs: int = 2) -> None:
    """Open the room in all browsers, one after the other, until each has a vote."""
    for house in houses:
        house.open(tabs)
    wait_for_votes(houses, len(houses))


def add_in_all(houses: list[House[Chromium]], times: int) -> None:
    """Increment the number in all tabs at once, so many times in each."""
    for one in [tab.start(ADD.format(times=times)) for tab in tabs_of(houses)]:
        one.result(300)


def test_two_browsers_with_two_tabs_each_agree_and_either_survives_the_other(open_street) -> None:
    """All increments count; one browser is killed and comes back, and one that leads is closed."""
    houses = open_street(2)
    open_all(houses)
    add_in_all(houses, 50)
    assert read_all(houses) == [{"n": 200}] * 4

    stays = find_leader(houses)
    (dies,) = (house for house in houses if house is not stays)
    dies.browser.kill()
    for tab in stays.tabs:
        tab.python(ADD.format(times=5))
    (back,) = dies.restart(1)
    wait_for_votes([dies], 2)
    assert back.python("(await doc.read())['n']") == 210

    runs, rest = sorted(stays.tabs, key=lambda tab: tab.python("doc.status()['role']") != "leader")
    rest.page.close()
    wait_until(lambda: runs.python("len(doc.status()['tabs'])") == 1, "the other tab to be gone")
    runs.page.close()
    back.python(ADD.format(times=5))
    assert back.python("[doc.state['n'], errors]") == [215, []]


@pytest.mark.long
def test_readmes_room_across_browsers_works_as_typed_in(open_street) -> None:
    """In a page that was opened by the link that it prints, room and server are enough."""
    houses = open_street(2)
    url = houses[0].signaling
    one = houses[0].site.open()
    one.python(python_block("secret=new_secret())").replace("ws://127.0.0.1:4444", url))
    link = one.python("await doc.patch([{'op': 'add', 'path': '/-', 'value': 'tent'}])\ndoc.invite_link()")
    other = PythonTab(houses[1].browser.open(link))
    other.python(f"from webraft_web import join_room\ndoc = await join_room('trip', signaling=[{url!r}])")
    assert other.python("doc.state") == ["tent"]
    other.python("await doc.patch([{'op': 'add', 'path': '/-', 'value': 'rope'}])")
    assert one.python("await doc.read()") == ["tent", "rope"]


@pytest.mark.long
def test_six_tabs_of_three_browsers_count_to_600(open_street) -> None:
    """Exactly; and each browser has one connection to each other one, however many tabs it has."""
    houses = open_street(3)
    open_all(houses)
    add_in_all(houses, 100)
    assert read_all(houses) == [{"n": 600}] * 6
    for house in houses:
        links = [tab.python("sorted(doc.status()['links'])") for tab in house.tabs]
        assert links == [sorted(other.address for other in houses if other is not house)] * 2
    assert errors_of(houses) == []


@pytest.mark.long
def test_of_three_browsers_two_go_on_when_the_leaders_is_killed(open_street, report) -> None:
    """Nobody notices but for a pause: what the four tabs see is linearizable, and the third comes back."""
    houses = open_street(3)
    open_all(houses)
    dies = find_leader(houses)
    rest = [house for house in houses if house is not dies]
    tabs = tabs_of(rest)
    bounds = [bounds_of_difference(tab.page) for tab in tabs]
    visits = [start_visit(tab, f"tab{number}", 150) for number, tab in enumerate(tabs)]
    wait_until(lambda: tabs[0].python("len(records)") > 30, "some operations")
    dies.browser.kill()
    for one in visits:
        one.result(300)
    history = collect(tabs, bounds)
    report(f"history of two browsers of three: {len(history.operations)} operations")
    assert all(one.returned is not None for one in history.operations)
    assert history.check().is_linearizable
    dies.restart(2)
    wait_for_votes(houses, 3)
    states = read_all(houses)
    assert states == [states[0]] * 6
    assert errors_of(houses) == []


@pytest.mark.long
def test_of_two_browsers_one_waits_for_the_leaders_that_was_killed_and_names_it(open_street) -> None:
    """A write waits up to its timeout, or until the leader is back; it takes effect once."""
    houses = open_street(2)
    open_all(houses)
    add_in_all(houses, 5)
    dies = find_leader(houses)
    (stays,) = (house for house in houses if house is not dies)
    missing = dies.address
    dies.browser.kill()
    for tab in stays.tabs:
        wait_until(
            lambda tab=tab: tab.python("doc.status()['missing']") == [missing], "to be told who is missing"
        )
    refused = stays.tabs[0].python("""
        from webraft_web import NotLeaderError, OutcomeUnknownError
        try:
            await doc.patch([{"op": "add", "path": "/late", "value": 1}], timeout=1500)
        except (NotLeaderError, OutcomeUnknownError) as error:
            refused = type(error).__name__
        refused
    """)
    assert refused in {"NotLeaderError", "OutcomeUnknownError"}
    adding = [tab.start(ADD.format(times=3)) for tab in stays.tabs]
    dies.restart(2)
    for one in adding:
        one.result(120)
    wait_for_votes(houses, 2)
    assert [state["n"] for state in read_all(houses)] == [26] * 4
    assert stays.tabs[0].python("doc.status()['missing']") == []
    assert errors_of(houses) == []


@pytest.mark.long
def test_both_of_two_browsers_are_reloaded_one_after_the_other(open_street) -> None:
    """With one tab each, so that each reload ends a server and begins it anew."""
    houses = open_street(2)
    open_all(houses, tabs=1)
    for _ in range(2):
        for house in houses:
            add_in_all(houses, 3)
            house.tabs[0].page.reload()
            house.tabs[0].page.wait_for("globalThis.isReady")
            house.join()
            wait_for_votes(houses, 2)
    assert read_all(houses) == [{"n": 24}] * 2
    assert errors_of(houses) == []


@pytest.mark.long
@pytest.mark.parametrize("who", ["leader", "follower"])
def test_leaving_in_order_takes_a_cluster_from_two_to_one(open_street, who) -> None:
    """Leader or not: the other goes on at once, alone; whoever left may come again."""
    houses = open_street(2)
    open_all(houses)
    add_in_all(houses, 5)
    leader = find_leader(houses)
    leaves, stays = sorted(houses, key=lambda house: (house is leader) != (who == "leader"))
    leaves.tabs[1].python("await doc.leave_room()")
    wait_for_votes([stays], 1)
    assert stays.tabs[0].python("list(doc.status()['members'])") == [stays.address]
    stays.tabs[1].python(ADD.format(times=5))
    leaves.join()
    wait_for_votes(houses, 2)
    assert read_all(houses) == [{"n": 25}] * 4


@pytest.mark.long
@pytest.mark.parametrize(("count", "who"), [(2, "follower"), (3, "leader")])
def test_a_laptop_sleeps_and_wakes(open_street, report, count, who) -> None:
    """All its processes stop for long: the others go on, and what all of them saw is linearizable."""
    houses = open_street(count)
    open_all(houses)
    leader = find_leader(houses)
    sleeper = next(house for house in houses if (house is leader) == (who == "leader"))
    awake = tabs_of([house for house in houses if house is not sleeper])
    tabs = [*awake, *sleeper.tabs]
    bounds = [bounds_of_difference(tab.page) for tab in tabs]
    visits = [start_visit(tab, f"tab{number}", 60) for number, tab in enumerate(tabs)]
    wait_until(lambda: sleeper.tabs[0].python("len(records)") > 10, "some operations")
    with sleeper.browser.asleep():
        for one in visits[: len(awake)]:
            one.result(300)
        time.sleep(SLEEP_S)  # which is the point
    for one in visits[len(awake) :]:
        one.result(300)
    history = collect(tabs, bounds)
    report(f"history of {count} browsers, one asleep: {len(history.operations)} operations")
    assert history.check().is_linearizable
    wait_for_votes(houses, count)
    states = read_all(houses)
    assert states == [states[0]] * (2 * count)


@pytest.mark.long
def test_two_browsers_that_both_began_the_room_offline_are_told_so(site, tmp_path) -> None:
    """Nothing is merged or dropped; one yields when it is told to, and only then."""
    port = free_port()
    with street(2, tmp_path, site, f"ws://127.0.0.1:{port}") as houses:
        for number, house in enumerate(houses):
            house.open(2, initial=f"{{'n': {number}}}")
            house.tabs[0].python(ADD.format(times=1))
        with program("y-webrtc", port):
            for house in houses:
                wait_until(lambda house=house: errors_of([house]), "to be told of the other room")
            assert all("ClusterConflictError" in error for error in errors_of(houses))
            assert [tab.python("doc.state['n']") for tab in tabs_of(houses)] == [1, 1, 2, 2]
            runner = next(tab for tab in houses[0].tabs if tab.python("errors"))
            runner.python("""
                import re
                other = re.search(r"yield_to\\('(\\w+)'\\)", errors[0])[1]
                await doc.yield_to(other)
            """)
            wait_for_votes(houses, 2)
            add_in_all(houses, 1)
            assert [state["n"] for state in read_all(houses)] == [6] * 4


@pytest.mark.long
def test_what_is_left_of_a_room_recovers_when_it_is_told_to(open_street) -> None:
    """The majority is lost for good: an explicit call begins a new cluster with what this browser holds."""
    houses = open_street(3)
    open_all(houses, tabs=1)
    add_in_all(houses, 2)
    read_all(houses)
    survivor, *lost = houses
    for house in lost:
        house.browser.kill()
    tab = survivor.tabs[0]
    wait_until(lambda: len(tab.python("doc.status()['missing']")) == 2, "to be told who is missing")
    before = tab.python("doc.invite_link()")
    tab.python("await doc.recover()")
    tab.python(ADD.format(times=1))
    assert tab.python("[doc.state['n'], doc.status()['missing']]") == [7, []]
    assert tab.python("doc.invite_link()") != before


@pytest.mark.long
def test_a_browser_that_lost_its_storage_comes_back_as_a_new_server(open_street) -> None:
    """The old one's vote goes to it, and it is given all that was written."""
    houses = open_street(2)
    open_all(houses)
    add_in_all(houses, 5)
    keeps = find_leader(houses)
    (loses,) = (house for house in houses if house is not keeps)
    old = loses.address
    for tab in loses.tabs:
        tab.page.close()
    page = loses.browser.blank()
    page.call("Storage.clearDataForOrigin", origin=loses.site.url.rstrip("/"), storageTypes="all")
    loses.open(2)
    wait_for_votes(houses, 2)
    assert loses.address != old
    members = keeps.tabs[0].python("doc.status()['members']")
    assert members.get(old) != "voter"
    add_in_all(houses, 5)
    assert read_all(houses) == [{"n": 40}] * 4


@pytest.mark.long
def test_a_room_goes_through_a_turn_server_where_nothing_else_is_allowed(open_street, tmp_path) -> None:
    """The ICE servers that `join_room` is given are the ones in use: relays at both ends, and no address."""
    houses = open_street(2)
    with turn_server(tmp_path) as server:
        for house in houses:
            house.tabs = house.site.open_many(1)
            house.tabs[0].page.js(RELAY_ONLY)
            house.join(more=f", ice_servers=[{server!r}]")
        wait_for_votes(houses, 2)
        add_in_all(houses, 10)
        assert read_all(houses) == [{"n": 20}] * 2
        ends = "[[link.get('local'), link.get('remote')] for link in doc.status()['links'].values()]"
        for tab in tabs_of(houses):
            wait_until(
                lambda tab=tab: tab.python(ends) == [["relay", "relay"]], "statistics of a relayed link"
            )


@pytest.mark.long
def test_two_browsers_share_a_room_that_two_texts_carried_by_hand_have_linked(site, tmp_path) -> None:
    """README's example, with no server at all; the second is invited, and waits to be introduced."""
    with street(2, tmp_path, site, "unused") as houses:
        one, other = [house.site.open() for house in houses]
        for house, tab in zip(houses, (one, other), strict=True):
            house.tabs = [tab]
        begin = f"""
            import asyncio
            from webraft_web import CopyAndPaste, join_room
            by_hand, errors = CopyAndPaste(), []
            joining = asyncio.ensure_future(
                join_room("trip", initial={{}}, signaling=[by_hand], secret={SECRET!r})
            )
        """
        one.python(f"{begin}\n            doc = await joining\n            None")
        other.python(f"{begin}\n            None")
        offer = one.python("await by_hand.create_offer()")
        answer = other.python(f"await by_hand.answer_offer({offer!r})")
        one.python(f"await by_hand.accept_answer({answer!r})")
        other.python("doc = await joining\nNone")
        wait_for_votes(houses, 2)
        add_in_all(houses, 5)
        assert read_all(houses) == [{"n": 10}] * 2
        assert errors_of(houses) == []
