"""LocalStorageHandlers: README's example made safe, over a stand-in for localStorage."""

import asyncio
import json

import pytest
from hypothesis import example, given

from tests.unit.in_process import Network, Server, leader_of, servers, until
from tests.unit.test_patching import documents_and_patches
from webraft_web import ConfigError, LocalStorageHandlers, PatchConflictError, StorageError, TransportError
from webraft_web.core.entry import Entry, EntryKind
from webraft_web.document import DocumentMachine, genesis_command
from webraft_web.document.commands import open_command
from webraft_web.testing import run


class FakeLocalStorage(dict):
    """Texts under keys; `room` is what a value may take, as a quota."""

    room = 10_000_000

    def set(self, key, text):
        if len(text) > self.room:
            raise StorageError("the quota is exceeded")
        self[key] = text


def value_of(storage, key="webraft:a"):
    return json.loads(storage[key])


async def lone_server(network=None, **options):
    server = Server(network or Network(), "a", members=["a"], **options)
    await until(lambda: server.is_leader)
    return server


def add(path, value):
    return {"op": "add", "path": path, "value": value}


def test_commands_are_patches_and_the_document_is_one_value():
    """With its place in the log and its cluster, written at once."""

    async def main():
        storage = FakeLocalStorage()
        server = await lone_server()
        handlers = LocalStorageHandlers(server, storage=storage)
        await server.propose(add("/a", 1))
        place = await server.propose([add("/b", [2]), add("/b/-", 3)])
        assert handlers.data == {"a": 1, "b": [2, 3]}
        assert handlers.index == place.index
        assert value_of(storage) == {
            "cluster": server.cluster_id,
            "term": place.term,
            "index": place.index,
            "data": {"a": 1, "b": [2, 3]},
        }

    run(main())


def test_the_key_can_be_chosen_and_has_the_address_by_default():
    """Two servers of one origin do not share a value by accident."""

    async def main():
        server = await lone_server()
        assert LocalStorageHandlers(server, storage=FakeLocalStorage()).key == "webraft:a"
        assert LocalStorageHandlers(server, "mine", storage=FakeLocalStorage()).key == "mine"

    run(main())


def test_entries_that_the_value_holds_are_not_applied_again():
    """A page that reloads with its log replays it without doubling anything."""

    async def main():
        storage = FakeLocalStorage()
        network = Network()
        server = await lone_server(network)
        LocalStorageHandlers(server, storage=storage)
        await server.propose(add("/list", []))
        for i in range(3):
            await server.propose(add("/list/-", i))
        await server.propose({"op": "copy", "from": "", "path": "/before"})  # not the same when done twice
        returned = server.restart()
        handlers = LocalStorageHandlers(returned, storage=storage)
        await until(lambda: returned.is_leader)
        place = await returned.propose(add("/after", True))
        assert handlers.data == {"list": [0, 1, 2], "before": {"list": [0, 1, 2]}, "after": True}
        assert handlers.index == place.index

    run(main())


def test_a_patch_that_fails_half_way_changes_nothing_anywhere():
    """Every server says so, and goes on with the next entry."""

    async def main():
        group = servers(Network(), *"abc")
        leader = await leader_of(group)
        kept = [LocalStorageHandlers(server, storage=FakeLocalStorage()) for server in group]
        await leader.propose(add("/a", {"deep": [1]}))
        await leader.propose([add("/a/deep/0", 0), {"op": "test", "path": "/a", "value": "no"}])
        for wrong in ("nonsense", {"op": "nonsense", "path": "/a"}, [], {"op": "add"}, [None], 7):
            await leader.propose(wrong)
        await leader.propose(add("/b", 2))
        await until(lambda: all(handlers.data == {"a": {"deep": [1]}, "b": 2} for handlers in kept))
        for server in group:
            assert {type(error) for error in server.errors} == {PatchConflictError}
            assert server.errors[0].op == {"op": "test", "path": "/a", "value": "no"}
            assert server.errors[0].path == "/a"
            assert "operation 1" in str(server.errors[0])
            assert len(server.errors) == 6, "a list of no operations is a patch that changes nothing"

    run(main())


def test_a_patch_that_doubles_the_document_again_and_again_is_refused():
    """Before it fills the memory; every server goes on with the next entry."""

    async def main():
        server = await lone_server()
        handlers = LocalStorageHandlers(server, storage=FakeLocalStorage())
        await server.propose(add("", ["x" * 100_000]))
        doubling = {"op": "copy", "from": "", "path": "/-"}
        await server.propose([doubling] * 22)  # enough to fail, not to exhaust the memory
        assert handlers.data == ["x" * 100_000]
        assert server.errors[0].op == doubling
        assert "operation 6 " in str(server.errors[0]), "100,000 characters doubled six times are 6.4 million"
        assert "copies at most" in str(server.errors[0])
        await server.propose(add("/-", 1))
        assert handlers.data == ["x" * 100_000, 1]

    run(main())


