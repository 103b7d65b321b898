"""WebRTCNode in plain Python: servers that reach each other as those in pages do."""

import asyncio

import pytest

from tests.peers import SECRET, until
from tests.tabs.test_webrtc import own_address, signaling_server
from webraft_web import RaftInterface, WebRTCNode
from webraft_web.transports.webrtc.native_connections import until_closed


@pytest.fixture
def signaling():
    own_address()
    with signaling_server() as url:
        yield url


def test_three_servers_elect_replicate_and_go_on_without_one(signaling):
    """The class that runs in pages, unchanged; the leader stops without a word."""

    class Raft(RaftInterface):
        message_timeout = 60_000

        def create_instance(self, address):
            return WebRTCNode(address, self, room="board", secret=SECRET, signaling=[signaling])

    async def main():
        members = ["ann", "bob", "eve"]
        rafts = {address: Raft(address, members=members) for address in members}
        await rafts["ann"].propose("first")
        leader = next(address for address, raft in rafts.items() if raft.is_leader)
        await rafts.pop(leader).close()
        await until(lambda: any(raft.is_leader for raft in rafts.values()))
        committed = await next(iter(rafts.values())).propose("second")
        await until(lambda: all(raft.last_applied >= committed.index for raft in rafts.values()))
        for raft in rafts.values():
            await raft.close()
        await until_closed()

    asyncio.run(main())
