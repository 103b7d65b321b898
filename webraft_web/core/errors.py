"""Every error that this package raises, by whose fault it is.

The tree lives with the core because the core is the lowest layer and raises
some of them; `webraft_web` re-exports all of them. A message says what was
seen, what was expected and what to do.
"""

from typing import Any


class WebraftError(Exception):
    """Anything this package raises on purpose."""


class LocalProtocolError(WebraftError):
    """This program called the package wrongly, or at the wrong time."""


class BadArgumentError(LocalProtocolError, ValueError):
    """An argument cannot be right, whatever the state: also a ValueError."""


class ConfigError(WebraftError, ValueError):
    """Options that contradict each other, or that this environment cannot honour."""


class RemoteProtocolError(WebraftError):
    """A peer, a channel or a store sent nonsense: counted and logged, never a crash."""


class NotLeaderError(WebraftError):
    """The command was certainly not appended, because no leader could be reached.

    Args:
        message: What was seen and what to do.
        leader_hint: Address of the server that may lead (§6.2), or None.
    """

    def __init__(self, message: str = "no leader is known", leader_hint: str | None = None) -> None:
        super().__init__(message)
        self.leader_hint = leader_hint


class OutcomeUnknownError(WebraftError):
    """The command may or may not take effect; only reading the state can tell."""


class OverloadedError(WebraftError):
    """More uncommitted bytes are waiting than allowed; nothing was appended."""


class PatchConflictError(WebraftError):
    """An operation of a patch could not apply; the document is untouched, everywhere alike.

    Args:
        message: What was seen and what was expected.
        op: The RFC 6902 operation that failed, or None if none can be named.
        path: Its JSON Pointer, or None.
    """

    def __init__(self, message: str, op: dict[str, Any] | None = None, path: str | None = None) -> None:
        super().__init__(message)
        self.op = op
        self.path = path


class ClusterConflictError(WebraftError):
    """Two clusters with data of their own met; they never merge by themselves.

    Fields:
        cluster_id: The other cluster, which `yield_to` takes; None where yielding is not the remedy.
    """

    def __init__(self, message: str, cluster_id: str | None = None) -> None:
        super().__init__(message)
        self.cluster_id = cluster_id


class StorageError(WebraftError):
    """The store is missing, full, broken or lost; the message says which."""


class FencedError(StorageError):
    """Another runner of the same server took the store over; this one must stop."""


class TransportError(WebraftError):
    """A channel could not be opened, or broke while in use."""


class AuthenticationError(WebraftError):
    """A peer could not prove that it belongs to the room."""
