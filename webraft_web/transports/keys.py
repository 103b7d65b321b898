"""What a room's secret gives: keys, and texts sealed with them.

The secret alone is what protects a room across browsers, so it must not be
guessable: whoever sees sealed texts can try secrets at leisure. Hence none that a
person would think of is taken; `new_secret` makes one.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from webraft_web import _browser
from webraft_web.core.errors import ConfigError

_SALT: Final = "webraft_web: the keys of a room, 1"
_LEAST_BITS: Final = 128
_LEAST_VARIETY: Final = 6
_SECRET_BYTES: Final = 18  # without padding in base64


class Sealer(Protocol):
    """A key for AES-256-GCM that cannot be read; the methods are those of `RoomKeys`."""

    async def seal(self, text: str, context: str) -> str:
        """Encrypt and authenticate a text."""

    async def open(self, sealed: str, context: str) -> str:
        """Return the text, or raise AuthenticationError."""


_DeriveBytes = Callable[[str, str, str], Awaitable[bytes]]
_DeriveSealer = Callable[[str, str, str], Awaitable[Sealer]]


@dataclass(frozen=True)
class RoomKeys:
    """What everyone derives from a room's secret and name, and nobody else can.

    Attributes:
        topic: 32 hex digits to meet at; they tell nothing of the secret or the name.
        authentication: 32 bytes, for HMACs that prove knowledge of the secret.
        sealer: Holds the third key, which encrypts.
    """

    topic: str
    authentication: bytes = field(repr=False)
    sealer: Sealer = field(repr=False, compare=False)

    async def seal(self, text: str, context: str) -> str:
        """Return `text` encrypted and authenticated (AES-256-GCM, a random nonce each time), as base64.

        Args:
            text: What only holders of the secret can read.
            context: What the receiver knows as well: it is not sent, and opening needs the same.
        """
        return await self.sealer.seal(text, context)

    async def open(self, sealed: str, context: str) -> str:
        """Return the text that a holder of the secret sealed, in this very context.

        Raises:
            AuthenticationError: If it was not, or not for this context, or was changed.
        """
        return await self.sealer.open(sealed, context)


async def derive_keys(secret: str, room: str) -> RoomKeys:
    """Derive a room's keys with HKDF-SHA-256: in a browser by WebCrypto, in CPython by `cryptography`.

    Raises:
        ConfigError: If the secret is too easy to guess, or keys cannot be derived here.
    """
    check_secret(secret)
    derive_bytes, derive_sealer = _derivations()
    # One key for each use; the room's name comes last, so that no two uses can ever coincide.
    topic = await derive_bytes(secret, _SALT, f"topic\n{room}")
    authentication = await derive_bytes(secret, _SALT, f"authentication\n{room}")
    return RoomKeys(topic.hex()[:32], authentication, await derive_sealer(secret, _SALT, f"sealing\n{room}"))


def new_secret() -> str:
    """Return a new random secret, 144 bits as 24 characters that need no escaping in a link."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def _derivations() -> tuple[
    Callable[[str, str, str], Awaitable[bytes]], Callable[[str, str, str], Awaitable[Sealer]]
]:
    if _browser.IN_PYODIDE:
        return _browser.derive_bytes, _browser.derive_sealer
    try:
        from webraft_web.transports import native_crypto  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise ConfigError(
            "outside of a browser, keys need the package `cryptography`: pip install 'webraft_web[peer]'"
        ) from None
    return native_crypto.derive_bytes, native_crypto.derive_sealer


def check_secret(secret: str) -> None:
    """Refuse what could be guessed, by the most generous estimate: every character drawn at random.

    Raises:
        ConfigError: If it is too easy to guess.
    """
    if set(secret) <= set("0123456789"):
        symbols = 10
    elif set(secret) <= set("0123456789abcdef") or set(secret) <= set("0123456789ABCDEF"):
        symbols = 16
    elif secret in {secret.lower(), secret.upper()}:
        symbols = 36
    else:
        symbols = 64
    bits = len(secret) * math.log2(symbols)
    if bits < _LEAST_BITS or len(set(secret)) < _LEAST_VARIETY:
        raise ConfigError(
            f"the secret of {len(secret)} characters is too easy to guess: it has at most {bits:.0f} bits, "
            f"and {_LEAST_BITS} are needed; let new_secret() make one, and share it in the link"
        )
