"""What webraft's README assumes, each a test; `tests/javascript` has the same ones in JavaScript."""

import asyncio
import json

from tests.unit.in_process import Network, leader_of, until
from tests.unit.readme_servers import lone_server, servers
from webraft_web.testing import run


def test_delivery_need_not_be_guaranteed():
    """Payloads may get lost: what is not answered is sent again."""

    async def main():
        group = [server.keep() for server in servers(Network(7, loss=0.2))]
        leader = await leader_of(group)
        for number in range(20):
            await leader.propose(number)
        await until(lambda: all(server.commands == list(range(20)) for server in group))

    run(main())


def test_calling_back_means_that_the_entry_is_durable():
    """Until then it does not count as applied, and no later one is offered."""

    async def main():
        raft = await lone_server()
        waiting = []
        raft.listen("apply", lambda entry, _index, cb: waiting.append((entry, cb)))
        before = raft.last_applied
        proposals = [asyncio.ensure_future(raft.propose(command)) for command in "xy"]
        await asyncio.sleep(5)
        assert ([entry for entry, _ in waiting], raft.last_applied) == (["x"], before)
        waiting[0][1]()
        committed = await proposals[0]
        assert raft.last_applied == committed.index
        await until(lambda: len(waiting) == 2)
        assert not proposals[1].done()
        waiting[1][1]()
        await proposals[1]

    run(main())


def test_an_error_given_to_the_callback_means_not_applied():
    """The entry is offered again after a while, and `error` tells why; so does an exception."""

    async def main():
        raft = await lone_server()
        errors, tries = [], []
        raft.listen("error", errors.append)

        def apply(entry, _index, cb):
            tries.append(entry)
            if len(tries) == 1:
                cb(OSError("full"))
            elif len(tries) == 2:
                raise OSError("still full")
            else:
                cb()

        raft.listen("apply", apply)
        await raft.propose("x")
        assert tries == ["x", "x", "x"]
        assert [str(error) for error in errors] == ["full", "still full"]

    run(main())


def test_a_coroutine_functions_return_is_the_callback():
    """It takes entry and index, and may wait."""

    async def main():
        raft = await lone_server()
        seen = []

        async def apply(entry, index):
            await asyncio.sleep(0.01)
            seen.append((entry, index))

        raft.listen("apply", apply)
        committed = await raft.propose("x")
        assert seen == [("x", committed.index)]

    run(main())


def test_changing_an_entry_affects_nothing():
    """Each handler gets a copy of its own, on each server and at each try."""

    async def main():
        group = servers(Network(), "ab")
        seen = []

        def change(entry, _index, cb):
            seen.append(json.dumps(entry))
            entry["list"].append("changed")
            cb()

        for server in group:
            server.listen("apply", change)
            server.listen("apply", change)
        command = {"list": []}
        await (await leader_of(group)).propose(command)
        await until(lambda: len(seen) == 4)
        assert (set(seen), command) == ({'{"list": []}'}, {"list": []})

    run(main())


def test_several_servers_live_in_one_process():
    """As many clusters as one likes, each with one leader and one order."""

    async def main():
        clusters = [[server.keep() for server in servers(Network(seed))] for seed in range(3)]
        for number, group in enumerate(clusters):
            leader = await leader_of(group)
            await asyncio.gather(*(server.propose([number, server.address]) for server in group))
            await until(lambda group=group: all(len(server.commands) == 3 for server in group))
            assert all(server.applied == leader.applied for server in group)
            assert {command[0] for command in leader.commands} == {number}

    run(main())


def test_servers_of_one_process_may_deliver_to_each_other_synchronously():
    """`got_data` within the other's `write` queues its work, so nothing recurses."""

    async def main():
        group = [server.keep() for server in servers(Network(is_synchronous=True))]
        leader = await leader_of(group, voters=3)
        await asyncio.gather(*(leader.propose(number) for number in range(100)))
        await until(lambda: all(server.commands == list(range(100)) for server in group))

    run(main())
