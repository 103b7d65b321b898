"""The handle: patch, read, get, changes, events and closing, over a log that behaves."""

import asyncio
import gc
import json
import weakref

import pytest

from tests.unit.document.fake_room import FakeRoom, sleep_ms
from webraft_web.core.entry import Committed
from webraft_web.core.errors import (
    BadArgumentError,
    LocalProtocolError,
    OutcomeUnknownError,
    PatchConflictError,
    StorageError,
)
from webraft_web.testing import run


def add(path, value):
    return {"op": "add", "path": path, "value": value}


def in_room(test, **options):
    """Run `test(room, handle)` in virtual time."""

    async def main():
        room = FakeRoom(**options)
        await test(room, room.open_tab())

    run(main())


def test_a_patch_returns_once_it_is_applied_here():
    """The entry's place comes back, and the state already shows the change."""

    async def test(room, doc):
        committed = await doc.patch([add("/milk", 1)])
        assert committed == Committed(1, 3)  # after the genesis and the session
        assert doc.state == {"milk": 1}

    in_room(test)


def test_updated_and_state_precede_the_return_of_patch():
    """A listener hears the index, and sees the state, before the caller goes on."""

    async def test(room, doc):
        seen = []
        doc.listen("updated", lambda index: seen.append((index, doc.state)))
        committed = await doc.patch([add("/a", 1)])
        assert seen == [(committed.index, {"a": 1})]

    in_room(test)


def test_every_tab_sees_the_same():
    """Patches of two tabs reach both, in the log's order."""

    async def test(room, doc):
        other = room.open_tab()
        await asyncio.gather(
            *(handle.patch([add("/n/-", number)]) for number in range(20) for handle in (doc, other))
        )
        await other.read()
        assert doc.state == other.state
        assert sorted(doc.state["n"]) == sorted([*range(20)] * 2)

    in_room(test, initial={"n": []})


@pytest.mark.parametrize(
    "ops",
    [
        None,
        {},
        "[]",
        [None],
        [{}],
        [{"op": "append", "path": "/a", "value": "b"}],
        [{"op": "add", "path": "/a"}],
        [{"op": "add", "path": "a", "value": 1}],
        [{"op": "add", "path": "/~2", "value": 1}],
        [{"op": "add", "path": "/a~", "value": 1}],
        [{"op": "add", "path": None, "value": 1}],
        [{"op": "move", "path": "/a"}],
        [{"op": ["add"], "path": "/a", "value": 1}],
        [{"op": "remove", "path": 1}],
        [add("/a", float("nan"))],
        [add("/a", float("inf"))],
        [add("/a", 2**53)],
        [add("/a", -(2**53))],
        [add("/a", {1: 2})],
        [add("/a", {None: 2})],
        [add("/a", {1, 2})],
        [add("/a", b"bytes")],
        [add("/a", object())],
        [add("/a", 1), add("/b", [[float("nan")]])],
        [add("/a" * 201, 1)],
    ],
)
def test_a_malformed_patch_is_refused_before_anything_is_sent(ops):
    """LocalProtocolError, which is also a ValueError; the log gets nothing."""

    async def test(room, doc):
        with pytest.raises(LocalProtocolError) as caught:
            await doc.patch(ops)
        assert isinstance(caught.value, ValueError)
        await sleep_ms(100)
        assert len(room.entries) == 1

    in_room(test)


def test_a_value_that_contains_itself_is_refused():
    """It would have no end as JSON."""

    async def test(room, doc):
        endless = []
        endless.append(endless)
        with pytest.raises(BadArgumentError):
            await doc.patch([add("/a", endless)])

    in_room(test)


def test_an_oversized_command_is_refused():
    """A command has to fit one message."""

    async def test(room, doc):
        with pytest.raises(BadArgumentError, match="split it up"):
            await doc.patch([add("/a", "x" * (9 * 1024 * 1024))])

    in_room(test)


def test_a_conflict_names_the_operation_and_leaves_all_replicas_untouched():
    """The first operation is undone where the second fails, alike in both tabs."""

    async def test(room, doc):
        other = room.open_tab()
        failing = {"op": "test", "path": "/a", "value": 2}
        with pytest.raises(PatchConflictError, match="does not hold that value") as caught:
            await doc.patch([add("/b", 1), failing])
        assert caught.value.op == failing
        assert caught.value.path == "/a"
        await other.read()
        assert doc.state == other.state == {"a": 1}

    in_room(test, initial={"a": 1})


