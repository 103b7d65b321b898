"""How a room of several browsers is opened: what was asked for, checked, and the links in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from webraft_web.core.errors import ConfigError, TransportError, WebraftError

if TYPE_CHECKING:
    from webraft_web.site.neighbours import Link, Network, OpenNetwork  # which is the server's

PUBLIC: Final = "public"
"""In place of a secret: whoever knows the room's name may join. It has to be asked for by this name."""
_PUBLIC_SECRET: Final = "webraft_web: a public room, for whoever knows its name"  # noqa: S105 - it is none


class Mesh(Protocol):
    """Links with the other pages of a room; `transports.webrtc.Mesh` is one."""

    def close(self) -> None:
        """Say goodbye to all."""


class OpenMesh(Protocol):
    """See `transports.webrtc.opening.OpenMesh`."""

    def __call__(
        self,
        room: str,
        secret: str,
        *,
        signaling: Iterable[Any],
        ice_servers: Iterable[Mapping[str, Any]],
        claim: Callable[[], str],
        on_link: Callable[[Any], None],
        on_error: Callable[[WebraftError], None],
    ) -> Awaitable[Mesh]: ...


class NetworkOptions(NamedTuple):
    """What a page asked for.

    Fields:
        signaling: Servers to meet at, by URL, or strategies; none for a room of this browser alone.
        secret: What browsers prove to one another, `PUBLIC`, or None.
        ice_servers: STUN and TURN servers, as WebRTC has them.
    """

    signaling: tuple[Any, ...] = ()
    secret: str | None = None
    ice_servers: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, signaling: object, secret: object, ice_servers: object) -> NetworkOptions:
        """Check what a page asked for.

        Raises:
            ConfigError: If it makes no sense, or would leave a room open to anybody without saying so.
        """
        if isinstance(signaling, str) or not isinstance(signaling, Sequence):
            raise ConfigError(f"signaling is a list of servers' URLs, not {str(signaling)[:80]!r}")
        if secret is not None and not isinstance(secret, str):
            raise ConfigError(f"a secret is a string, got {type(secret).__name__}")
        if ice_servers is None:
            ice_servers = ()
        if not isinstance(ice_servers, Sequence) or not all(isinstance(one, Mapping) for one in ice_servers):
            raise ConfigError(
                "ice_servers is a list of dicts, each with urls, as RTCPeerConnection takes them"
            )
        if not signaling and (secret is not None or ice_servers):
            raise ConfigError(
                "secret and ice_servers are for rooms across browsers, which need a server to meet at: "
                'give signaling=["wss://…"] as well, or neither'
            )
        if signaling and secret is None:
            raise ConfigError(
                "a room across browsers needs a secret, or whoever guesses its name could read and change "
                f"it: let webraft_web.new_secret() make one; for a room that is open to all, say {PUBLIC!r}"
            )
        if secret is not None and secret != PUBLIC:
            from webraft_web.transports.keys import check_secret  # noqa: PLC0415 - most rooms have none

            check_secret(secret)
        return cls(tuple(signaling), secret, tuple(ice_servers))


def open_network(room: str, options: NetworkOptions, open_mesh: OpenMesh) -> OpenNetwork | None:
    """Return what opens the links of a room; None for a room of this browser alone."""
    if not options.signaling:
        return None
    secret = _PUBLIC_SECRET if options.secret == PUBLIC else options.secret or ""

    def begin(
        claim: str,
        on_link: Callable[[Link], None],
        on_error: Callable[[WebraftError], None],
        on_failed: Callable[[TransportError], None],
    ) -> Network:
        begin_mesh = partial(
            open_mesh,
            room,
            secret,
            signaling=options.signaling,
            ice_servers=options.ice_servers,
            claim=lambda: claim,
            on_link=on_link,
            on_error=on_error,
        )
        return _Opening(begin_mesh, on_failed)

    return begin


class _Opening:
    """A network whose keys take a moment to derive."""

    def __init__(
        self, begin_mesh: Callable[[], Awaitable[Mesh]], on_failed: Callable[[TransportError], None]
    ) -> None:
        self._mesh: Mesh | None = None
        self._is_closed = False
        self._on_failed = on_failed
        self._task = asyncio.ensure_future(self._open(begin_mesh))

    async def _open(self, begin_mesh: Callable[[], Awaitable[Mesh]]) -> None:
        try:
            mesh = await begin_mesh()
        except Exception as cause:  # noqa: BLE001 - a strategy is the page's own, and may raise anything
            if not self._is_closed:
                error = TransportError(
                    "this browser cannot look for others that hold the room, because its end of the links "
                    f"does not open ({type(cause).__name__}: {cause}); mend that, and join again"
                )
                error.__cause__ = cause
                self._on_failed(error)
            return
        if self._is_closed:
            mesh.close()
        else:
            self._mesh = mesh

    def close(self) -> None:
        self._is_closed = True
        if self._mesh is not None:
            self._mesh.close()
