"""What RaftInterface's `apply`, `refresh`, `updated` and other handlers may rely on."""

import asyncio
import functools
from itertools import pairwise

import pytest

from tests.unit.in_process import Network, Server, leader_of, servers, until
from webraft_web import BadArgumentError, ConfigError, OutcomeUnknownError
from webraft_web.server import application
from webraft_web.testing import run


async def lone_server(network=None):
    server = Server(network or Network(), "a", members=["a"])
    await until(lambda: server.is_leader)
    return server


def test_a_handler_that_fails_twice_gets_the_entry_a_third_time():
    """After 50 and 100 ms; the error is told; nothing later is offered meanwhile, on any server."""

    async def main():
        group = servers(Network(), *"abc")
        await leader_of(group)
        tries = {server.address: [] for server in group}
        for server in group:

            def flaky(entry, index, done, tries=tries[server.address]):
                tries.append((asyncio.get_running_loop().time(), entry))
                if entry == "bad" and [command for _, command in tries].count("bad") < 3:
                    raise OSError("disk")
                done()

            server.listen("apply", flaky)
        await asyncio.gather(*(group[0].propose(command) for command in ["good", "bad", "later"]))
        await until(lambda: all(len(server.updates) == 3 for server in group))
        for server in group:
            assert [command for _, command in tries[server.address]] == ["good", "bad", "bad", "bad", "later"]
            first, second, third = (time for time, command in tries[server.address] if command == "bad")
            assert second - first == pytest.approx(0.05, abs=0.01)
            assert third - second == pytest.approx(0.1, abs=0.01)
            assert [type(error) for error in server.errors] == [OSError, OSError]
            assert server.commands == ["good", "bad", "later"]

    run(main())


@pytest.mark.parametrize("answer", [ValueError("no"), "no", 1])
def test_done_with_an_error_means_not_applied(answer):
    """As in webraft, whatever true value it is."""

    async def main():
        server = await lone_server()
        answers = [answer, None]
        server.listen("apply", lambda _entry, _index, done: done(answers.pop(0)))
        await server.propose("x")
        assert not answers
        assert len(server.errors) == 1

    run(main())


def test_the_pause_between_tries_doubles_up_to_a_second():
    """A handler that cannot work for long is not asked in a hurry."""

    async def main():
        server = await lone_server()
        times = []

        def never(_entry, _index, _done):
            times.append(asyncio.get_running_loop().time())
            raise OSError("full")

        server.listen("apply", never)
        pending = asyncio.ensure_future(server.propose("x"))
        await until(lambda: len(times) == 9)
        pauses = [round((after - before) * 1000, -1) for before, after in pairwise(times)]
        assert pauses == [50, 100, 200, 400, 800, 1000, 1000, 1000]
        assert not pending.done()
        await server.close()
        with pytest.raises(Exception, match="closed"):
            await pending

    run(main())


def test_a_coroutine_function_takes_entry_and_index():
    """Its return is the callback; its exception means not applied."""

    async def main():
        server = await lone_server()
        seen = []

        async def slow(entry, index):
            await asyncio.sleep(0.2)
            seen.append((entry, index))
            if len(seen) == 1:
                raise OSError("once")
            return "whatever", "this is"

        server.listen("apply", slow)
        places = await asyncio.gather(server.propose("x"), server.propose("y"))
        assert seen == [("x", places[0].index), ("x", places[0].index), ("y", places[1].index)]
        assert [type(error) for error in server.errors] == [OSError]

    run(main())


def test_every_handler_has_to_finish_and_gets_its_own_copy():
    """An entry counts as applied when the slowest has finished; none sees what another changed."""

    async def main():
        server = await lone_server()
        seen = []

        def spoils(entry, _index, done):
            seen.append(entry.pop("n"))
            done()

        async def slow(entry, _index):
            await asyncio.sleep(1)
            seen.append(entry["n"])

        server.listen("apply", spoils)
        server.listen("apply", slow)
        started = asyncio.get_running_loop().time()
        command = {"n": 1}
        await server.propose(command)
        assert asyncio.get_running_loop().time() - started == pytest.approx(1, abs=0.05)
        assert seen == [1, 1]
        assert command == server.commands[0] == {"n": 1}

    run(main())


