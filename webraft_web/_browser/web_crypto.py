"""Keys derived from a secret, which stay in the browser, and texts sealed with them."""

from __future__ import annotations

from typing import Any

from webraft_web._browser.border import glue
from webraft_web.core.errors import AuthenticationError, ConfigError


class BrowserSealer:
    """Seals and opens texts by WebCrypto; see `transports.keys`."""

    def __init__(self, js_sealer: Any) -> None:
        self._js_sealer = js_sealer

    async def seal(self, text: str, context: str) -> str:
        return str(await self._js_sealer.seal(text, context))

    async def open(self, sealed: str, context: str) -> str:
        text = await self._js_sealer.open(sealed, context)
        if not isinstance(text, str):
            raise AuthenticationError(
                "it was not sealed with this room's secret for this use, or was changed"
            )
        return text


async def derive_bytes(secret: str, salt: str, info: str) -> bytes:
    """Derive 32 bytes from a secret.

    Raises:
        ConfigError: If this page has no cryptography.
    """
    return bytes.fromhex(await _js_crypto().deriveHex(secret, salt, info))


async def derive_sealer(secret: str, salt: str, info: str) -> BrowserSealer:
    """Derive a key that seals and opens texts.

    Raises:
        ConfigError: If this page has no cryptography.
    """
    return BrowserSealer(await _js_crypto().deriveSealer(secret, salt, info))


def _js_crypto() -> Any:
    js_glue = glue("web_crypto")
    if not js_glue.hasCrypto():
        raise ConfigError(
            "WebCrypto is missing, and without it there are no rooms across browsers: browsers offer it on "
            "secure origins alone, so serve this page over https, or from localhost"
        )
    return js_glue
