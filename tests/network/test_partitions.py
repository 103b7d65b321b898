"""Rooms across browsers whose networks are cut and healed: each on a computer of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.network.namespaces import Computer, computers
from tests.signaling.processes import program, url_of
from tests.tabs.browser import wait_until
from tests.tabs.chromium import Chromium
from tests.tabs.clocks import bounds_of_difference
from tests.tabs.houses import ADD, House, errors_of, find_leader, read_all, tabs_of, wait_for_votes
from tests.tabs.test_history import collect, start_visit


@contextmanager
def town(count: int, site: str, profiles: Path) -> Iterator[tuple[list[House[Chromium]], list[Computer]]]:
    """Run a browser on each of several computers, with a signalling server that all of them reach."""
    with ExitStack() as stack:
        server = stack.enter_context(program("y-webrtc"))
        machines = stack.enter_context(computers(count))
        houses = []
        for machine in machines:
            machine.pass_on(urlsplit(site).port or 0)
            machine.pass_on(server.port)
            profile = profiles / machine.name
            browser = Chromium(profile, command=machine.command, connect=machine.connect)
            stack.callback(browser.kill)
            houses.append(House(browser, site, url_of("y-webrtc", server.address)))
        yield houses, machines


def open_all(houses: list[House[Chromium]], tabs: int) -> None:
    """Open the room everywhere, until each browser has a vote."""
    for house in houses:
        house.open(tabs)
    wait_for_votes(houses, len(houses))


def test_a_leader_that_is_cut_off_is_replaced_and_what_all_saw_is_linearizable(
    site, tmp_path, report
) -> None:
    """Of three: the two others go on, the third waits and says for whom, and all agree once healed."""
    with town(3, site, tmp_path) as (houses, machines):
        open_all(houses, 2)
        leader = find_leader(houses)
        rest = [house for house in houses if house is not leader]
        tabs = [*tabs_of(rest), *leader.tabs]
        bounds = [bounds_of_difference(tab.page) for tab in tabs]
        visits = [start_visit(tab, f"tab{number}", 60) for number, tab in enumerate(tabs)]
        wait_until(lambda: leader.tabs[0].python("len(records)") > 10, "some operations")
        machine = machines[houses.index(leader)]
        machine.cut()
        others = sorted(house.address for house in rest)
        for one in visits[: len(tabs_of(rest))]:
            one.result(300)
        assert find_leader(rest) in rest
        for tab in leader.tabs:
            wait_until(
                lambda tab=tab: tab.python("sorted(doc.status()['missing'])") == others, "who is missing"
            )
        machine.heal()
        for one in visits[len(tabs_of(rest)) :]:
            one.result(300)
        history = collect(tabs, bounds)
        report(f"history of three browsers, one cut off: {len(history.operations)} operations")
        assert history.check().is_linearizable
        wait_for_votes(houses, 3)
        states = read_all(houses)
        assert states == [states[0]] * 6
        assert errors_of(houses) == []


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_two_browsers_that_are_cut_off_from_each_other_agree_once_healed(site, tmp_path, who) -> None:
    """The one that leads goes on, the other one waits; both have all that was acknowledged afterwards."""
    with town(2, site, tmp_path) as (houses, machines):
        open_all(houses, 1)
        leader = find_leader(houses)
        (follower,) = (house for house in houses if house is not leader)
        cut = machines[houses.index(leader if who == "leader" else follower)]
        cut.cut()
        waits = follower.tabs[0].start(ADD.format(times=3))
        leader.tabs[0].python(ADD.format(times=3))
        assert leader.tabs[0].python("doc.status()['missing']") == []
        wait_until(
            lambda: follower.tabs[0].python("doc.status()['missing']") == [leader.address], "who is missing"
        )
        cut.heal()
        waits.result(120)
        wait_for_votes(houses, 2)
        assert read_all(houses) == [{"n": 6}] * 2
        assert errors_of(houses) == []
