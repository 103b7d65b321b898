"""What ends a program is raised where nothing is left half done by it."""

from __future__ import annotations

import asyncio
from typing import NoReturn


def raise_in_loop(error: BaseException) -> None:
    """Have the event loop raise what ends a task or a program, such as SystemExit, once it is back there.

    Whoever runs foreign code in the midst of its own work would be left there by it. Where no loop
    runs, it is raised here and now.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise error from None
    loop.call_soon(_raise, error)


def _raise(error: BaseException) -> NoReturn:
    raise error
