"""What a leader makes of the servers that it hears, and what no server makes of others' words."""

import asyncio

import pytest

from tests.unit.in_process import Network, Server, leader_of, servers, until
from webraft_web import NodeInstance, RaftInterface
from webraft_web.core.entry import Configuration, EntryKind
from webraft_web.core.message import AppendEntries, RequestVote
from webraft_web.core.validation import MAX_SERVERS
from webraft_web.server import greeting
from webraft_web.server.founding import Link
from webraft_web.server.greeting import Hello
from webraft_web.server.leading import Change, stronger_cluster, wanted_change
from webraft_web.server.server import yield_data
from webraft_web.storage.memory import MemoryStorage
from webraft_web.testing import run
from webraft_web.wire import WIRE_VERSION, encode_message

MEMBERS = Configuration(("ia@a", "ib@b"))


def heard(server_id, *, cluster_id=None, has_data=False, is_leader=False):
    """Return what was heard of one server."""
    link = Link(0)
    link.cluster_id = cluster_id
    link.hello = Hello(server_id, cluster_id is None, True, has_data, is_leader, None, True)
    return server_id.partition("@")[2], link, link.hello


def change(*others, unwanted=(), retired=()):
    return wanted_change(MEMBERS, "ia@a", "mine", others, unwanted, retired)


def test_who_is_linked_is_added_and_who_is_left_is_removed():
    """And nobody else."""
    assert change(heard("ib@b", cluster_id="mine")) is None
    assert change(heard("ic@c")) == Change(None, "ic@c")
    assert change(heard("ic@c"), unwanted=["b"]) == Change("ib@b", None)


def test_a_new_incarnation_replaces_the_old_one():
    """In one entry: its address is a member's already."""
    assert change(heard("new@b")) == Change("ib@b", "new@b")


def test_where_there_are_as_many_members_as_there_may_be_nobody_is_added():
    """One may still come in another's place, and one may go."""
    full = Configuration(("ia@a", "ib@b"), tuple(f"i@{number}" for number in range(2, MAX_SERVERS)))

    def change(*others, unwanted=()):
        return wanted_change(full, "ia@a", "mine", others, unwanted, ())

    assert change(heard("ic@c")) is None
    assert change(heard("ic@c"), heard("new@b")) == Change("ib@b", "new@b")
    assert change(heard("ic@c"), unwanted=["b"]) == Change("ib@b", None)


def test_an_id_that_was_removed_is_never_added_again():
    """An address may come back, an identity may not."""
    assert change(heard("ic@c"), retired=["ic@c"]) is None
    assert change(heard("new@c"), retired=["ic@c"]) == Change(None, "new@c")


def test_a_cluster_with_data_gives_way_to_none():
    """Whatever the other holds, and whoever leads it."""
    other = heard("ic@c", cluster_id="a", has_data=True, is_leader=True)
    assert stronger_cluster("mine", has_data=True, heard=[other]) is None
    assert stronger_cluster("mine", has_data=False, heard=[other]) == "a"


class SilentNode(NodeInstance):
    """A link whose other end is the test's."""

    def write(self, payload):
        self.raft.written.append(payload)


class Alone(RaftInterface):
    """A server that hears nobody but the test."""

    def __init__(self, address, storage):
        self.written = []
        super().__init__(address, storage=storage)

    def create_instance(self, address):
        return SilentNode(address, self)

    def said(self, kind):
        """Return what it has written of a kind."""
        return [payload for payload in self.written if payload[2] == kind]


class HeldStorage:
    """A storage whose answers the test gives."""

    def __init__(self):
        self._storage = MemoryStorage()
        self.held = []
        self.load = self._storage.load
        self.close = self._storage.close

    def persist(self, batch, done):
        self._storage.persist(batch, lambda error: self.held.append(lambda: done(error)))

    def answer(self):
        held, self.held = self.held, []
        for done in held:
            done()


