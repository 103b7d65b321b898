"""The rooms that a process takes part in, kept in a directory each process has for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from webraft_web.core.errors import ConfigError
from webraft_web.document import SharedDocument
from webraft_web.peer.platform import ProcessPlatform
from webraft_web.site.connection import Connection
from webraft_web.site.invitation import Invitation, read_link
from webraft_web.site.page import Page, document_of
from webraft_web.transports.signaling.base import Strategy
from webraft_web.transports.webrtc.mesh import Mesh
from webraft_web.transports.webrtc.opening import check_servers, open_page_mesh

STORE: Final = "webraft-rooms"
"""Where rooms are kept if nothing else is said: a directory in the current one."""


class Process:
    """The rooms of one directory.

    Args:
        store: The directory.

    Attributes:
        platform: What stands for a page.
        page: Its rooms.
        meshes: The links of each room that has them.
    """

    def __init__(self, store: Path) -> None:
        self.platform = ProcessPlatform(store)
        self.page = Page(self.platform, self._open_mesh, check_servers)
        self.meshes: dict[str, Mesh] = {}

    async def enter(
        self,
        name: str | None,
        *,
        link: str | None,
        initial: Any,
        signaling: Sequence[str | Strategy],
        secret: str | None,
        ice_servers: Sequence[Mapping[str, Any]] | None,
        voters: int,
        may_found: bool,
    ) -> Connection:
        """Begin to join a room; see `join_room` of this module."""
        room, invitation = (name, Invitation()) if link is None else read_link(link)
        if room is None:
            raise ConfigError("which room? It takes a link, or the room's name")
        if name not in {None, room}:
            raise ConfigError(f"the link invites to room {room!r}, not to {name!r}; give one of the two")
        if not signaling:
            raise ConfigError(
                "a process meets browsers at signalling servers, and none was given: signaling takes "
                'the URLs that the browsers use, as ["wss://…"]'
            )
        return await self.page.enter_room(
            room,
            initial=initial,
            signaling=signaling,
            secret=secret or invitation.secret,
            ice_servers=ice_servers,
            voters=voters,
            invitation=invitation,
            may_found=may_found,
            is_always_on=True,
        )

    async def say_goodbye(self) -> None:
        """Leave all rooms so that others go on; return when they have heard it, or cannot."""
        self.platform.leave()
        self.page.close()
        if self.meshes:
            from webraft_web.transports.webrtc.native_connections import (  # noqa: PLC0415 - an optional extra
                until_closed,
            )

            await until_closed()
        self.meshes.clear()

    def _open_mesh(self, room: str, secret: str, **options: Any) -> Awaitable[Mesh]:
        opening = open_page_mesh(room, secret, **options)

        async def open_mesh() -> Mesh:
            self.meshes[room] = mesh = await opening
            return mesh

        return open_mesh()


async def join_room(
    name: str | None = None,
    *,
    store: str | Path = STORE,
    link: str | None = None,
    initial: Any = None,
    signaling: Sequence[str | Strategy] = (),
    secret: str | None = None,
    ice_servers: Sequence[Mapping[str, Any]] | None = None,
    voters: int = 5,
    may_found: bool = False,
) -> SharedDocument:
    """Take part in a room of browsers, and share its document; like `webraft_web.join_room`, in plain Python.

    Returns once the document is here. That takes somebody else who holds the room
    the first time, and is waited for: a process does not begin a room that it was to
    keep, unless it is told to. Before the program ends, `say_goodbye`.

    Args:
        name: The room's name; None for that of the link.
        store: The directory where rooms are kept, of this process alone.
        link: An invitation (see `SharedDocument.invite_link`): it has room and secret.
        initial: See `webraft_web.join_room`.
        signaling: See there; at least one.
        secret: See there; by default what the link says.
        ice_servers: See there.
        voters: See there.
        may_found: Whether to begin the room if for some seconds nobody is found who holds it.

    Raises:
        BadArgumentError: If the name cannot be one, or JSON cannot carry `initial`.
        ConfigError: If an option cannot be honoured, or a package of the extra `peer` is missing.
        StorageError: If the directory cannot be used, or another process uses the room in it.
    """
    connection = await _process(store).enter(
        name,
        link=link,
        initial=initial,
        signaling=signaling,
        secret=secret,
        ice_servers=ice_servers,
        voters=voters,
        may_found=may_found,
    )
    return await document_of(connection)


async def list_rooms(*, store: str | Path = STORE) -> list[str]:
    """Return the names of the rooms that are kept in a directory, sorted."""
    return await _process(store).page.list_rooms()


async def export_room(name: str, *, store: str | Path = STORE) -> str:
    """Return all that is kept of a room as JSON text; see `webraft_web.export_room`."""
    return await _process(store).page.export_room(name)


async def delete_room(name: str, *, store: str | Path = STORE) -> None:
    """Delete a room from a directory, and end it in this process; see `webraft_web.delete_room`.

    Raises:
        StorageError: If another process has it.
    """
    await _process(store).page.delete_room(name)


async def say_goodbye() -> None:
    """Leave all rooms as a page does that is closed, so that others go on; return when they have heard it.

    What is pending raises OutcomeUnknownError; the rooms can be joined again.
    """
    for process in _processes.pop(asyncio.get_running_loop(), {}).values():
        await process.say_goodbye()


_processes: dict[asyncio.AbstractEventLoop, dict[Path, Process]] = {}


def _process(store: str | Path) -> Process:
    path = Path(store).resolve()
    processes = _processes.setdefault(asyncio.get_running_loop(), {})
    if path not in processes:
        processes[path] = Process(path)
    return processes[path]
