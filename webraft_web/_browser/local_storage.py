"""Small texts that the next page can read at once."""

from __future__ import annotations

from webraft_web._browser.border import glue
from webraft_web.core.errors import StorageError


class BrowserLocalStorage:
    """Texts under keys in localStorage, which Chromium may lose the last half minute of."""

    def __init__(self) -> None:
        self._js_glue = glue("local_storage")

    def get(self, key: str) -> str | None:
        """Return the text at `key`; None if there is none, or no localStorage."""
        text = self._js_glue.readText(key)
        return text if isinstance(text, str) else None

    def set(self, key: str, text: str) -> None:
        """Put `text` at `key`, or leave what is there.

        Raises:
            StorageError: If localStorage is full, forbidden or missing.
        """
        failure = self._js_glue.writeText(key, text)
        if failure.startswith("NotSupportedError: "):
            raise StorageError(failure.partition(": ")[2])
        if failure:
            raise StorageError(
                f"localStorage cannot keep {len(text)} characters at {key!r}: {failure} "
                "(it holds about 5 million in all; what was there before is still there)"
            )

    def remove(self, key: str) -> None:
        """Remove `key`, if it is there and there is localStorage."""
        self._js_glue.removeText(key)

    def check(self) -> None:
        """Make sure that localStorage can be used.

        Raises:
            StorageError: If it is forbidden or missing, as in workers.
        """
        failure = self._js_glue.whyUnusable()
        if failure:
            raise StorageError(
                f"localStorage cannot be used here: {failure}; keep what is applied elsewhere, by handlers "
                "of your own or by `storage`"
            )
