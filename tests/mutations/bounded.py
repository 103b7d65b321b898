"""Runs a module's `main` in bounded memory: a bug may well be one that never stops allocating.

python -m tests.mutations.bounded MODULE [ARGUMENTS…]
"""

from __future__ import annotations

import contextlib
import importlib
import sys

MEMORY = 3 * 1024**3
"""Bytes."""


def main(arguments: list[str]) -> int:
    """Call `main` of the module named first with what follows; return the exit code."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # not every system can
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    return int(importlib.import_module(arguments[0]).main(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
