"""What webraft's README promises, each promise one test; `tests/javascript` has the same ones in JavaScript.

The examples are reconstructed, in Python's spelling, from the API that the README of webraft 0.2.5
documents; they are not its own text.
"""

import asyncio
import json

import pytest

from tests.unit.in_process import Network, leader_of, leaders, until
from tests.unit.readme_servers import FooNode, FooRaft, lone_server, servers
from webraft_web import BadArgumentError, ConfigError, LocalProtocolError, NodeInstance, NotLeaderError
from webraft_web import RaftInterface as Raft
from webraft_web.testing import run


async def propose_much(server):
    """Propose more than a log that may forget keeps."""
    for _ in range(10):
        await asyncio.gather(*(server.propose("much".ljust(60_000)) for _ in range(10)))


def test_a_raft_is_extended_and_creates_its_nodes():
    """`create_instance` is asked for a node for each address that is joined."""

    async def main():
        raft = FooRaft(Network(), "a")
        raft.join("b")
        assert isinstance(raft.nodes["b"], FooNode)
        assert list(raft.nodes) == ["b"]

        class Bare(Raft):
            pass

        with pytest.raises(NotImplementedError, match=r"Bare must implement create_instance\('b'\)"):
            Bare("c").join("b")

    run(main())


def test_a_node_is_extended_and_writes_payloads_that_json_carries():
    """It knows its address and its raft."""
    written = []

    class Writing(FooNode):
        def write(self, payload):
            assert (self.address, self.raft.address) == ("b", "a")
            written.append(payload)

    class WritingRaft(FooRaft):
        def create_instance(self, address):
            return Writing(address, self)

    async def main():
        WritingRaft(Network(), "a").join("b")
        payload = await until(lambda: written and written[0])
        assert json.loads(json.dumps(payload)) == payload
        with pytest.raises(NotImplementedError, match=r"must implement write\(payload\)"):
            NodeInstance("b", Raft("c")).write(payload)

    run(main())


def test_what_a_node_got_goes_to_its_raft_with_its_address():
    """Whoever receives for a node hands it the payload, and no more."""

    class ByNodes(Network):
        def _deliver(self, sender, receiver, text):
            self.servers[receiver].nodes[sender].got_data(json.loads(text))

    async def main():
        leader = await leader_of(servers(ByNodes(), "ab"))
        assert await leader.propose("x")

    run(main())


def test_the_raft_takes_payloads_with_their_sender_and_minds_no_nonsense():
    """An unknown sender is ignored, and a bad payload raises nothing."""

    async def main():
        group = servers(Network(), "ab")  # whose network hands payloads to `got_data(from, payload)`
        leader = await leader_of(group)
        for sender in ("a", "b", "stranger"):
            for payload in (None, 1, "text", [], {}, [[]], ["webraft", {"x": None}]):
                leader.got_data(sender, payload)
        assert (await leader.propose("x")).index > 0

    run(main())


def test_join_and_leave_take_effect_and_are_told_at_once():
    """Once per call; what was left is no node any more."""

    async def main():
        raft = FooRaft(Network(), "a")
        told = []
        raft.listen("join", lambda address: told.append(("join", address)))
        raft.listen("leave", lambda address: told.append(("leave", address)))
        raft.join("b")
        assert (told, list(raft.nodes)) == ([("join", "b")], ["b"])
        raft.leave("b")
        assert (told, list(raft.nodes)) == ([("join", "b"), ("leave", "b")], [])

    run(main())


def test_apply_is_listened_for_outside_the_class():
    """The reconstructed example: the handler applies the entry and calls back."""

    async def main():
        raft = await lone_server()
        data = []

        def apply(entry, index, cb):
            data.append((entry, index))
            cb()

        raft.listen("apply", apply)
        committed = await raft.propose({"add": "milk"})
        assert data == [({"add": "milk"}, committed.index)]

    run(main())


def test_apply_is_listened_for_inside_the_class():
    """In the constructor, with a method or a function."""

    class Inside(FooRaft):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.others = []
            self.listen("apply", self._apply)
            self.listen("apply", lambda entry, _index, cb: cb(self.others.append(entry)))

        def _apply(self, entry, index, cb):
            self.applied.append((entry, index))
            cb()

    async def main():
        raft = await lone_server(Inside)
        committed = await raft.propose("x")
        assert (raft.applied, raft.others) == ([("x", committed.index)], ["x"])

    run(main())


