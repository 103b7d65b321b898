"""Text between the pages and workers of one origin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from webraft_web._browser.border import create_callback, glue
from webraft_web.core.errors import TransportError


class BrowserChannel:
    """One end of a BroadcastChannel: text to all other pages and workers of this origin.

    Args:
        name: Channels belong to the origin.
        on_text: Runs synchronously in the message event, in frozen pages too.

    Raises:
        TransportError: If there are no such channels here.
    """

    def __init__(self, name: str, on_text: Callable[[str], None]) -> None:
        js_glue = glue("broadcast_channel")
        self._proxy: Any = create_callback(on_text)
        try:
            self._js_channel = js_glue.openChannel(name, self._proxy)
        except Exception as error:
            self._proxy.destroy()
            raise TransportError(f"BroadcastChannel {name!r} cannot be opened here: {error}") from error
        self._js_post = self._js_channel.post

    def post(self, text: str) -> None:
        """Send `text` to every other end of the same name; after `close` it does nothing."""
        if self._proxy is not None:
            self._js_post(text)

    def close(self) -> None:
        """Hear and send nothing more; idempotent."""
        if self._proxy is not None:
            self._js_channel.close()
            self._proxy.destroy()
            self._proxy = None
