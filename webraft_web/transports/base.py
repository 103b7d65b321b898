"""What a transport promises: opaque text between addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

OnText = Callable[[str, str], None]
"""Called with the sender's address and its text, synchronously where a text arrives."""


class Transport(Protocol):
    """One end, at an address of its own.

    The promise is small, so that many things can keep it. A text arrives once
    or never, whole and unchanged, at every end of its receiver's address, and
    not before `send` has returned. Those of one sender to one receiver arrive in
    the order in which they were sent; nothing is said about different senders.
    Nobody learns of a loss. `check_transport` in `webraft_web.testing` holds an
    implementation to it.
    """

    address: str

    def send(self, address: str, text: str) -> None:
        """Send `text` to `address`; after `close`, or to nobody, it is lost."""

    def close(self) -> None:
        """Hear and send nothing more; idempotent."""