def test_a_conflict_is_not_an_update():
    """Nothing changed, so nobody hears of a change."""

    async def test(room, doc):
        seen = []
        doc.listen("updated", seen.append)
        with pytest.raises(PatchConflictError):
            await doc.patch([{"op": "remove", "path": "/a"}])
        assert seen == []

    in_room(test)


def test_values_are_never_shared_with_the_caller():
    """Changing what was passed, or what came back, changes no document."""

    async def test(room, doc):
        value = {"list": [1]}
        ops = [add("/a", value)]
        await doc.patch(ops)
        value["list"].append(2)
        doc.state["a"]["list"].append(3)
        doc.get("/a")["list"].append(4)
        (await doc.read())["a"]["list"].append(5)
        assert doc.tab.client.document == {"a": {"list": [1]}}
        assert ops == [add("/a", {"list": [1, 2]})]

    in_room(test)


def test_state_is_copied_once_per_change():
    """The same object until the document changes, a new one afterwards."""

    async def test(room, doc):
        await doc.patch([add("/a", 1)])
        first = doc.state
        first["mine"] = True
        assert doc.state is first
        await doc.patch([add("/b", 2)])
        assert doc.state == {"a": 1, "b": 2}

    in_room(test)


def test_the_version_tells_whether_the_state_is_another():
    """Also after closing, when nothing changes any more; looking changes nothing."""

    async def test(room, doc):
        seen = {}
        for number in (1, 1, 2):
            await doc.patch([{"op": "add", "path": "/n", "value": number}])
            assert doc.version == doc.version
            assert doc.version not in seen
            seen[doc.version] = doc.state
        await doc.close()
        assert seen[doc.version] == doc.state == {"n": 2}

    in_room(test)


def test_a_closed_document_lets_go_of_its_handlers():
    """They may hold much, such as the page."""

    class Held:
        def hear(self):
            pass

    async def test(room, doc):
        held = Held()
        doc.listen("updated", held.hear)
        reference = weakref.ref(held)
        del held
        gc.collect()
        assert reference() is not None
        await doc.close()
        gc.collect()
        assert reference() is None

    in_room(test)


def test_get_copies_a_part():
    """By JSON Pointer, with a default for what is missing."""

    async def test(room, doc):
        assert doc.get("") == {"cards": ["milk"], "a/b": {"~": 1}}
        assert doc.get("/cards/0") == "milk"
        assert doc.get("/a~1b/~0") == 1
        assert doc.get("/cards/1") is None
        assert doc.get("/cards/01", "none") == "none"
        with pytest.raises(ValueError, match="starts with"):
            doc.get("cards")

    in_room(test, initial={"cards": ["milk"], "a/b": {"~": 1}})


def test_changes_yields_the_newest_state_and_ends_with_the_document():
    """Many changes at once make one state; each is a private copy."""

    async def test(room, doc):
        seen = []

        async def watch():
            async for state in doc.changes():
                seen.append(state)
                state["mine"] = True

        watching = asyncio.create_task(watch())
        await asyncio.sleep(0)
        await asyncio.gather(*(doc.patch([add(f"/{key}", 1)]) for key in "abcdef"))
        await sleep_ms(1)
        assert seen == [{**dict.fromkeys("abcdef", 1), "mine": True}]
        await doc.patch([{"op": "test", "path": "/a", "value": 1}])
        await doc.patch([{"op": "remove", "path": "/a"}])
        await sleep_ms(1)
        assert len(seen) == 2
        await doc.close()
        await watching
        assert len(seen) == 2

    in_room(test)


def test_a_stream_of_changes_begins_where_it_was_made():
    """A change between making it and asking for the first state is not missed."""

    async def test(room, doc):
        stream = doc.changes()
        await doc.patch([add("/a", 1)])
        assert await anext(stream) == {"a": 1}
        await stream.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    in_room(test)


