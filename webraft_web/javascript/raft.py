"""Classes of JavaScript's that extend `RaftInterface` and `NodeInstance`: what they override is asked there.

Every server is three objects: the page's, which applications extend, this one,
and a proxy of this one, which the page's holds. This one holds the page's, too,
until it is closed: then it lets go of it and of its handlers, or neither side
could ever forget the other.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from typing import Any

import webraft_web
from webraft_web.emitter import Emitter
from webraft_web.interface import RaftInterface
from webraft_web.javascript.border import answering, js_page, kept_later, read_text, to_result
from webraft_web.javascript.signaling import with_strategies
from webraft_web.json_text import encode
from webraft_web.node_instance import NodeInstance
from webraft_web.nodes import deliver

_DEFAULTS = RaftInterface.__new__(RaftInterface)  # whose timeouts ask nothing of the server


class PageRaft(RaftInterface):
    """A server whose `createInstance` and timeouts are those of an object of the page's.

    Args:
        js_raft: That object.
        address: As for RaftInterface.
        members: As for RaftInterface.
    """

    def __init__(
        self, js_raft: Any, address: str | None = None, *, members: Iterable[str] | None = None
    ) -> None:
        self._js_raft = js_raft
        self._name = str(js_raft.constructor.name)
        super().__init__(address, members=members)

    def create_instance(self, address: str) -> NodeInstance:
        js_node = self._js_raft.createInstance(address)
        if not callable(getattr(js_node, "write", None)):
            return js_node  # type: ignore[no-any-return]  # which is refused
        if getattr(js_node, "raft", None) is None:
            js_node.raft = self._js_raft  # nobody told it whose it is
        return PageNode(address, self, js_node)

    @property
    def election_timeout(self) -> float:
        return self._timeout("election_timeout", "electionTimeout")

    @property
    def heartbeat_frequency(self) -> float:
        return self._timeout("heartbeat_frequency", "heartbeatFrequency")

    @property
    def heartbeat_timeout(self) -> float:
        return self._timeout("heartbeat_timeout", "heartbeatTimeout")

    @property
    def message_timeout(self) -> float:
        return self._timeout("message_timeout", "messageTimeout")

    def _timeout(self, name: str, js_name: str) -> float:
        if self._js_raft is None:
            return default_timeout(name)
        return _number(getattr(self._js_raft, js_name), js_name)

    def close(self) -> asyncio.Future[None]:
        ended = asyncio.ensure_future(super().close())
        ended.add_done_callback(self._let_go)
        return ended

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, self._name, 1)

    def _let_go(self, _: object) -> None:
        self._js_raft = None
        self.forget_listeners()


class PageNode(NodeInstance):
    """A node whose transport is an object of the page's."""

    def __init__(self, address: str, raft: PageRaft, js_node: Any) -> None:
        super().__init__(address, raft)
        self.js_node = js_node

    def write(self, payload: Any) -> Any:
        return kept_later(js_page().write(self.js_node, encode(payload)))

    def close(self) -> None:
        js_node, self.js_node = self.js_node, None
        if callable(getattr(js_node, "close", None)):
            js_node.close()

    @property
    def message_timeout(self) -> float:
        value = getattr(self.js_node, "messageTimeout", None)
        return super().message_timeout if value is None else _number(value, "messageTimeout")


def _number(value: Any, js_name: str) -> float:
    """Return what a getter gave; one that needs what its constructor has not set yet gives none.

    Raises:
        AttributeError: If it gave none: as in Python, where a property would raise that.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise AttributeError(f"{js_name} is {'undefined' if value is None else 'NaN'}")
    return value  # type: ignore[no-any-return]  # what it is else is RaftInterface's to judge


def default_timeout(name: str) -> float:
    """Return a timeout as it is if nobody overrides it."""
    value: float = getattr(_DEFAULTS, name)
    return value


@answering
def create_raft(js_raft: Any, address: str, options: str) -> RaftInterface:
    """Make the server of a page's object."""
    return PageRaft(js_raft, read_text(address), **read_text(options))


@answering
def create_emitter(events: str | None) -> Emitter:
    """Make an emitter of webraft's events, or of others."""
    return Emitter() if events is None else Emitter(read_text(events))


@answering
def create_node(
    kind: str, address: str, raft: RaftInterface, options: str, js_strategies: Any
) -> NodeInstance:
    """Make one of the nodes that are ready to use."""
    chosen = with_strategies(read_text(options), js_strategies)
    node: NodeInstance = getattr(webraft_web, kind)(address, raft, **chosen)
    return node


@answering
def create_handlers(raft: RaftInterface, key: str | None, url: str | None) -> Any:
    """Make the handlers that keep a server's document in localStorage."""
    return webraft_web.LocalStorageHandlers(raft, key, url)


@answering
def got_data(raft: RaftInterface, from_address: str, text: str) -> None:
    """Take in a payload: what is none is the server's to count."""
    deliver(raft, from_address, text)


@answering
def each_node(raft: RaftInterface, js_take: Any) -> None:
    """Hand the page its own nodes, by address."""
    for address, node in raft.nodes.items():
        js_take(address, getattr(node, "js_node", None))


@answering
def timeout(name: str) -> Any:
    """Return a default for the page."""
    return to_result(default_timeout(name))
