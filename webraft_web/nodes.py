"""Nodes ready to use in a subclass's `create_instance`: NodeInstance joined to a transport."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from webraft_web.core.errors import WebraftError
from webraft_web.node_instance import NodeInstance, Receiver
from webraft_web.transports.base import OnText, Transport
from webraft_web.transports.broadcast_channel import BroadcastChannelTransport

_logger = logging.getLogger("webraft_web")

OpenTransport = Callable[[str, str, OnText], Transport]
"""Opens an end: of the channel of this name, at this address, for this callback."""


class AddressedReceiver(Receiver, Protocol):
    """A server with an address to be written to; `RaftInterface` is one."""

    @property
    def address(self) -> str:
        """Its own address."""


class BroadcastChannelNode(NodeInstance):
    """A server in another tab or worker of this browser, reached over a BroadcastChannel.

        class TabRaft(RaftInterface):
            def create_instance(self, address):
                return BroadcastChannelNode(address, self)

    All nodes of one server share one end of the channel, which closes with the
    last of them.

    Args:
        address: The other server's address.
        raft: The server on this side.
        channel: Servers on channels of the same name hear each other.
        open_transport: What opens this server's end.
    """

    def __init__(
        self,
        address: str,
        raft: AddressedReceiver,
        *,
        channel: str = "webraft",
        open_transport: OpenTransport = BroadcastChannelTransport,
    ) -> None:
        super().__init__(address, raft)
        self._end: _SharedEnd | None = _SharedEnd.of(raft, channel, open_transport)
        self._end.users += 1

    def write(self, payload: Any) -> None:
        if self._end is not None:
            self._end.transport.send(self.address, json.dumps(payload, separators=(",", ":")))

    def close(self) -> None:
        if self._end is not None:
            end, self._end = self._end, None
            end.let_go()


class _SharedEnd:
    """One server's end of one channel, open while a node uses it."""

    _open: ClassVar[dict[tuple[Receiver, str], _SharedEnd]] = {}

    @classmethod
    def of(cls, raft: AddressedReceiver, channel: str, open_transport: OpenTransport) -> _SharedEnd:
        key = (raft, channel)
        if key not in cls._open:
            cls._open[key] = cls(raft, channel, open_transport)
        return cls._open[key]

    def __init__(self, raft: AddressedReceiver, channel: str, open_transport: OpenTransport) -> None:
        self.users = 0
        self._raft = raft
        self._channel = channel
        self.transport = open_transport(channel, raft.address, self._heard)

    def let_go(self) -> None:
        self.users -= 1
        if self.users == 0:
            self.transport.close()
            del self._open[self._raft, self._channel]

    def _heard(self, sender: str, text: str) -> None:
        deliver(self._raft, sender, text)


def deliver(raft: AddressedReceiver, sender: str, text: str) -> None:
    """Hand a server what the one at `sender` wrote."""
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        payload = None  # as wrong as any other payload; the server counts it
    try:
        raft.got_data(sender, payload)
    except WebraftError as error:
        _logger.warning("%s sent what cannot be used: %s", sender, error)
