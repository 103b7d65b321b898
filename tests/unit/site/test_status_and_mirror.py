"""What a room says of itself: status, events, repr, and the mirror in localStorage."""

import asyncio
import json
import logging

import pytest

from webraft_web.core.errors import RemoteProtocolError
from webraft_web.site import protocol
from webraft_web.site.mirror import MAX_SIZE, WRITE_EVERY_MS
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser

KEYS = {
    "role": str,
    "leader": (str, type(None)),
    "address": (str, type(None)),
    "tab": str,
    "runner": (str, type(None)),
    "term": int,
    "commit_index": int,
    "last_applied": int,
    "members": dict,
    "missing": list,
    "tabs": list,
    "storage": str,
    "links": dict,
}
KEY = "webraft:room:room"


def append(value):
    return [{"op": "add", "path": "/-", "value": value}]


async def settle(seconds=0.1):
    await asyncio.sleep(seconds)


async def open_docs(browser, count, **options):
    return [await browser.open_tab().join_room("room", initial=[], **options) for _ in range(count)]


def check_shape(status):
    assert set(status) == set(KEYS)
    for key, value in status.items():
        assert isinstance(value, KEYS[key]), (key, value)
    json.dumps(status)


def test_status_agrees_in_all_tabs():
    """One leads, the others observe, and all name the same server, runner, members and tabs."""

    async def scenario():
        browser = Browser()
        docs = await open_docs(browser, 3)
        await docs[1].patch(append(1))
        await settle(1.5)
        statuses = [doc.status() for doc in docs]
        for status in statuses:
            check_shape(status)
        assert [status["role"] for status in statuses] == ["leader", "observer", "observer"]
        assert len({status["tab"] for status in statuses}) == 3
        for key in set(KEYS) - {"role", "tab"}:
            assert all(status[key] == statuses[0][key] for status in statuses), key
        first = statuses[0]
        assert first["runner"] == first["tab"]
        assert first["leader"] == first["address"]
        assert first["members"] == {first["address"]: "voter"}
        assert first["missing"] == []
        assert first["tabs"] == sorted(status["tab"] for status in statuses)
        assert first["commit_index"] == first["last_applied"] > 0
        assert first["storage"] == "indexeddb"

    run(scenario())


def test_status_never_raises():
    """At every moment of a tab's life, after its end too, it is a full dictionary."""

    async def scenario():
        browser = Browser()
        one, two = await open_docs(browser, 2)
        for doc, accident in ((one, browser.tabs[0].freeze), (two, browser.tabs[1].freeze)):
            accident()
            check_shape(doc.status())
            assert doc.status()["runner"] is None
            assert doc.status()["role"] == "observer"
        browser.tabs[0].resume()
        for _ in range(50):
            check_shape(one.status())
            await asyncio.sleep(0.001)
        await one.close()
        check_shape(one.status())
        assert one.status()["role"] == "observer"
        assert one.status()["tabs"] == []
        assert one.status()["last_applied"] > 0

    run(scenario())


def test_a_status_is_the_callers_own():
    """Changing it changes nothing."""

    async def scenario():
        (doc,) = await open_docs(Browser(), 1)
        status = doc.status()
        for value in status.values():
            if isinstance(value, dict | list):
                value.clear()
        assert doc.status()["members"]
        assert doc.status()["tabs"]

    run(scenario())


def test_a_rooms_repr_says_what_matters():
    """Name, role, tabs and index at a glance."""

    async def scenario():
        one, two = await open_docs(Browser(), 2)
        await settle(1.5)
        assert repr(one) == f"<room 'room' · leading · 2 tabs · index {one.status()['last_applied']}>"
        assert repr(two) == f"<room 'room' · observing · 2 tabs · index {two.status()['last_applied']}>"

    run(scenario())


def test_a_deleted_or_closed_rooms_repr_says_closed():
    """On every handle, also where another tab deleted it: nothing can be done with them any more."""

    async def scenario():
        browser = Browser()
        one, two = await open_docs(browser, 2)
        await one.close()
        assert "· closed ·" in repr(one)
        await browser.open_tab().page.delete_room("room")
        assert "· closed ·" in repr(two)

    run(scenario())