def test_a_founding_is_followed_only_once_that_is_durable():
    """An acceptance that a crash could undo would give the server's vote to two clusters."""

    async def main():
        storage = HeldStorage()
        server = Alone("b", storage)
        server.join("a")
        await until(lambda: storage.held)
        storage.answer()
        own_id = (await until(lambda: server.said(greeting.HELLO)))[0][3][0]
        server.got_data("a", greeting.seal("ia", greeting.OFFER, ["ia@a", own_id]))
        await until(lambda: storage.held)
        assert server.said(greeting.ACCEPT) == []
        storage.answer()
        assert await until(lambda: server.said(greeting.ACCEPT)) == [
            [WIRE_VERSION, "ia", greeting.ACCEPT, [own_id]]
        ]
        await server.close()

    run(main())


async def lone_leader():
    """Return a server at "a" that leads a cluster of its own, with its id."""
    server = Server(Network(), "a")
    server.join("b")
    await until(lambda: server.is_leader)
    return server, server._server.server_id


@pytest.mark.parametrize(
    ("terms_later", "index", "is_over"),
    [(0, 0, False), (-1, 0, False), (1, 0, True), (0, 1, True), (0, 99, True)],
)
def test_a_word_that_one_is_over_counts_unless_one_was_added_since(terms_later, index, is_over):
    """It may have been long under way; but a leader that was deposed may have left a later configuration."""

    async def main():
        server, own_id = await lone_leader()
        over = greeting.Over(own_id, server.current_term + terms_later - 1, index)
        assert server._server.raft.log.term_at(1) == server.current_term - 1, (
            "the founding is of the term before"
        )
        server.got_data("b", greeting.seal(server.cluster_id, greeting.OVER, [*over]))
        await asyncio.sleep(0.05)
        assert (server._server.server_id != own_id) == is_over

    run(main())


def test_who_applies_its_removal_late_and_is_a_member_again_stays():
    """The leader had forgotten that it removed this server, which has kept all that it promised."""

    async def main():
        server, own_id = await lone_leader()
        server._server.configuration_applied(Configuration(("ib@b",)))
        assert not server._server.is_retired(own_id)
        await asyncio.sleep(0.05)
        assert (server._server.server_id, server.is_leader) == (own_id, True)

    run(main())


def test_whoever_was_removed_is_not_added_again_by_a_leader_that_has_yet_to_apply_that():
    """An application's handler may take its time, and an id never comes back."""

    async def main():
        group = servers(Network(), "a", "b")
        leader = await leader_of(group, voters=2)
        (other,) = (server for server in group if server is not leader)
        other_id = other._server.server_id
        leader.listen("apply", lambda _entry, _index, done: None)  # which never comes to an end
        waiting = asyncio.ensure_future(leader.propose("held up"))
        await until(lambda: other.commands == ["held up"])
        leader.leave(other.address)
        await until(lambda: len(leader.members) == 1)
        assert not leader._server.is_retired(other_id), "it is not applied yet"
        assert leader._server.retired() == {other_id}
        waiting.cancel()

    run(main())


def test_messages_of_another_cluster_are_not_heard():
    """Terms and indexes of one mean nothing in another."""

    async def main():
        server, own_id = await lone_leader()
        term = server.current_term
        message = AppendEntries("ib@b", own_id, term + 9, 0, 0, [], 0)
        server.got_data("b", greeting.seal("another", greeting.RAFT, [encode_message(message)]))
        await asyncio.sleep(0.05)
        assert (server.is_leader, server.current_term) == (True, term)
        server.got_data("b", greeting.seal(server.cluster_id, greeting.RAFT, [encode_message(message)]))
        await until(lambda: server.current_term >= term + 9)

    run(main())


