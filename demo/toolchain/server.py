"""A small HTTP server for loopback: a few directories, the right types, and no stale copies."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from demo.toolchain.progress import SetupError

_HOST = "127.0.0.1"


def port_error(port: int, error: OSError, option: str = "--port") -> SetupError:
    """Return what to tell about a port that is not to be had."""
    is_taken = error.errno == errno.EADDRINUSE
    reason = "is in use by another program" if is_taken else f"cannot be used: {error}"
    return SetupError(f"Port {port} {reason}. Choose another with {option}.")


class Server(ThreadingHTTPServer):
    """Serves what lies under `routes`, on loopback alone.

    Args:
        routes: URL prefixes, each ending in a slash, to directories; the longest that matches wins.
        port: 0 for any that is free.
        caching: The rule for all but Pyodide. Of pages that may not be stored, browsers
            keep none to go back to.

    Raises:
        SetupError: If the port is not to be had.
    """

    daemon_threads = True
    # A second server on one port would silently share it on some systems.
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, routes: Mapping[str, Path], port: int = 0, *, caching: str = "no-store") -> None:
        self.caching = caching
        self.routes = dict(sorted(routes.items(), key=lambda route: -len(route[0])))
        try:
            super().__init__((_HOST, port), _Handler)
        except OSError as error:
            raise port_error(port, error) from error

    @property
    def url(self) -> str:
        """The address of the root."""
        return f"http://{_HOST}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: browsers hang up in the middle of an answer whenever they like."""


class _Handler(SimpleHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    extensions_map: dict[str, str] = {  # noqa: RUF012 (declared on the class by the base class, too)
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".json": "application/json",
        ".mjs": "text/javascript",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
        ".whl": "application/zip",
    }

    def translate_path(self, path: str) -> str:
        """Map a URL to a file inside one of the routes, never outside."""
        path = unquote(urlsplit(path).path)
        for prefix, directory in self.server.routes.items():
            if path.startswith(prefix):
                root = directory.resolve()
                file = (root / path[len(prefix) :]).resolve()
                if file.is_relative_to(root):
                    return f"{file}/" if path.endswith("/") else str(file)
        return str(self.server.routes["/"] / "no such file")

    def list_directory(self, path: Any) -> None:  # noqa: ARG002 (what the base class passes)
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        # Pyodide is large and rarely changes: the browser asks whether it did. The rest is small.
        rule = "no-cache" if self.path.startswith("/pyodide/") else self.server.caching
        self.send_header("Cache-Control", rule)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class named it)
        """Keep the terminal for what matters."""
