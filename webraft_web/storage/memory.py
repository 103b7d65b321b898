"""A storage that lives as long as this process: for tests, and where nothing must outlive the page."""

from __future__ import annotations

from collections.abc import Callable

from webraft_web.core.errors import StorageError
from webraft_web.storage.base import Batch, StoredState
from webraft_web.storage.replay import Replay


class MemoryStorage:
    """Keeps one server's state in memory; hand it to a new server and that one is its restart.

    It answers before its calls return. There is no fence: nobody can take it
    over, because nobody else can reach it.
    """

    def __init__(self) -> None:
        self._stored = Replay()

    def load(self, done: Callable[[StoredState | StorageError | None], None]) -> None:
        """Hand over what is stored, None if nothing is."""
        done(self._stored.state())

    def persist(self, batch: Batch, done: Callable[[StorageError | None], None]) -> None:
        """Keep `batch`; a StorageError means that it could not follow what is here."""
        try:
            self._stored.apply(batch)
        except StorageError as error:
            done(error)
            return
        done(None)

    def close(self) -> None:
        """Do nothing: what is kept waits for the next server."""
