"""A page's mesh from what an application says: a room, its secret, and servers to meet at."""

from __future__ import annotations

import random
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from webraft_web import _browser
from webraft_web.clock import Clock
from webraft_web.core.errors import ConfigError, WebraftError
from webraft_web.transports.keys import derive_keys
from webraft_web.transports.signaling.base import Strategy
from webraft_web.transports.signaling.meeting import Meeting
from webraft_web.transports.signaling.strategies import strategy_for
from webraft_web.transports.webrtc.by_hand import CopyAndPaste
from webraft_web.transports.webrtc.connections import default_connections
from webraft_web.transports.webrtc.link import Link
from webraft_web.transports.webrtc.mesh import Mesh


class OpenMesh(Protocol):
    """Begins to open a mesh; `open_page_mesh` does."""

    def __call__(
        self,
        room: str,
        secret: str,
        *,
        signaling: Iterable[str | Strategy | CopyAndPaste],
        ice_servers: Iterable[Mapping[str, Any]],
        claim: Callable[[], str],
        on_link: Callable[[Link], None],
        on_error: Callable[[WebraftError], None],
    ) -> Awaitable[Mesh]:
        """Check the arguments at once, and give the mesh later."""


async def check_servers(
    *, signaling: Iterable[str | Strategy | CopyAndPaste], ice_servers: Iterable[Mapping[str, Any]]
) -> None:
    """Make sure that a mesh could be opened with these servers.

    Raises:
        ConfigError: If it could not.
    """
    connections = default_connections(ice_servers)
    _strategies(signaling, _browser.default_clock(), random.Random())  # noqa: S311 - nothing is opened
    await connections.check()


def open_page_mesh(
    room: str,
    secret: str,
    *,
    signaling: Iterable[str | Strategy | CopyAndPaste],
    ice_servers: Iterable[Mapping[str, Any]],
    claim: Callable[[], str],
    on_link: Callable[[Link], None],
    on_error: Callable[[WebraftError], None],
    relay_only: bool = False,
) -> Awaitable[Mesh]:
    """Check the arguments at once, and give this page's mesh once the keys are derived.

    Args:
        room: Its name.
        secret: Of those who belong to it; see `transports.keys.derive_keys`.
        signaling: Servers to meet at, see `strategy_for`, or `CopyAndPaste`.
        ice_servers: See `BrowserPeerConnections`.
        claim: See `Mesh`, as for the two callbacks.
        on_link: Gets each link.
        on_error: Gets each error.
        relay_only: See `BrowserPeerConnections`.

    Raises:
        ConfigError: If there is no WebRTC here, or something is not what it should be; for the
            secret it is the awaitable that raises.
    """
    connections = default_connections(ice_servers, relay_only=relay_only)
    clock = _browser.default_clock()
    servers = list(signaling)
    chance = random.Random(secrets.randbits(64))  # noqa: S311 - it only spreads announcements
    by_hand = [one for one in servers if isinstance(one, CopyAndPaste)]
    strategies = _strategies(servers, clock, chance)

    async def open_mesh() -> Mesh:
        try:
            await connections.check()
        except ConfigError as error:
            on_error(error)  # a worker's links are tried all the same: another page may lend to it soon
        keys = await derive_keys(secret, room)
        page = secrets.token_hex(16)
        open_meeting = partial(Meeting, strategies, keys, page, clock, chance, on_state=lambda: None)
        mesh = Mesh(
            open_meeting if strategies else None,
            keys,
            page,
            claim,
            connections,
            clock,
            on_link=on_link,
            on_error=on_error,
        )
        for one in by_hand:
            one.attach(mesh)
        return mesh

    return open_mesh()


def _strategies(
    servers: Iterable[str | Strategy | CopyAndPaste], clock: Clock, chance: random.Random
) -> list[Strategy]:
    return [strategy_for(one, clock, chance) for one in servers if not isinstance(one, CopyAndPaste)]
