"""The deterministic part of the shared document: same entries, same state, on every replica."""

from __future__ import annotations

from typing import Any


def genesis_command(data: Any) -> str:
    """Return the text of the HOUSEKEEPING command that gives a new room its first document.

    Ignored by the machine unless it is the first thing to change the document.

    Raises:
        BadArgumentError: If JSON cannot carry `data`.
    """
    raise NotImplementedError


class DocumentMachine:
    """The document, its sessions and its turns; used by `Client`."""