class RefreshingRaft(FooRaft):
    """Has the state at hand that somebody else keeps, and refreshes itself to it."""

    def __init__(self, network, address, **options):
        super().__init__(network, address, **options)
        self.refreshes = 0
        self.keep()
        self.listen("updated", self._store)
        self.listen("refresh", self.refresh)

    def _store(self, index):
        self.network.stored = max(getattr(self.network, "stored", (0, 0)), (self.term_of(index) or 0, index))

    def refresh(self, cb):
        self.refreshes += 1
        cb()


async def lag(kind):
    """Return a server that missed so much that it had to refresh, and the leader."""
    network = Network()
    group = servers(network, kind=kind)
    leader = await leader_of(group, voters=3)
    away = next(server for server in group if server is not leader)
    network.isolate(away.address)
    await asyncio.sleep(1)
    await propose_much(leader)
    network.heal()
    await until(lambda: away.last_applied == leader.last_applied)
    return away, leader


def test_refresh_is_listened_for_inside_the_class_and_a_bare_callback_means_the_index_announced():
    """A server that missed too much fetches the state from elsewhere, and goes on from there."""

    async def main():
        away, leader = await lag(RefreshingRaft)
        assert away.refreshes == 1
        assert len(away.commands) < len(leader.commands)
        await leader.propose("after")
        await until(lambda: away.commands[-1:] == ["after"])

    run(main())


def test_refresh_is_listened_for_outside_the_class_and_calls_back_with_term_and_index():
    """The place in the log that the fetched state stands for."""
    refreshed = []

    def outside(network, address):
        raft = RefreshingRaft(network, address)
        raft.unlisten("refresh", raft.refresh)
        raft.listen(
            "refresh", lambda cb: cb(refreshed.append(network.stored) or network.stored[0], network.stored[1])
        )
        return raft

    async def main():
        away, leader = await lag(outside)
        assert len(refreshed) == 1
        assert len(away.commands) < len(leader.commands)

    run(main())


def test_propose_returns_once_the_command_is_committed_and_applied_here():
    """With the place of its entry in the log."""

    async def main():
        raft = (await lone_server()).keep()
        committed = await raft.propose("x")
        assert raft.applied == [("x", committed.index)]
        assert committed == (raft.current_term, raft.last_applied)

    run(main())


def test_propose_works_on_every_server():
    """A server that does not lead forwards the command, and applies it before it returns."""

    async def main():
        group = [server.keep() for server in servers(Network())]
        await leader_of(group)
        for number, server in enumerate(group):
            await server.propose(number)
            assert server.commands == list(range(number + 1))

    run(main())


def test_updated_tells_every_index_that_was_applied_in_order():
    """After the handlers of `apply`, however many commands come at once."""

    async def main():
        raft = (await lone_server()).keep()
        updates = []
        raft.listen("updated", updates.append)
        await asyncio.gather(*(raft.propose(number) for number in range(10)))
        assert updates == [index for _, index in raft.applied]
        assert raft.commands == list(range(10))

    run(main())


def test_listen_returns_how_to_unlisten():
    """`listen_once` hears one event, and `unlisten` takes the handler."""

    async def main():
        raft = await lone_server()
        heard = []
        unlisten = raft.listen("join", lambda: heard.append("first"))

        def second():
            heard.append("second")

        raft.listen("join", second)
        raft.listen_once("join", lambda: heard.append("once"))
        raft.join("b")
        unlisten()
        raft.join("c")
        raft.unlisten("join", second)
        raft.join("d")
        assert heard == ["first", "second", "once", "second"]

    run(main())


