"""What a room's secret gives: keys, and texts sealed with them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RoomKeys:
    """What everyone derives from a room's secret and name, and nobody else can.

    Attributes:
        topic: 32 hex digits to meet at; they tell nothing of the secret or the name.
        authentication: 32 bytes, for HMACs that prove knowledge of the secret.
    """

    topic: str
    authentication: bytes

    async def seal(self, text: str, context: str) -> str:
        """Return `text` encrypted and authenticated (AES-256-GCM, a random nonce each time), as base64.

        Args:
            text: What only holders of the secret can read.
            context: What the receiver knows as well: it is not sent, and opening needs the same.
        """
        raise NotImplementedError

    async def open(self, sealed: str, context: str) -> str:
        """Return the text that a holder of the secret sealed, in this very context.

        Raises:
            AuthenticationError: If it was not, or not for this context, or was changed.
        """
        raise NotImplementedError


async def derive_keys(secret: str, room: str) -> RoomKeys:
    """Derive a room's keys with HKDF-SHA-256: in a browser by WebCrypto, in CPython by `cryptography`.

    Raises:
        ConfigError: If the secret is too short to be one, or keys cannot be derived here.
    """
    raise NotImplementedError


def new_secret() -> str:
    """Return a new random secret, 144 bits as 24 characters that need no escaping in a link."""
    raise NotImplementedError
