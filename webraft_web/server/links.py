"""One server's links: the application's node for each address, from `join` until it is closed.

Its own file because what an application implements may fail in every way, and
none of them may stop the server: here each becomes an error, or loss.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from webraft_web.core.errors import ConfigError, TransportError, WebraftError
from webraft_web.emitter import Listeners
from webraft_web.node_instance import NodeInstance


class Links:
    """The nodes of one server, by address.

    Args:
        create: The application's `create_instance`.
        listeners: What runs the nodes' coroutines, and tells their exceptions.
        report: Told what is lost.
    """

    def __init__(
        self,
        create: Callable[[str], NodeInstance],
        listeners: Listeners,
        report: Callable[[WebraftError], None],
    ) -> None:
        self.joined: dict[str, NodeInstance] = {}
        """Those that the application knows."""
        self._leaving: dict[str, NodeInstance] = {}
        """Those that it left, and that the server still needs."""
        self._create = create
        self._listeners = listeners
        self._report = report
        self._lost_writes: dict[str, int] = {}
        self._is_closed = False

    def join(self, address: str) -> None:
        """Open a link, or take up again one that is being left.

        Raises:
            ConfigError: If `create_instance` returned something else than a node.
        """
        if address in self.joined:
            return
        node = self._leaving.pop(address, None)
        if node is None:
            node = self._create(address)
            if not callable(getattr(node, "write", None)):
                raise ConfigError(
                    f"create_instance({address!r}) must return an object with write(payload), "
                    f"got {repr(node)[:80]}; is its `return` missing?"
                )
        self.joined[address] = node

    def leave(self, address: str) -> None:
        """Hide a link from the application; it can be written to until `close`."""
        node = self.joined.pop(address, None)
        if node is not None:
            self._leaving[address] = node

    def close(self, address: str) -> None:
        """Close a link that was left."""
        node = self._leaving.pop(address, None)
        if node is not None:
            self._close_node(node)

    def close_all(self) -> None:
        """Close every link; what fails from now on is nobody's concern."""
        self._is_closed = True
        for node in [*self.joined.values(), *self._leaving.values()]:
            self._close_node(node)
        self.joined.clear()
        self._leaving.clear()

    def write(self, address: str, payload: Any) -> None:
        """Hand a payload to a node; whatever goes wrong there counts as loss."""
        node = self.joined.get(address) or self._leaving.get(address)
        if node is None:
            return
        try:
            result: Any = node.write(payload)  # type: ignore[func-returns-value]
        except Exception as error:  # noqa: BLE001 - a transport may raise anything
            self._write_failed(address, error)
            return
        if result is not None and inspect.isawaitable(result):
            self._listeners.run("write", result, lambda _, error: self._write_failed(address, error))

    def _write_failed(self, address: str, error: BaseException | None) -> None:
        """Report the 1st, 2nd, 4th, 8th… failure: a transport that is down fails at every heartbeat."""
        if error is None or self._is_closed:
            return
        self._lost_writes[address] = count = self._lost_writes.get(address, 0) + 1
        if count & (count - 1) == 0:
            failure = TransportError(f"writing to {address!r} failed {count} times, lastly with {error!r}")
            failure.__cause__ = error
            self._report(failure)

    def _close_node(self, node: NodeInstance) -> None:
        try:
            node.close()
        except Exception as error:  # noqa: BLE001 - as above
            self._listeners.failed("close", error)
