"""A node for servers in different browsers: its own file, for it needs much that the others do not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from webraft_web.core.errors import ConfigError, WebraftError
from webraft_web.node_instance import NodeInstance, Receiver
from webraft_web.nodes import AddressedReceiver, deliver
from webraft_web.transports.signaling.base import Strategy
from webraft_web.transports.webrtc.by_hand import CopyAndPaste
from webraft_web.transports.webrtc.link import Link
from webraft_web.transports.webrtc.mesh import Mesh
from webraft_web.transports.webrtc.opening import OpenMesh, open_page_mesh


class ReportingReceiver(AddressedReceiver, Protocol):
    """A server that can be told of errors; `RaftInterface` is one."""

    def emit(self, event: str, *arguments: object) -> None:
        """Tell listeners: of `error`, the exception."""


class WebRTCNode(NodeInstance):
    """A server in a page of any browser, or in a process with the extra `peer`, reached over WebRTC.

        class RoomRaft(RaftInterface):
            def create_instance(self, address):
                return WebRTCNode(
                    address, self, room="kanban", secret="…", signaling=["wss://signaling.example.org"]
                )

    Pages of the same room and secret find each other through any of the servers,
    which learn neither, and link directly. Each says which server's address it
    speaks for; where two say the same, the one that came later is believed. All
    nodes of one server share its links, which close with the last of them.

    Args:
        address: The other server's address.
        raft: The server on this side.
        room: Any name.
        secret: Of those who belong to the room, at least 128 random bits as text.
        signaling: URLs of signalling servers, such as "wss://…" for one of y-webrtc's protocol,
            strategies of your own, or `CopyAndPaste()`.
        ice_servers: STUN and TURN servers, as WebRTC has them: [{"urls": "stun:…"}]. Without any,
            pages find each other within a local network only.
        open_mesh: What opens the links.

    Raises:
        ConfigError: If there is no WebRTC, as in a worker; or a server's URL is not understood, or
            something is of another type. Whether the secret can be guessed is looked at later: raft's
            `error` tells.
    """

    def __init__(
        self,
        address: str,
        raft: ReportingReceiver,
        *,
        room: str,
        secret: str,
        signaling: Iterable[str | Strategy | CopyAndPaste],
        ice_servers: Sequence[Mapping[str, Any]] | None = None,
        open_mesh: OpenMesh = open_page_mesh,
    ) -> None:
        super().__init__(address, raft)
        _check(room, secret, signaling, ice_servers)
        options = _MeshOptions(room, secret, tuple(signaling), json.dumps(list(ice_servers or ())))
        self._end: _SharedMesh | None = _SharedMesh.of(raft, options, open_mesh)
        self._end.users += 1

    def write(self, payload: Any) -> None:
        if self._end is not None:
            self._end.send(self.address, json.dumps(payload, separators=(",", ":")))

    def close(self) -> None:
        if self._end is not None:
            end, self._end = self._end, None
            end.let_go()

    def status(self) -> dict[str, Any]:
        """Return how this server's links stand, to all others: see `Mesh.status`; {} while they begin."""
        return {} if self._end is None or self._end.mesh is None else self._end.mesh.status()


def _check(room: object, secret: object, signaling: object, ice_servers: object) -> None:
    for what, text in (("room", room), ("secret", secret)):
        if not isinstance(text, str) or any("\ud800" <= character <= "\udfff" for character in text):
            raise ConfigError(f"{what} is text without lone surrogates, got a value of {type(text).__name__}")
    if isinstance(signaling, str) or not isinstance(signaling, Iterable) or not signaling:
        raise ConfigError(f"signaling must be a list of at least one server's URL, got {signaling!r:.80}")
    if ice_servers is not None and (
        not isinstance(ice_servers, Sequence) or not all(isinstance(one, Mapping) for one in ice_servers)
    ):
        raise ConfigError("ice_servers is a list of dicts, each with urls, as RTCPeerConnection takes them")


@dataclass(frozen=True)
class _MeshOptions:
    room: str
    secret: str = field(repr=False)
    signaling: tuple[str | Strategy | CopyAndPaste, ...]
    ice_servers: str


class _SharedMesh:
    """One server's links in one room, open while a node uses them."""

    _open: ClassVar[dict[tuple[Receiver, _MeshOptions], _SharedMesh]] = {}

    @classmethod
    def of(cls, raft: ReportingReceiver, options: _MeshOptions, open_mesh: OpenMesh) -> _SharedMesh:
        key = (raft, options)
        if key not in cls._open:
            cls._open[key] = cls(raft, options, open_mesh)
        return cls._open[key]

    def __init__(self, raft: ReportingReceiver, options: _MeshOptions, open_mesh: OpenMesh) -> None:
        self.users = 0
        self.mesh: Mesh | None = None
        self._raft = raft
        self._options = options
        self._links: dict[str, list[Link]] = {}
        opening = open_mesh(
            options.room,
            options.secret,
            signaling=options.signaling,
            ice_servers=json.loads(options.ice_servers),
            claim=lambda: raft.address,
            on_link=self._linked,
            on_error=self._report,
        )
        self._opening = asyncio.ensure_future(self._begin(opening))

    async def _begin(self, opening: Awaitable[Mesh]) -> None:
        try:
            mesh = await opening
        except WebraftError as error:
            self._report(error)
            return
        if self.users:
            self.mesh = mesh
        else:
            mesh.close()

    def send(self, address: str, text: str) -> None:
        links = self._links.get(address)
        if links:
            links[-1].send(text)

    def let_go(self) -> None:
        self.users -= 1
        if self.users == 0:
            del self._open[self._raft, self._options]
            if self.mesh is not None:
                self.mesh.close("the server was closed")

    def _linked(self, link: Link) -> None:
        links = self._links.setdefault(link.claim, [])
        links.append(link)

        def heard(text: str) -> None:
            if links[-1] is link:
                deliver(self._raft, link.claim, text)

        link.on_text = heard
        link.on_closed = lambda _: links.remove(link)

    def _report(self, error: WebraftError) -> None:
        self._raft.emit("error", error)