def test_events_reach_every_handle_and_unknown_names_are_refused():
    """The room's events, a listener's failure as `error`, and the nearest name in the message."""

    async def test(room, doc):
        seen = []
        doc.listen("join", lambda tab: seen.append(("join", tab)))
        doc.listen("leader", lambda: seen.append("leader"))
        doc.listen("error", lambda error: seen.append(type(error)))
        unlisten = doc.listen("follower", lambda: seen.append("follower"))
        unlisten()
        doc.listen("updated", lambda index: 1 // 0)
        for event in (("join", "tab9"), ("leader",), ("follower",), ("error", StorageError("full"))):
            doc.tab.client.emit(*event)
        await doc.patch([add("/a", 1)])
        assert seen == [("join", "tab9"), "leader", StorageError, ZeroDivisionError]
        with pytest.raises(ValueError, match="updated"):
            doc.listen("update", print)

    in_room(test)


def test_handles_of_one_tab_close_alone():
    """The other goes on; the closed one keeps its last state and refuses calls."""

    async def test(room, doc):
        other = doc.tab.open_handle()
        await doc.patch([add("/a", 1)])
        pending = asyncio.create_task(other.patch([add("/b", 1)]))
        await asyncio.sleep(0)
        async with other:
            pass
        await other.close()
        with pytest.raises(OutcomeUnknownError):
            await pending
        assert doc.tab.released == 1
        await doc.patch([add("/c", 1)])
        assert other.state == other.get("") == {"a": 1}
        assert doc.state == {"a": 1, "b": 1, "c": 1}
        for call in (other.patch([]), other.update(dict), other.read()):
            with pytest.raises(LocalProtocolError):
                await call
        assert other.status()["role"] == "observer"
        assert [state async for state in other.changes()] == []

    in_room(test)


def test_when_the_connection_is_over_everything_pending_hears_of_it():
    """OutcomeUnknownError for what is pending, LocalProtocolError for what comes later; streams end."""

    async def test(room, doc):
        room.has_leader = False
        calls = [
            asyncio.create_task(call)
            for call in (doc.patch([add("/a", 1)]), doc.update(dict), doc.update(dict), doc.read())
        ]
        stream = doc.changes()
        await sleep_ms(20)
        doc.tab.client.fail(StorageError("the disk is gone"))
        for result in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(result, OutcomeUnknownError)
            assert "the disk is gone" in str(result)
        with pytest.raises(LocalProtocolError, match="the disk is gone"):
            await doc.patch([])
        assert [state async for state in stream] == []
        assert doc.state == {}

    in_room(test)


def test_a_handle_whose_connection_is_over_is_as_good_as_closed():
    """New streams end at once, and calls are refused with what happened: none reaches the connection."""

    async def test(room, doc):
        doc.tab.recover = doc.tab.leave_room = doc.tab.yield_to = None
        doc.tab.client.fail(OutcomeUnknownError("the room was deleted"))
        assert [state async for state in doc.changes()] == []
        for call in (doc.recover(), doc.leave_room(), doc.yield_to("other"), doc.patch([]), doc.read()):
            with pytest.raises(LocalProtocolError, match="the room was deleted; join"):
                await call

    in_room(test)


def test_what_a_caller_does_to_state_is_neither_exported_nor_found():
    """Not after the handle is closed, either."""

    async def test(room, doc):
        for _ in range(2):
            doc.state["x"] = {1}
            assert json.loads(doc.export()) == {"n": 0}
            assert doc.get("/x") is None
            await doc.close()

    in_room(test, initial={"n": 0})


def test_repr_and_export_are_for_people():
    """The room's name, this tab's part in it, how many tabs, how far."""

    async def test(room, doc):
        assert repr(doc) == "<room 'board' · observing · 1 tab · index 1>"
        room.open_tab()
        await doc.patch([add("/ä", 1)])
        assert repr(doc) == "<room 'board' · observing · 2 tabs · index 3>"
        assert json.loads(doc.export()) == {"ä": 1}
        assert "ä" in doc.export()
        await doc.close()
        assert repr(doc).startswith("<room 'board' · closed · ")

    in_room(test)


def test_what_concerns_the_room_goes_to_the_connection():
    """An invitation, a forced recovery and leaving, which closes the handle."""

    async def test(room, doc):
        asked = []

        async def recover():
            asked.append("recover")

        async def leave_room():
            asked.append("leave")
            doc.tab.client.fail(LocalProtocolError("left the room"))

        doc.tab.recover, doc.tab.leave_room = recover, leave_room
        assert doc.invite_link() == "https://example.org/#room"
        await doc.recover()
        await doc.leave_room()
        doc.tab.client.fail(StorageError("later"))
        assert asked == ["recover", "leave"]
        assert doc.tab.released == 1
        for call in (doc.recover(), doc.leave_room(), doc.patch([])):
            with pytest.raises(LocalProtocolError, match="closed"):
                await call

    in_room(test)


def test_an_abandoned_stream_is_forgotten():
    """Leaving the loop early needs no `aclose`."""

    async def test(room, doc):
        stream = doc.changes()
        await doc.patch([add("/a", 1)])
        async for state in stream:
            assert state == {"a": 1}
            break
        del stream
        gc.collect()
        assert not doc._streams

    in_room(test)
