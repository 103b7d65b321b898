"""Keys and sealed texts outside of a browser, by the `cryptography` package; as `_browser.web_crypto`."""

from __future__ import annotations

import base64
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from webraft_web.core.errors import AuthenticationError

_NONCE_BYTES: Final = 12


class NativeSealer:
    """Seals and opens texts by AES-256-GCM."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    async def seal(self, text: str, context: str) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._cipher.encrypt(nonce, text.encode(), context.encode())
        return base64.b64encode(nonce + ciphertext).decode()

    async def open(self, sealed: str, context: str) -> str:
        try:
            data = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], context.encode()).decode()
        except (InvalidTag, ValueError):
            raise AuthenticationError(
                "not sealed with this room's secret for this use, or changed since"
            ) from None


async def derive_bytes(secret: str, salt: str, info: str) -> bytes:
    """Derive 32 bytes from a secret."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt.encode(), info=info.encode()).derive(secret.encode())


async def derive_sealer(secret: str, salt: str, info: str) -> NativeSealer:
    """Derive a key that seals and opens texts."""
    return NativeSealer(await derive_bytes(secret, salt, info))