def test_only_the_handler_that_failed_is_tried_again():
    """The others have applied the entry and must not get it twice."""

    async def main():
        server = await lone_server()
        results = [OSError("first"), None]
        server.listen("apply", lambda _entry, _index, done: done(results.pop(0)))
        await server.propose("x")
        assert server.commands == ["x"]

    run(main())


def test_a_handler_that_ends_the_program_gets_the_entry_again_in_a_loop_that_goes_on(monkeypatch):
    """As in a page, whose event loop nothing ends: the server is not left in the midst of its work."""
    ends = []
    monkeypatch.setattr(application, "raise_in_loop", ends.append)

    async def main():
        server = await lone_server()
        results = [SystemExit(3), None]

        def work(_entry, _index, done):
            if result := results.pop(0):
                raise result
            done()

        server.listen("apply", work)
        await server.propose("x")
        assert server.commands == ["x"]
        assert [type(error) for error in ends] == [SystemExit]

    run(main())


def test_a_done_that_comes_twice_or_late_counts_once():
    """An impatient handler cannot apply an entry that it was not asked for."""

    async def main():
        server = await lone_server()
        dones = []

        def hasty(_entry, _index, done):
            dones.append(done)
            done()
            done()
            dones[0]()

        server.listen("apply", hasty)
        await asyncio.gather(*(server.propose(i) for i in range(3)))
        assert server.updates == sorted(set(server.updates))
        assert len(dones) == 3

    run(main())


def test_without_apply_handlers_an_entry_counts_as_applied():
    """`updated` is told all the same, and propose returns."""

    async def main():
        server = await lone_server()
        server.unlisten("apply", server._apply)
        place = await server.propose("x")
        assert server.updates == [place.index]

    run(main())


def test_a_handler_that_is_taken_away_is_not_waited_for():
    """Unlistening a handler that hangs lets the others go on."""

    async def main():
        server = await lone_server()
        unlisten = server.listen("apply", lambda _entry, _index, _done: None)
        pending = asyncio.ensure_future(server.propose("x"))
        await asyncio.sleep(5)
        assert not pending.done()
        unlisten()
        await pending

    run(main())


def test_listen_once_gets_one_entry():
    """Until it has applied it: a failure is tried again."""

    async def main():
        server = await lone_server()
        seen = []

        async def once(entry, _index):
            seen.append(entry)
            if len(seen) == 1:
                raise OSError("once more")

        server.listen_once("apply", once)
        await server.propose("x")
        await server.propose("y")
        assert seen == ["x", "x"]

    run(main())


def test_many_entries_are_applied_without_recursion_and_without_hogging_the_loop():
    """Ten thousand committed entries with handlers that answer at once; timers still fire in between."""

    async def main():
        server = await lone_server()
        await asyncio.gather(*(server.propose(i) for i in range(10_000)))
        assert server.commands == list(range(10_000))

    run(main())


@pytest.mark.parametrize(
    ("event", "handler"),
    [
        ("apply", lambda entry, index: None),
        ("apply", lambda: None),
        ("refresh", lambda: None),
        ("updated", lambda index, term: None),
        ("leader", lambda state: None),
    ],
)
def test_a_handler_that_cannot_take_its_arguments_is_refused(event, handler):
    """At `listen`, with a ConfigError, rather than at the first entry."""

    async def main():
        with pytest.raises(ConfigError, match=event):
            Server(Network(), "a").listen(event, handler)

    run(main())


def test_an_unknown_event_names_the_nearest():
    """A mistyped name is a ValueError that says which one was meant."""

    async def main():
        server = Server(Network(), "a")
        for method in (server.listen, server.listen_once, server.unlisten):
            with pytest.raises(ValueError, match="'heartbeat timeout'"):
                method("heartbeat_timeuot", print)
        with pytest.raises(BadArgumentError, match="'apply'"):
            server.listen("aply", print)

    run(main())


