"""webraft's README, its examples reconstructed: servers of one process, and their nodes."""

from tests.unit.in_process import Network, until
from webraft_web import NodeInstance, RaftInterface


class FooNode(NodeInstance):
    """The reconstructed example: a node writes into whatever transport there is."""

    def write(self, payload):
        self.raft.network.carry(self.raft.address, self.address, payload)


class FooRaft(RaftInterface):
    """The reconstructed example: a server says what its nodes are."""

    def __init__(self, network, address=None, **options):
        super().__init__(address, **options)
        self.network = network
        self.applied = []
        network.servers[self.address] = self

    def create_instance(self, address):
        return FooNode(address, self)

    def keep(self):
        def apply(entry, index, done):
            self.applied.append((entry, index))
            done()

        self.listen("apply", apply)
        return self

    @property
    def commands(self):
        return [entry for entry, _ in self.applied]


def servers(network, addresses="abc", kind=FooRaft):
    group = [kind(network, address) for address in addresses]
    for server in group:
        for address in addresses:
            server.join(address)
    return group


async def lone_server(kind=FooRaft, network=None):
    server = kind(network or Network(), "a", members=["a"])
    await until(lambda: server.is_leader)
    return server
