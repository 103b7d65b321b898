"""The far end of one link: what an application writes its transport into.

Its own file because it is the one class besides RaftInterface that applications
extend. It knows where the other server is and how to reach it; whether that is a
member, and what it said, is RaftInterface's to know.
"""

from __future__ import annotations

from typing import Any, Protocol


class Receiver(Protocol):
    """What a node needs from the server it belongs to."""

    @property
    def message_timeout(self) -> float:
        """How long to wait for an answer, in milliseconds."""

    def got_data(self, from_address: str, payload: Any) -> None:
        """Take in what arrived from `from_address`."""


class NodeInstance:
    """Another server, as this one reaches it. Subclasses implement `write`.

    Args:
        address: The other server's address.
        raft: The server on this side.
    """

    def __init__(self, address: str, raft: Receiver) -> None:
        self.address = address
        self.raft = raft

    def write(self, payload: Any) -> None:
        """Send `payload`, a JSON-serialisable list, to the server at `address`, once or never.

        It may be lost, delayed, repeated and reordered, but not changed. Raising
        counts as loss. A coroutine function will do as well.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement write(payload)")

    def got_data(self, payload: Any) -> None:
        """Take in a payload that the other server wrote; its work is queued until this has returned."""
        self.raft.got_data(self.address, payload)

    def close(self) -> None:
        """Free what the transport holds; called when the link is left or the server closed."""

    @property
    def message_timeout(self) -> float:
        """How long a command handed to this server, as the leader, may go unanswered, in milliseconds."""
        return self.raft.message_timeout

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address!r}>"
