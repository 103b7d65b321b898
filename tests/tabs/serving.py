"""Serves what real tabs load: pages that boot Python fast, Pyodide and the built wheel."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from demo.toolchain.places import CACHE, digest, provide
from demo.toolchain.progress import run
from demo.toolchain.runtime import DEFAULT_VERSION, pyodide_dir
from demo.toolchain.server import Server
from demo.toolchain.wheels import wheels_dir

PAGES = Path(__file__).parent / "pages"


@contextmanager
def serve(routes: Mapping[str, Path], *, caching: str = "no-store") -> Iterator[str]:
    """Serve directories, beside Pyodide and the wheels, for as long as the block runs; gives the address.

    See `Server` for the arguments.
    """
    routes = {"/pyodide/": pyodide_dir(), "/wheels/": wheels_dir(), **routes}
    with Server(routes, caching=caching) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


def tab_routes() -> dict[str, Path]:
    """Return where `tab.html` is, and what it boots from."""
    return {"/": PAGES, "/snapshot/": _snapshot_dir()}


def _snapshot_dir() -> Path:
    directory = CACHE / "snapshot"
    script = PAGES / "snapshot.mjs"
    take = partial(run, "node", script, pyodide_dir(), directory / "memory")
    return provide(directory, digest([script], DEFAULT_VERSION), take)