def test_exceptions_of_other_handlers_are_told_as_errors():
    """They reach neither the server nor the other handlers, plain or coroutine."""

    async def main():
        server = await lone_server()

        async def later(_index):
            raise KeyError("later")

        server.listen("updated", lambda _index: 1 / 0)
        server.listen("updated", later)
        server.listen("error", lambda _error: 1 / 0)
        await server.propose("x")
        await asyncio.sleep(0)
        assert [type(error) for error in server.errors] == [ZeroDivisionError, KeyError]
        await server.propose("y")

    run(main())


def test_handlers_may_propose_join_and_close():
    """They run inside the server's own work, which has to bear it."""

    async def main():
        network = Network()
        server = await lone_server(network)
        server.listen_once("updated", lambda: asyncio.ensure_future(server.propose("from a handler")))
        server.listen_once("updated", functools.partial(server.join, "b"))
        await server.propose("x")
        await until(lambda: server.commands == ["x", "from a handler"])
        assert list(server.nodes) == ["b"]
        server.listen("updated", server.close)
        with pytest.raises(OutcomeUnknownError):
            await server.propose("last")
        assert server.state == "follower"

    run(main())


async def propose_much(server):
    """Propose more than a log that may forget keeps."""
    for i in range(10):
        await asyncio.gather(*(server.propose(f"{i}.{j}".ljust(60_000)) for j in range(10)))


class Keeper(Server):
    """A server whose application keeps its state elsewhere, and can fetch it there."""

    kept = None

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.refreshes = []
        self.listen("refresh", self._refresh)

    def _apply(self, entry, index, done):
        super()._apply(entry, index, done)
        type(self).kept = max(type(self).kept or (0, 0), (self.term_of(index), index))

    def _refresh(self, done):
        self.refreshes.append(self.kept)
        done(*self.kept)


def test_a_server_that_lags_behind_the_leaders_log_refreshes():
    """It fetches the state itself, the leader confirms the place, and entries go on from there."""

    class Local(Keeper):
        pass

    async def main():
        network = Network()
        group = servers(network, *"abc", server_class=Local)
        leader = await leader_of(group, voters=3)
        away = next(server for server in group if server is not leader)
        network.isolate(away.address)
        await asyncio.sleep(1)
        await propose_much(leader)
        network.heal()
        await until(lambda: away.refreshes)
        await until(lambda: away.last_applied == leader.last_applied)
        assert len(away.commands) < len(leader.commands)
        assert away.updates == sorted(away.updates)
        await leader.propose("after")
        await until(lambda: away.commands[-1:] == ["after"])

    run(main())


def test_a_refresh_that_the_leader_does_not_confirm_is_asked_for_again():
    """A term or an index of another history is never adopted (rule 9); an exception is tried again."""

    class Local(Keeper):
        def _refresh(self, done):
            self.refreshes.append(None)
            attempt = len(self.refreshes)
            if attempt == 1:
                raise OSError("offline")
            if attempt == 2:
                done("nonsense")
            elif attempt == 3:
                done(self.kept[0] + 1, self.kept[1])
            else:
                done(*self.kept)

    async def main():
        network = Network()
        group = servers(network, *"abc", server_class=Local)
        leader = await leader_of(group, voters=3)
        away = next(server for server in group if server is not leader)
        network.isolate(away.address)
        await asyncio.sleep(1)
        await propose_much(leader)
        network.heal()
        await until(lambda: away.last_applied == leader.last_applied)
        assert len(away.refreshes) == 4
        assert [type(error) for error in away.errors] == [OSError, BadArgumentError]

    run(main())


def test_without_refresh_handlers_nothing_is_compacted():
    """A newcomer far behind gets every entry, since nobody could fetch the state for it."""

    async def main():
        network = Network()
        group = servers(network, *"ab")
        leader = await leader_of(group, voters=2)
        await propose_much(leader)
        late = Server(network, "c")
        for server in group:
            server.join("c")
            late.join(server.address)
        await until(lambda: late.commands == leader.commands)

    run(main())