def test_a_removed_server_is_not_heard():
    """It may not have heard that it was removed, and its elections must disturb nobody (§4.2.3)."""

    async def main():
        network = Network()
        group = servers(network, *"abc")
        leader = await leader_of(group, voters=3)
        removed = next(server for server in group if server is not leader)
        removed_id = removed._server.server_id
        removed.crash()
        leader.leave(removed.address)
        await until(lambda: removed.address not in leader.members)
        leader.join(removed.address)
        term = leader.current_term
        message = RequestVote(removed_id, leader._server.server_id, term + 9, 99, term, True)
        payload = greeting.seal(leader.cluster_id, greeting.RAFT, [encode_message(message)])
        leader.got_data(removed.address, payload)
        await asyncio.sleep(0.05)
        assert (leader.is_leader, leader.current_term) == (True, term)

    run(main())


def test_a_yield_after_a_command_is_void():
    """The leader could not know of the command yet when it proposed to yield: the data stays."""

    async def main():
        server, _ = await lone_leader()
        cluster_id = server.cluster_id
        await server.propose("data")
        data = yield_data("another", is_chosen=False)
        server._server.driver.change(lambda raft: raft.propose([data], EntryKind.YIELD))
        await server.propose("more")
        assert (server.cluster_id, server.commands) == (cluster_id, ["data", "more"])

    run(main())


def test_a_server_without_its_storage_is_another_one():
    """What its old id has promised, it cannot keep any more."""

    async def main():
        ids = set()
        for _ in range(3):
            server = Alone("a", MemoryStorage())
            await until(lambda server=server: server.is_leader)
            ids.add(server._server.server_id)
            await server.close()
        assert len(ids) == 3

    run(main())


def test_a_leader_hands_over_to_a_voter_that_asks_for_itself_and_to_nobody_else():
    """Not on the word of another, of another cluster's member, or of one that has no vote (§3.10)."""

    async def main():
        group = servers(Network(), *"abc")
        leader = await leader_of(group, voters=3)
        asking, other = (server for server in group if server is not leader)
        term, own = leader.current_term, leader.cluster_id
        ask = [asking._server.server_id]
        leader.got_data(other.address, greeting.seal(own, greeting.LEAD, ask))
        leader.got_data(asking.address, greeting.seal("another", greeting.LEAD, ask))
        leader.got_data(asking.address, greeting.seal(own, greeting.LEAD, [f"stranger@{asking.address}"]))
        await asyncio.sleep(2)
        assert (leader.is_leader, leader.current_term) == (True, term)
        leader.got_data(asking.address, greeting.seal(own, greeting.LEAD, ask))
        await until(lambda: asking.is_leader)

    run(main())


async def asked_by_one_that_is_gone(missed):
    """Return the leader of three, and what asks it to hand over to one that lacks so many entries."""
    group = servers(Network(), *"abc")
    leader = await leader_of(group, voters=3)
    await leader.propose("known to all")
    await asyncio.sleep(1)
    asking = next(server for server in group if server is not leader)
    asking.crash()
    for number in range(missed):
        await leader.propose(number)
    letter = greeting.seal(leader.cluster_id, greeting.LEAD, [asking._server.server_id])
    return leader, lambda: leader.got_data(asking.address, letter)


def test_who_asks_again_and_again_and_never_takes_over_keeps_nobody_waiting():
    """Proposals wait while leadership is handed over, and so would for ever those of a whole room."""

    async def main():
        leader, ask = await asked_by_one_that_is_gone(missed=0)

        async def pester():
            while True:
                ask()
                await asyncio.sleep(0.05)

        pestering = asyncio.ensure_future(pester())
        term = leader.current_term
        await asyncio.sleep(0.2)
        await leader.propose("one lease later")
        assert (leader.is_leader, leader.current_term) == (True, term)
        pestering.cancel()

    run(main())


def test_a_leader_does_not_hand_over_to_a_voter_that_lacks_what_is_committed():
    """It could not take over at once, and everybody would wait until it has caught up, or in vain."""

    async def main():
        leader, ask = await asked_by_one_that_is_gone(missed=1)
        ask()
        await asyncio.sleep(0.01)
        assert leader._server.raft.leadership.transferee is None

    run(main())
