"""The far end of a link: where it is, how it is written to, and where its payloads go."""

import pytest

from webraft_web import NodeInstance


class Receiver:
    message_timeout = 1234

    def __init__(self):
        self.got = []

    def got_data(self, from_address, payload):
        self.got.append((from_address, payload))


def test_what_a_node_gets_goes_to_its_server_with_its_address():
    """So that a transport needs to know the node only."""
    raft = Receiver()
    node = NodeInstance("b", raft)
    node.got_data(["payload"])
    assert raft.got == [("b", ["payload"])]
    assert (node.address, node.raft) == ("b", raft)


def test_write_has_to_be_implemented():
    """The error names the class that lacks it."""

    class Mute(NodeInstance):
        pass

    with pytest.raises(NotImplementedError, match="Mute must implement write"):
        Mute("b", Receiver()).write([])


def test_message_timeout_is_the_servers_until_it_is_overridden():
    """One property for all links, or another for each."""

    class Slow(NodeInstance):
        message_timeout = property(lambda _: 9000)

    assert NodeInstance("b", Receiver()).message_timeout == 1234
    assert Slow("b", Receiver()).message_timeout == 9000


def test_a_node_shows_its_address():
    """In logs and debuggers."""
    assert repr(NodeInstance("b", Receiver())) == "<NodeInstance 'b'>"
