"""RaftInterface servers over a simulated network in virtual time: real servers, a fake link."""

import asyncio
import json
import random

from webraft_web import MemoryStorage, NodeInstance, RaftInterface
from webraft_web.storage.base import Batch, Identity


class Network:
    """Delivers JSON text between servers, later or never.

    Args:
        seed: Of delays and losses.
        delay_ms: The least and the greatest delay.
        loss: The share of payloads that get lost.
        is_synchronous: Deliver within `write`, at once.
    """

    def __init__(self, seed=0, *, delay_ms=(1, 5), loss=0.0, is_synchronous=False):
        self.random = random.Random(seed)
        random.seed(seed)  # which timeouts come from
        self.delay_ms = delay_ms
        self.loss = loss
        self.is_synchronous = is_synchronous
        self.servers = {}
        self.blocked = set()
        self.sent = 0

    def partition(self, *groups):
        """Let servers reach those of their own group only."""
        self.heal()
        group_of = {address: number for number, group in enumerate(groups) for address in group}
        self.blocked = {
            (one, other)
            for one in self.servers
            for other in self.servers
            if group_of.get(one, one) != group_of.get(other, other)
        }

    def isolate(self, *addresses):
        """Let nobody reach these servers, nor they each other."""
        self.partition(
            [address for address in self.servers if address not in addresses], *([a] for a in addresses)
        )

    def heal(self):
        self.blocked = set()

    def carry(self, sender, receiver, payload):
        self.sent += 1
        text = json.dumps(payload)
        if self.is_synchronous:
            self._deliver(sender, receiver, text)
        elif self.random.random() >= self.loss:
            delay_s = self.random.uniform(*self.delay_ms) / 1000
            asyncio.get_running_loop().call_later(delay_s, self._deliver, sender, receiver, text)

    def _deliver(self, sender, receiver, text):
        server = self.servers.get(receiver)
        if server is not None and (sender, receiver) not in self.blocked:
            server.got_data(sender, json.loads(text))


class NetworkNode(NodeInstance):
    def write(self, payload):
        self.raft.network.carry(self.raft.address, self.address, payload)


class Server(RaftInterface):
    """A server on a network; it keeps what its handlers got in `applied` and `updates`."""

    def __init__(self, network, address, *, storage=None, members=None):
        self.network = network
        self.storage = storage or fresh_storage(address, network.random)
        super().__init__(address, storage=self.storage, members=members)
        network.servers[address] = self
        self.applied = []
        self.updates = []
        self.errors = []
        self.events = []
        self.linked = []
        self.listen("apply", self._apply)
        self.listen("updated", self.updates.append)
        self.listen("error", self.errors.append)
        for event in ("leader", "candidate", "follower", "heartbeat timeout", "start election"):
            self.listen(event, lambda event=event: self.events.append(event))

    def create_instance(self, address):
        return NetworkNode(address, self)

    def _apply(self, entry, index, done):
        self.applied.append((index, entry))
        done()

    @property
    def commands(self):
        return [command for _, command in self.applied]

    def crash(self):
        self.linked = list(self.nodes) or self.linked
        self.network.servers.pop(self.address, None)
        self.close()

    def restart(self, *, has_storage=True):
        """Return the server that comes back at this address, linked as this one was."""
        self.crash()
        server = type(self)(self.network, self.address, storage=self.storage if has_storage else None)
        for address in self.linked:
            server.join(address)
        return server


def fresh_storage(address, source):
    """Return the storage of a server that never ran, with an incarnation that the seed decides."""
    storage = MemoryStorage()
    storage.persist(Batch(identity=Identity(address, f"{source.getrandbits(64):016x}")), lambda _: None)
    return storage


def servers(network, *addresses, server_class=Server, **options):
    """Return linked servers at these addresses."""
    result = [server_class(network, address, **options) for address in addresses]
    join_all(result)
    return result


def join_all(group):
    """Link every two of these servers that are not linked yet."""
    for server in group:
        for other in group:
            if other is not server and other.address not in server.nodes:
                server.join(other.address)


async def until(condition, seconds=30.0):
    """Wait until `condition()` holds; return what it returned."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        if result := condition():
            return result
        await asyncio.sleep(0.005)
    raise AssertionError(f"waited {seconds} virtual seconds in vain")


def leaders(group):
    return [server for server in group if server.is_leader]


async def leader_of(group, *, voters=None):
    """Wait until these servers, and all `voters` of them, agree on one leader."""

    def agreed():
        found = leaders(group)
        if len(found) != 1 or any(server.leader_id != found[0].address for server in group):
            return None
        count = list(found[0].members.values()).count("voter")
        return found[0] if voters is None or count == voters else None

    return await until(agreed)