class LogReader:
    """A server that hands entries to its `apply` handler as they stand in the log."""

    address = "a"
    cluster_id = "cluster"

    def __init__(self):
        self.handlers = {}
        self.errors = []

    def term_of(self, _index):
        return 1

    def listen(self, event, handler):
        self.handlers[event] = handler
        return lambda: None

    def emit(self, _event, error):
        self.errors.append(error)

    def apply(self, text, index):
        self.handlers["apply"](json.loads(text), index, lambda: None)


@given(documents_and_patches())
@example(({"a": 1}, [{"op": "replace", "path": "/a", "value": 2}, {"op": "nonsense", "path": "/a"}]))
@example(({"a": 1}, [{"op": "add", "path": "/a", "value": float("nan")}]))
@example(({"a": 1}, [{"op": "add", "path": "/a", "value": 2**53}]))
@example(({"a": 1}, [{"op": "add", "path": "/b" * 201, "value": 1}]))
@example(({"a": [1]}, [{"op": "add", "path": "/a/01", "value": 1}]))
@example(({"a": 1}, [{"op": "test", "path": "/a", "value": True}]))
def test_the_document_is_what_a_shared_document_would_be(document_and_patch):
    """The same patches apply, in the same order of members, and the same ones change nothing."""
    document, patch = document_and_patch
    machine = DocumentMachine()
    machine.apply(Entry(1, 1, EntryKind.HOUSEKEEPING, genesis_command(document)))
    machine.apply(Entry(1, 2, EntryKind.HOUSEKEEPING, open_command("name")))
    text = json.dumps(patch)
    command = f'{{"k":"patch","s":2,"n":1,"w":1,"ops":{text}}}'
    server = LogReader()
    handlers = LocalStorageHandlers(server, storage=FakeLocalStorage())
    server.apply(json.dumps(add("", machine.document)), 1)
    server.apply(text, 2)
    result = machine.apply(Entry(1, 3, EntryKind.COMMAND, command))
    assert json.dumps(handlers.data) == json.dumps(machine.document)
    has_applied = result is not None and not result.outcome.reason
    assert has_applied == (not server.errors)
    if server.errors and result is not None:
        assert server.errors[0].op == patch[result.outcome.position]


def test_a_full_local_storage_is_told_and_nothing_is_lost():
    """The entry is offered again until there is room; the value stays whole meanwhile."""

    async def main():
        storage = FakeLocalStorage()
        server = await lone_server()
        handlers = LocalStorageHandlers(server, storage=storage)
        await server.propose(add("/a", 1))
        before = storage["webraft:a"]
        storage.room = len(before) + 10
        pending = [asyncio.ensure_future(server.propose(add(f"/{i}", "x" * 100))) for i in range(2)]
        await asyncio.sleep(2)
        assert storage["webraft:a"] == before
        assert handlers.data == {"a": 1}
        assert {type(error) for error in server.errors} == {StorageError}
        storage.room = 10_000
        await asyncio.gather(*pending)
        assert handlers.data == {"a": 1, "0": "x" * 100, "1": "x" * 100}

    run(main())


def test_a_value_of_another_cluster_means_nothing_in_this_one():
    """Its index is not believed; what was there is shown as `previous`."""

    async def main():
        storage = FakeLocalStorage()
        old = {"cluster": "old", "term": 9, "index": 1000, "data": {"old": True}}
        storage["webraft:a"] = json.dumps(old)
        server = await lone_server()
        handlers = LocalStorageHandlers(server, storage=storage)
        assert handlers.data == handlers.previous == {"old": True}
        await server.propose(add("/new", True))
        assert handlers.data == {"new": True}
        assert handlers.previous == {"old": True}

    run(main())