def test_a_tab_counts_itself_and_is_counted_as_soon_as_it_has_joined():
    """Its lock may be granted only after the runner has looked, and the next look is a second later."""

    async def scenario():
        browser = Browser()
        (one,) = await open_docs(browser, 1)
        await settle()
        heard = []
        for event in ("join", "leave"):
            one.listen(event, lambda tab, event=event: heard.append((event, tab)))
        held_names = browser.locks.held_names
        browser.locks.held_names = lambda _prefix: []
        (two,) = await open_docs(browser, 1)
        both = sorted(doc.status()["tab"] for doc in (one, two))
        for doc in (one, two):
            assert doc.status()["tabs"] == both
            assert "· 2 tabs ·" in repr(doc)
        await settle()
        browser.locks.held_names = held_names
        await settle(3)
        assert one.status()["tabs"] == two.status()["tabs"] == both
        assert heard == [("join", two.status()["tab"])]

    run(scenario())


def test_a_tab_counts_itself_though_the_runner_does_not():
    """Whatever the runner has seen so far, a tab that asks is there."""

    async def scenario():
        browser = Browser()
        _, two = await open_docs(browser, 2)
        browser.locks.held_names = lambda _prefix: []
        await settle(3)
        assert two.status()["tab"] in two.status()["tabs"]

    run(scenario())


def test_nobody_seems_to_leave_when_another_tab_takes_over():
    """The new runner speaks before it has looked who is there: those known are taken to have stayed."""

    async def scenario():
        browser = Browser()
        docs = await open_docs(browser, 4)
        await settle(1.5)
        heard = []
        for doc in docs[1:]:
            for event in ("join", "leave"):
                doc.listen(event, lambda tab, event=event: heard.append((event, tab)))
        browser.tabs[0].kill()
        await settle(3)
        assert heard == [("leave", docs[0].status()["tab"])] * 3

    run(scenario())


def test_tabs_hear_of_one_another():
    """`join` and `leave` name the tab, in all the others, however it went."""

    async def scenario():
        browser = Browser()
        one, two = await open_docs(browser, 2)
        await settle(1.5)
        heard = []
        for number, doc in enumerate((one, two)):
            for event in ("join", "leave"):
                doc.listen(event, lambda tab, about=(number, event): heard.append((*about, tab)))
        (three,) = await open_docs(browser, 1)
        (four,) = await open_docs(browser, 1)
        await settle()
        ids = three.status()["tab"], four.status()["tab"]
        assert sorted(heard) == sorted((number, "join", tab) for number in (0, 1) for tab in ids)
        heard.clear()
        await three.close()
        browser.tabs[3].kill()
        await settle(1.5)
        assert sorted(heard) == sorted((number, "leave", tab) for number in (0, 1) for tab in ids)

    run(scenario())


def test_leader_and_follower_tell_who_runs_the_room():
    """`leader` in the tab that takes over, `follower` in the one that lets go."""

    async def scenario():
        browser = Browser()
        one, two = await open_docs(browser, 2)
        heard = []
        for number, doc in enumerate((one, two)):
            for event in ("leader", "follower"):
                doc.listen(event, lambda about=(number, event): heard.append(about))
        browser.tabs[0].freeze()
        await settle()
        assert heard == [(0, "follower"), (1, "leader")]

    run(scenario())


def test_state_and_updated_precede_the_return_of_patch():
    """Whoever waits for a write sees it, and so did the handlers, in every tab."""

    async def scenario():
        docs = await open_docs(Browser(), 2)
        for number, doc in enumerate(docs):
            seen = []
            doc.listen("updated", lambda index, doc=doc, seen=seen: seen.append((index, doc.state[-1])))
            committed = await doc.patch(append(number))
            assert seen[-1] == (committed.index, number)
            assert doc.state[-1] == number

    run(scenario())


def test_the_mirror_follows_the_document():
    """Cluster, term, index and data, a little later, whichever tab runs the room."""

    async def scenario():
        browser = Browser()
        one, two = await open_docs(browser, 2)
        committed = await two.patch(append("milk"))
        await settle(WRITE_EVERY_MS / 1000 + 0.1)
        mirror = json.loads(browser.mirror[KEY])
        assert mirror == {
            "cluster": mirror["cluster"],
            "term": committed.term,
            "index": committed.index,
            "data": ["milk"],
        }
        assert f"cluster={mirror['cluster']}" in one.invite_link()
        browser.tabs[0].kill()
        await two.patch(append("eggs"))
        await two.close()
        assert json.loads(browser.mirror[KEY])["data"] == ["milk", "eggs"]

    run(scenario())