def test_all_eleven_events_are_emitted():
    """With what webraft's handlers get."""
    heard = {}

    class Heard(RefreshingRaft):
        def __init__(self, network, address):
            super().__init__(network, address)
            for event in ("join", "leave", "leader", "candidate", "follower", "state changed"):
                self._hear(event)
            for event in ("heartbeat timeout", "start election", "updated"):
                self._hear(event)

        def _hear(self, event):
            self.listen(event, lambda *arguments: heard.setdefault(event, arguments))

    async def main():
        away, leader = await lag(Heard)
        assert away.refreshes
        assert away.applied
        leader.network.isolate(leader.address)
        other = await until(
            lambda: next(iter(set(leaders(leader.network.servers.values())) - {leader}), None)
        )
        leader.network.heal()
        await until(lambda: leader.state == "follower")
        other.leave(leader.address)

    run(main())
    assert {event: [type(argument) for argument in arguments] for event, arguments in heard.items()} == {
        "join": [str],
        "leave": [str],
        "leader": [],
        "candidate": [],
        "follower": [],
        "state changed": [str],
        "heartbeat timeout": [],
        "start election": [],
        "updated": [int],
    }


def test_timeouts_are_overridden_in_the_class_and_read_anew_each_time():
    """Reading is all there is to it: the next wait takes what the property says then."""
    reads = []

    class Timed(FooRaft):
        @property
        def election_timeout(self):
            reads.append("election_timeout")
            return 150

        @property
        def heartbeat_timeout(self):
            reads.append("heartbeat_timeout")
            return 200

        @property
        def heartbeat_frequency(self):
            reads.append("heartbeat_frequency")
            return 20

    async def main():
        group = servers(Network(), "ab", Timed)
        await leader_of(group, voters=2)
        before = {name: reads.count(name) for name in set(reads)}
        await asyncio.sleep(0.5)
        assert set(before) == {"election_timeout", "heartbeat_timeout", "heartbeat_frequency"}
        assert reads.count("heartbeat_frequency") > before["heartbeat_frequency"]
        assert reads.count("heartbeat_timeout") > before["heartbeat_timeout"]

    run(main())


def test_timeouts_are_what_the_readme_says_unless_they_are_overridden():
    """A candidate waits 150 to 300 ms, a follower 200 to 250, a leader's period is 100, an answer's 3000."""

    async def main():
        raft = FooRaft(Network(), "a")
        raft.join("b")
        assert {150 <= raft.election_timeout <= 300 for _ in range(100)} == {True}
        assert {200 <= raft.heartbeat_timeout <= 250 for _ in range(100)} == {True}
        assert len({raft.election_timeout for _ in range(100)}) > 1
        assert (raft.heartbeat_frequency, raft.message_timeout) == (100, 3000)
        assert raft.nodes["b"].message_timeout == 3000

    run(main())


def test_a_heartbeat_timeout_must_be_longer_than_the_leaders_period():
    """Else followers would take every leader for dead."""

    class Hasty(FooRaft):
        @property
        def heartbeat_timeout(self):
            return 100

    async def main():
        with pytest.raises(ConfigError, match="heartbeat_timeout is 100 ms and heartbeat_frequency 100 ms"):
            Hasty(Network(), "a")

    run(main())


def test_a_message_timeout_bounds_the_wait_for_a_leader():
    """Without one, the command was certainly not appended."""

    class Impatient(FooRaft):
        @property
        def message_timeout(self):
            return 50

    async def main():
        raft = Impatient(Network(), "a", members=["a", "b"])
        with pytest.raises(NotLeaderError):
            await raft.propose("x")

    run(main())


def test_the_attributes_tell_how_the_server_stands():
    """Those that webraft has, under Python's names."""

    async def main():
        group = servers(Network(), "ab")
        leader = await leader_of(group, voters=2)
        (follower,) = (server for server in group if server is not leader)
        committed = await follower.propose("x")
        for server in group:
            assert (server.is_leader, server.state) == (
                server is leader,
                "leader" if server is leader else "follower",
            )
            assert server.leader_id == leader.address
            assert server.current_term == committed.term
        assert follower.commit_index >= follower.last_applied >= committed.index
        assert list(leader.nodes) == [follower.address]

    run(main())


def test_end_stops_a_server():
    """Here it is called `close`: may be called again, and refuses what comes after it."""

    async def main():
        raft = await lone_server()
        await raft.close()
        await raft.close()
        with pytest.raises(LocalProtocolError, match="closed"):
            await raft.propose("x")
        with pytest.raises(LocalProtocolError, match="closed"):
            raft.join("b")

    run(main())


def test_an_event_that_does_not_exist_is_refused():
    """With the name of the nearest one."""

    async def main():
        with pytest.raises(BadArgumentError, match="did you mean 'updated'"):
            FooRaft(Network(), "a").listen("update", print)

    run(main())
