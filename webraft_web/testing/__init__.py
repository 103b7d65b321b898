"""Tools for testing what is built on, or plugged into, this package.

`run` gives asyncio code virtual time; `check_storage` is the contract every
storage has to honour.
"""

from webraft_web.testing.contracts import check_storage
from webraft_web.testing.loop import StalledError, VirtualTimeLoop, run

__all__ = ["StalledError", "VirtualTimeLoop", "check_storage", "run"]
