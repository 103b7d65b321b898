"""The core's objects from outside, interpreted or compiled by mypyc: for tests that look inside or bend them.

A compiled object holds nothing but what its types say: what cannot be put into
one cannot be sent to anybody either.
"""

from __future__ import annotations

from typing import Any

import pytest

from webraft_web.core import raft
from webraft_web.core.errors import BadArgumentError

IS_COMPILED = not (raft.__file__ or "").endswith(".py")

interpreted_only = pytest.mark.skipif(
    IS_COMPILED, reason="does to the core what only an interpreted one puts up with"
)
"""Marks tests that replace parts of the core, or make its objects without their constructors."""


BAD_ARGUMENT = (BadArgumentError, TypeError) if IS_COMPILED else (BadArgumentError,)
"""What a call with an impossible argument raises: compiled code looks at the types before all else."""


def attributes(kind: type) -> list[str]:
    """Return what objects of a class consist of."""
    if IS_COMPILED and hasattr(kind, "__mypyc_attrs__"):
        return list(kind.__mypyc_attrs__)
    return [name for one in kind.__mro__ for name in getattr(one, "__slots__", ())]


def put(target: object, name: str, value: Any) -> bool:
    """Set an attribute to whatever it is; return False if a compiled object cannot hold that."""
    try:
        setattr(target, name, value)
    except TypeError:
        if not IS_COMPILED:
            raise
        return False
    return True


def remove(target: object, name: str) -> bool:
    """Delete an attribute; return False if it is compiled, and cannot be missing."""
    try:
        delattr(target, name)
    except (AttributeError, TypeError):
        if not IS_COMPILED:
            raise
        return False
    return True
