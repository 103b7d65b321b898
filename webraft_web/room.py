"""Rooms, as a page uses them: `join_room`, `list_rooms`, `export_room`, `delete_room`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from webraft_web.core.errors import ConfigError
from webraft_web.document import SharedDocument
from webraft_web.site.network import Mesh
from webraft_web.site.page import Page

if TYPE_CHECKING:
    from webraft_web.transports.signaling.base import Strategy  # which a room of one browser does without
    from webraft_web.transports.webrtc.by_hand import CopyAndPaste


async def join_room(
    name: str,
    *,
    initial: Any = None,
    signaling: Sequence[str | Strategy | CopyAndPaste] = (),
    secret: str | None = None,
    ice_servers: Sequence[Mapping[str, Any]] | None = None,
    voters: int = 5,
    storage: str = "indexeddb",
) -> SharedDocument:
    """Share a document with all tabs that join the room `name`: of this browser, or with `signaling` of any.

    Returns once what this browser has committed is applied here; it waits for
    no other browser if this one holds the room already. If it does not, it looks
    for others for some seconds before it begins the room; where the page was
    opened by an invitation (see `SharedDocument.invite_link`), it waits for
    those who invited. Joining again in one page gives an independent handle on
    the same connection.

    Args:
        name: 1 to 256 characters. Rooms belong to an origin.
        initial: The document of a room that does not exist yet, None for `{}`;
            ignored if the room exists.
        signaling: Where browsers find each other: URLs of servers, such as "wss://…" for one of
            y-webrtc's protocol, strategies of your own, or `CopyAndPaste()`, which does without a
            server. They learn neither name nor contents.
            Empty for a room of this browser alone.
        secret: What browsers prove to one another, from `new_secret()`; "public" for a room that is
            open to whoever knows its name. By default what the invitation says that the page was opened by.
        ice_servers: STUN and TURN servers, as RTCPeerConnection takes them: [{"urls": "stun:…"}].
            Without any, browsers find each other within a local network only.
        voters: How many browsers vote at most, 1 to 9.
        storage: "indexeddb", or "memory" for a room that lives while a tab is open.

    Raises:
        BadArgumentError: If the name cannot be one, or JSON cannot carry `initial`.
        ConfigError: If an option cannot be honoured, here or at all, or differs from
            the one that this page joined the room with. In a worker: also if no page lends it WebRTC.
        StorageError: If IndexedDB is missing or broken.
    """
    return await _this_page().join_room(
        name,
        initial=initial,
        signaling=signaling,
        secret=secret,
        ice_servers=ice_servers,
        voters=voters,
        storage=storage,
    )


async def list_rooms() -> list[str]:
    """Return the names of the rooms that this browser keeps for this origin, sorted.

    Rooms in memory are not among them: no browser keeps those.

    Raises:
        StorageError: If IndexedDB is missing or broken.
    """
    return await _this_page().list_rooms()


async def export_room(name: str) -> str:
    """Return all that this browser keeps of a room as JSON text, also where it is too damaged to be joined.

    For people and files: an object with the newest `document` that can be read, its `source`
    ("journal" or "localStorage") and its `index` in the log; the `problems` that were found; and
    every record of the journal as it stands, for whoever knows more. Nothing is changed. What an
    open document shows is to be had by `SharedDocument.export`.

    Raises:
        StorageError: If there is no such room, or IndexedDB is missing or broken.
    """
    return await _this_page().export_room(name)


async def delete_room(name: str) -> None:
    """Delete a room and its document in this browser, and end it in all tabs that have it open.

    Calls that are pending there raise OutcomeUnknownError. Of rooms in memory nothing is kept
    that could be deleted: they end with their last tab, or by `SharedDocument.leave_room`.

    Raises:
        StorageError: If IndexedDB is missing or broken, or a page that hangs holds the room open:
            then it goes once that page wakes or is closed.
    """
    await _this_page().delete_room(name)


@cache
def _this_page() -> Page:
    is_browser = sys.platform == "emscripten"
    if not is_browser:
        raise ConfigError(
            "rooms live in a browser's tabs, and this is not a browser (no Pyodide). A Python process takes "
            "part in a room across browsers as an always-on peer: python -m webraft_web.peer ROOM "
            "--signaling wss://…, or webraft_web.peer.join_room (pip install 'webraft_web[peer]'); "
            "in a cluster of its own kind, with webraft_web.RaftInterface"
        )
    from webraft_web._browser import BrowserPlatform  # noqa: PLC0415 - exists in a browser alone

    return Page(BrowserPlatform(), _open_mesh, _check_servers)


def _open_mesh(*arguments: Any, **options: Any) -> Awaitable[Mesh]:
    """Open a mesh by WebRTC, which a page of a room of one browser does not import."""
    from webraft_web.transports.webrtc.opening import open_page_mesh  # noqa: PLC0415 - see above

    return open_page_mesh(*arguments, **options)


def _check_servers(**servers: Any) -> Awaitable[None]:
    from webraft_web.transports.webrtc.opening import check_servers  # noqa: PLC0415 - see above

    return check_servers(**servers)
