"""Contract suites: what anything plugged into a seam has to honour."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from webraft_web.storage.base import Storage


async def check_storage(open_storage: Callable[[str], Awaitable[Storage]], *, fenced: bool = False) -> None:
    """Fail with an AssertionError unless a storage keeps the promise of `storage.base`.

    Args:
        open_storage: Opens the store of the given name, an empty one if it is
            new, as a server's start would; the same name again is a restart.
        fenced: Whether opening a store again shuts out whoever opened it before.
    """
    raise NotImplementedError(open_storage, fenced)