def test_the_mirror_is_written_lazily():
    """A thousand changes in a second are a few writes: localStorage is slow and blocks the page."""

    async def scenario():
        browser = Browser()
        (doc,) = await open_docs(browser, 1)
        writes = []
        original = browser.tabs[0].mirror_set
        browser.tabs[0].mirror_set = lambda key, text: (writes.append(text), original(key, text))
        for number in range(500):
            await doc.patch(append(number))
        await settle(1)
        assert 1 <= len(writes) <= 5
        assert json.loads(browser.mirror[KEY])["data"] == list(range(500))

    run(scenario())


@pytest.mark.parametrize("is_hidden", [False, True], ids=["late", "hidden meanwhile"])
def test_the_mirror_never_goes_backwards(is_hidden):
    """A tab that was taken over while it hung does not overwrite what is newer, not even as it is hidden."""

    async def scenario():
        browser = Browser()
        one, two = await open_docs(browser, 2)
        await one.patch(append("old"))
        browser.tabs[0].hang()
        if is_hidden:
            browser.tabs[0].hide()  # the first that it learns, before it can know who runs the server now
        await two.patch(append("new"))
        await settle(3)
        newest = browser.mirror[KEY]
        assert json.loads(newest)["data"] == ["old", "new"]
        browser.tabs[0].wake()
        await settle(3)
        assert browser.mirror[KEY] == newest

    run(scenario())


@pytest.mark.parametrize(
    "damaged",
    ["", "null", "[]", "{", '{"cluster": 1, "index": "x"}', "[" * 99_999],
    ids=lambda text: text[:20],
)
def test_a_damaged_mirror_is_replaced(damaged):
    """Anybody may write to localStorage; it is not the truth."""

    async def scenario():
        browser = Browser()
        browser.mirror[KEY] = damaged
        (doc,) = await open_docs(browser, 1)
        await doc.patch(append(1))
        await settle(1)
        assert json.loads(browser.mirror[KEY])["data"] == [1]

    run(scenario())


@pytest.mark.parametrize("limit", [10, MAX_SIZE * 10])
def test_a_mirror_that_does_not_fit_is_given_up_with_a_warning(limit, caplog):
    """Too large or localStorage full: a warning, no error, no stale mirror, and the document goes on."""

    async def scenario():
        browser = Browser()
        browser.mirror[KEY] = "{}"
        browser.mirror_limit = limit
        (doc,) = await open_docs(browser, 1)
        errors = []
        doc.listen("error", errors.append)
        await doc.patch(append("x" * MAX_SIZE))
        await settle(1)
        await doc.patch(append("more"))
        await settle(1)
        assert KEY not in browser.mirror
        assert not errors
        assert len(doc.state) == 2

    with caplog.at_level(logging.WARNING, "webraft_web"):
        run(scenario())
    assert len([record for record in caplog.records if KEY in record.message]) == 1


def test_nonsense_on_the_channel_is_ignored_with_one_warning(caplog):
    """Another version, another program, a hostile page: logged once, and nothing changes."""

    async def scenario():
        browser = Browser()
        one, two = await open_docs(browser, 2)
        stranger = browser.open_tab().open_channel("webraft:room:durable:room", lambda _text: None)
        beat = protocol.encode("stranger", protocol.Starting()).replace("[3,", "[99,")
        for text in (beat, "", "x", "\n", "\n{}", "\n[1,2,3]", '\n[1,"t","document",9,"c",[]]'):
            stranger.post(text)
        await settle()
        await one.patch(append(1))
        await two.patch(append(2))
        assert two.state == [1, 2]

    with caplog.at_level(logging.WARNING, "webraft_web"):
        run(scenario())
    warnings = [record.message for record in caplog.records if "refused" in record.message]
    assert len(warnings) == 2  # one in each tab
    with pytest.raises(RemoteProtocolError):
        protocol.decode("\n[1,2,3]", "t")
