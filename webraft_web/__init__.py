"""Raft consensus in the browser: tabs and browsers share one document, or one log.

`join_room` gives a shared document in two lines. `RaftInterface` and
`NodeInstance` are webraft's API, for applications with a transport and a state
of their own. Names are imported when they are first used, so that importing the
package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from webraft_web.core.entry import Committed as Committed
    from webraft_web.core.errors import AuthenticationError as AuthenticationError
    from webraft_web.core.errors import BadArgumentError as BadArgumentError
    from webraft_web.core.errors import ClusterConflictError as ClusterConflictError
    from webraft_web.core.errors import ConfigError as ConfigError
    from webraft_web.core.errors import FencedError as FencedError
    from webraft_web.core.errors import LocalProtocolError as LocalProtocolError
    from webraft_web.core.errors import NotLeaderError as NotLeaderError
    from webraft_web.core.errors import OutcomeUnknownError as OutcomeUnknownError
    from webraft_web.core.errors import OverloadedError as OverloadedError
    from webraft_web.core.errors import PatchConflictError as PatchConflictError
    from webraft_web.core.errors import RemoteProtocolError as RemoteProtocolError
    from webraft_web.core.errors import StorageError as StorageError
    from webraft_web.core.errors import TransportError as TransportError
    from webraft_web.core.errors import WebraftError as WebraftError
    from webraft_web.document.shared import SharedDocument as SharedDocument
    from webraft_web.emitter import Emitter as Emitter
    from webraft_web.handlers import LocalStorageHandlers as LocalStorageHandlers
    from webraft_web.interface import RaftInterface as RaftInterface
    from webraft_web.node_instance import NodeInstance as NodeInstance
    from webraft_web.nodes import BroadcastChannelNode as BroadcastChannelNode
    from webraft_web.room import delete_room as delete_room
    from webraft_web.room import export_room as export_room
    from webraft_web.room import join_room as join_room
    from webraft_web.room import list_rooms as list_rooms
    from webraft_web.storage.memory import MemoryStorage as MemoryStorage
    from webraft_web.transports.keys import new_secret as new_secret
    from webraft_web.transports.webrtc.by_hand import CopyAndPaste as CopyAndPaste
    from webraft_web.webrtc_node import WebRTCNode as WebRTCNode

_MODULES = {
    "core.entry": ["Committed"],
    "core.errors": [
        "AuthenticationError",
        "BadArgumentError",
        "ClusterConflictError",
        "ConfigError",
        "FencedError",
        "LocalProtocolError",
        "NotLeaderError",
        "OutcomeUnknownError",
        "OverloadedError",
        "PatchConflictError",
        "RemoteProtocolError",
        "StorageError",
        "TransportError",
        "WebraftError",
    ],
    "document.shared": ["SharedDocument"],
    "emitter": ["Emitter"],
    "handlers": ["LocalStorageHandlers"],
    "interface": ["RaftInterface"],
    "node_instance": ["NodeInstance"],
    "nodes": ["BroadcastChannelNode"],
    "room": ["delete_room", "export_room", "join_room", "list_rooms"],
    "storage.memory": ["MemoryStorage"],
    "transports.keys": ["new_secret"],
    "transports.webrtc.by_hand": ["CopyAndPaste"],
    "webrtc_node": ["WebRTCNode"],
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__version__ = "0.1.0"
__all__ = [*_MODULE_OF]  # noqa: PLE0604 - the table above is checked against it by a test


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *_MODULE_OF})
