"""Texts from the web."""

from __future__ import annotations

from webraft_web._browser.border import IN_PYODIDE
from webraft_web.core.errors import ConfigError, TransportError


async def fetch_text(url: str) -> str:
    """Return the text at `url`, as the page's `fetch` gets it.

    Raises:
        TransportError: If it cannot be reached, or answers with an error.
    """
    if not IN_PYODIDE:
        raise ConfigError(f"{url!r} is fetched by a browser, and Python runs outside of one here")
    from pyodide.http import pyfetch  # noqa: PLC0415 - exists in Pyodide alone

    try:
        response = await pyfetch(url)
    except Exception as error:
        raise TransportError(f"{url!r} cannot be fetched: {error}") from error
    if not response.ok:
        raise TransportError(f"{url!r} answered {response.status}, expected the text of a stored value")
    return str(await response.text())
