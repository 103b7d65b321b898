"""Named locks between all pages of one origin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from webraft_web._browser.border import create_callback, glue


class BrowserLockRequest:
    """A Web Lock that is held, or waited for. Arguments as `BrowserPlatform.request_lock`."""

    def __init__(
        self,
        name: str,
        *,
        steal: bool,
        on_held: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._on_held = on_held
        self._on_lost = on_lost
        js_glue = glue("web_locks")
        self._proxy: Any = create_callback(self._happened)
        self._js_request = js_glue.requestLock(name, steal, self._proxy)

    def _happened(self, event: str, refusal: str) -> None:
        if event == "held":
            self._on_held()
        else:
            self._on_lost(refusal)

    def release(self) -> None:
        """Let the lock go, or give up waiting; no callback comes afterwards; idempotent."""
        if self._proxy is not None:
            self._js_request.release()
            self._proxy.destroy()
            self._proxy = None
