"""All rooms of one page: at most one connection to each, however many handles are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from webraft_web.core.errors import BadArgumentError, ConfigError, StorageError
from webraft_web.document import SharedDocument, genesis_command
from webraft_web.site import protocol
from webraft_web.site.connection import Connection
from webraft_web.site.invitation import Invitation, read_invitation
from webraft_web.site.mirror import mirror_key
from webraft_web.site.network import NetworkOptions, OpenMesh, open_network
from webraft_web.site.options import RoomOptions, channel_of, scope_of
from webraft_web.site.platform import Platform
from webraft_web.site.tabs import tab_locks_of

MAX_NAME_SIZE: Final = 256
MAX_VOTERS: Final = 9
STORAGES: Final = ("indexeddb", "memory")
LEAVE_WITHIN_MS: Final = 1000
LOOK_EVERY_MS: Final = 20


class _Options(NamedTuple):
    """What a room is joined with (`initial` is not among it: it may be ignored)."""

    network: NetworkOptions
    voters: int
    storage: str


class _Joined(NamedTuple):
    """A connection, and the options that it was made with."""

    connection: Connection
    options: _Options


class Page:
    """One page that takes part in rooms.

    Args:
        platform: What the page offers.
        open_mesh: Links it with pages of other browsers.
        check_servers: Raises ConfigError if it could not, given the `signaling` and `ice_servers`: for a
            worker that takes a moment.
    """

    def __init__(
        self,
        platform: Platform,
        open_mesh: OpenMesh,
        check_servers: Callable[..., Awaitable[None]] | None = None,
    ) -> None:
        self._platform = platform
        self._open_mesh = open_mesh
        self._check_servers = check_servers
        self._rooms: dict[str, _Joined] = {}

    async def join_room(self, name: str, **options: Any) -> SharedDocument:
        """Join a room, with the options of `enter_room`; see `webraft_web.join_room`."""
        return await document_of(await self.enter_room(name, **options))

    async def enter_room(
        self,
        name: str,
        *,
        initial: Any = None,
        signaling: Sequence[Any] = (),
        secret: str | None = None,
        ice_servers: Sequence[Mapping[str, Any]] | None = None,
        voters: int = 5,
        storage: str = "indexeddb",
        invitation: Invitation | None = None,
        may_found: bool = True,
        is_always_on: bool = False,
    ) -> Connection:
        """Begin to join a room, and return the connection, which has one handle more to be released.

        Args:
            name: See `webraft_web.join_room`, as for those that are not below.
            initial: See there.
            signaling: See there.
            secret: See there.
            ice_servers: See there.
            voters: See there.
            storage: See there.
            invitation: What a link says about the room, if it is not the page's own.
            may_found: Whether to begin the room where nobody else is found who holds it.
            is_always_on: Whether this page stays when others go, and so had better lead.
        """
        _check_name(name)
        genesis = genesis_command({} if initial is None else initial)
        _check_options(voters, storage)
        invitation = invitation or read_invitation(self._platform.page_fragment(), name)
        if signaling and secret is None:
            secret = invitation.secret
        network = NetworkOptions.of(signaling, secret, ice_servers)
        options = _Options(network, voters, storage)
        self._check_platform(storage)
        if network.signaling and self._check_servers is not None:
            await self._check_servers(signaling=network.signaling, ice_servers=network.ice_servers)
        joined = self._rooms.get(name)
        if joined is None:
            room_options = RoomOptions(
                name,
                genesis,
                is_durable=storage == "indexeddb",
                max_voters=voters,
                open_network=open_network(name, network, self._open_mesh),
                invited_to=invitation.cluster if signaling else "",
                secret=secret,
                may_found=may_found,
                is_always_on=is_always_on,
            )
            joined = self._connect(options, room_options)
        elif joined.options != options:
            known = joined.options
            raise ConfigError(
                f"this page is in room {name!r} already, with voters={known.voters}, "
                f"storage={known.storage!r} and signaling={list(known.network.signaling)!r}; "
                "join with the same options, or close that handle first"
            )
        joined.connection.handles += 1
        return joined.connection

    def close(self) -> None:
        """End all connections; their handles have nothing more to do."""
        for joined in list(self._rooms.values()):
            joined.connection.close()

    async def list_rooms(self) -> list[str]:
        """Return the names of the rooms that this browser keeps."""
        self._check_platform("indexeddb")
        return await self._platform.list_journals()

    async def export_room(self, name: str) -> str:
        """Return all that this browser keeps of a room; see `webraft_web.export_room`."""
        from webraft_web.site.export import export_text  # noqa: PLC0415 - hardly any page does this

        _check_name(name)
        self._check_platform("indexeddb")
        records = await self._platform.dump_journal(name)
        mirror = self._platform.mirror_get(mirror_key(name))
        if records is None and mirror is None:
            raise StorageError(f"this browser keeps no room {name!r}; list_rooms() returns those it keeps")
        return export_text(name, records or [], mirror)

    async def delete_room(self, name: str) -> None:
        """Delete a room in this browser, and end it in all its tabs."""
        _check_name(name)
        self._check_platform("indexeddb")
        await self._delete(name, storage="indexeddb")

    async def _delete(self, name: str, *, storage: str) -> None:
        is_durable = storage == "indexeddb"
        scope = scope_of(name, is_durable=is_durable)
        self._have_forgotten(name, storage, scope)
        if is_durable:
            await self._emptied(scope)
            self._have_forgotten(name, storage, scope)  # by those who have joined meanwhile, too
            self._platform.mirror_remove(mirror_key(name))
            await self._platform.delete_journal(name)

    def _have_forgotten(self, name: str, storage: str, scope: str) -> None:
        """Tell all tabs to end the room."""
        own = self._rooms.get(name)
        if own is not None and own.options.storage == storage:
            own.connection.forget()
        else:
            channel = self._platform.open_channel(channel_of(scope), _ignore)
            channel.post(protocol.encode("page", protocol.Forget()))
            channel.close()

    async def _emptied(self, scope: str) -> None:
        """Wait until all tabs have left the room, or one of them would begin it anew.

        One that hangs is not waited for long.
        """
        is_empty = False

        def answered(names: list[str]) -> None:
            nonlocal is_empty
            is_empty = not names

        for _ in range(LEAVE_WITHIN_MS // LOOK_EVERY_MS):
            self._platform.query_locks(tab_locks_of(scope), answered)
            await asyncio.sleep(LOOK_EVERY_MS / 1000)
            if is_empty:
                return

    def _connect(self, options: _Options, room_options: RoomOptions) -> _Joined:
        name = room_options.room

        def on_over() -> None:
            # A successor may have its place already.
            if self._rooms.get(name) is joined:
                del self._rooms[name]

        connection = Connection(
            self._platform,
            room_options,
            on_over=on_over,
            delete_room=partial(self._delete, name, storage=options.storage),
        )
        joined = _Joined(connection, options)
        self._rooms[name] = joined
        return joined

    def _check_platform(self, storage: str) -> None:
        if not self._platform.has_locks:
            raise ConfigError(
                "this page has no Web Locks, which browsers offer to secure origins alone: "
                "serve it over https, or from localhost"
            )
        if storage == "indexeddb" and not self._platform.has_journals:
            raise StorageError(
                "this page has no IndexedDB to keep a room in; "
                'storage="memory" keeps it for as long as a tab is open'
            )


async def document_of(connection: Connection) -> SharedDocument:
    """Return a handle on a room that was entered, once it is joined; let go of it if it never is."""
    try:
        await connection.joined()
    except BaseException:
        await connection.release()
        raise
    return SharedDocument(connection.client)


def _ignore(_text: str) -> None:
    """Hear nothing: the channel was opened to speak."""


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_SIZE:
        raise BadArgumentError(
            f"a room's name is a string of 1 to {MAX_NAME_SIZE} characters, not {str(name)[:80]!r}"
        )
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise BadArgumentError(f"a room's name must be valid Unicode: {name[:80]!r}") from error


def _check_options(voters: object, storage: object) -> None:
    if type(voters) is not int or not 1 <= voters <= MAX_VOTERS:
        raise ConfigError(f"voters is a number from 1 to {MAX_VOTERS}, not {str(voters)[:80]!r}")
    if storage not in STORAGES:
        raise ConfigError(f"storage is one of {STORAGES}, not {str(storage)[:80]!r}")