def test_a_value_of_another_cluster_asks_the_url_first():
    """What that holds of this cluster is taken over; entries in it are skipped."""

    async def main():
        storage = FakeLocalStorage()
        storage["webraft:a"] = json.dumps({"cluster": "old", "term": 9, "index": 1000, "data": {}})
        asked = []
        server = await lone_server()
        first = await server.propose(add("/a", 1))

        async def fetch(url):
            asked.append(url)
            if len(asked) == 1:
                raise TransportError("offline")
            place = {"cluster": server.cluster_id, "term": first.term, "index": first.index + 1}
            return json.dumps({**place, "data": {"a": 1, "b": 2, "from": "url"}})

        handlers = LocalStorageHandlers(server, url="/state.json", storage=storage, fetch=fetch)
        await server.propose(add("/b", 2))
        await server.propose(add("/c", 3))
        assert handlers.data == {"a": 1, "b": 2, "from": "url", "c": 3}
        assert asked == ["/state.json"] * 2
        assert [type(error) for error in server.errors] == [TransportError]

    run(main())


async def let_one_lag(network, group, leader, **options):
    """Return the handlers of a server that lags behind what the others still hold in their logs."""
    kept = {
        server.address: LocalStorageHandlers(
            server, storage=FakeLocalStorage(), **options.get(server.address, {})
        )
        for server in group
    }
    await leader.propose(add("/start", 1))
    away = next(server for server in group if server is not leader)
    await until(lambda: kept[away.address].index)
    network.isolate(away.address)
    await asyncio.sleep(1)
    for i in range(90):
        await leader.propose(add("/text", f"{i}".ljust(60_000)))
    return away, kept


def test_a_server_that_lags_too_far_refreshes_from_the_url():
    """It takes the value over, goes on after it, and ends with the same document."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        stored = FakeLocalStorage()
        LocalStorageHandlers(leader, "shared", storage=stored)

        async def fetch(_url):
            return stored["shared"]

        options = {server.address: {"url": "/state", "fetch": fetch} for server in group}
        away, kept = await let_one_lag(network, group, leader, **options)
        assert away.commands[-1] == add("/start", 1)
        network.heal()
        await until(lambda: kept[away.address].data == kept[leader.address].data)
        assert len(away.commands) < len(leader.commands)
        await leader.propose(add("/after", 2))
        await until(lambda: kept[away.address].data == kept[leader.address].data)

    run(main())


def test_a_server_that_lags_too_far_without_a_url_says_so():
    """Its own localStorage lags as well: the error tells, and the server waits without harm."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        away, kept = await let_one_lag(network, group, leader)
        before = kept[away.address].data
        network.heal()
        await asyncio.sleep(5)
        assert kept[away.address].data == before
        assert "needs a newer state" in str(away.errors[-1])
        assert leader.is_leader

    run(main())


def test_a_server_that_lost_its_log_goes_on_from_local_storage():
    """Added again as a new server, it names its place, the leader confirms it, and nothing is doubled."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        storage = FakeLocalStorage()
        lost = next(server for server in group if server is not leader)
        kept = [
            LocalStorageHandlers(server, storage=FakeLocalStorage()) for server in group if server is not lost
        ]
        LocalStorageHandlers(lost, storage=storage)
        for i in range(90):
            await leader.propose(add("/text", f"{i}".ljust(60_000)))
        await until(lambda: lost.last_applied == leader.last_applied)
        returned = lost.restart(has_storage=False)
        handlers = LocalStorageHandlers(returned, storage=storage)
        await until(lambda: returned.last_applied >= leader.last_applied)
        await leader.propose(add("/after", 1))
        await until(lambda: handlers.data == kept[0].data)

    run(main())


def test_a_spoilt_value_is_told_and_replaced():
    """Whatever another script wrote there."""

    async def main():
        place = '"cluster":"c","term":1,"index":1'
        deep = "[" * 201 + "]" * 201
        spoilt = ["", "{", "[]", "null", '{"data": 1}', '{"cluster":1,"term":1,"index":1,"data":1}']
        spoilt += [f'{{{place},"data":{data}}}' for data in ("NaN", "1e999", "9007199254740992", deep)]
        for text in spoilt:
            storage = FakeLocalStorage({"webraft:a": text})
            server = await lone_server()
            handlers = LocalStorageHandlers(server, storage=storage)
            assert handlers.data is None
            assert "holds no value" in str(server.errors[0])
            await server.propose(add("/a", 1))
            assert handlers.data == {"a": 1}

    run(main())


def test_closed_handlers_keep_what_is_stored():
    """They listen no more."""

    async def main():
        server = await lone_server()
        handlers = LocalStorageHandlers(server, storage=FakeLocalStorage())
        await server.propose(add("/a", 1))
        handlers.close()
        await server.propose(add("/b", 1))
        assert handlers.data == {"a": 1}

    run(main())


def test_without_a_browser_a_storage_has_to_be_given():
    """The error says where one is."""

    async def main():
        with pytest.raises(ConfigError, match="browser"):
            LocalStorageHandlers(await lone_server())

    run(main())
