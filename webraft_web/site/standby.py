"""A tab that does not run the server does without the server's code, until a quiet moment.

That is half of what joining a room would import otherwise, and only one tab of
a browser runs it. All others get ready soon after they have come, so that
whoever has to take over does so at once, and well before any of them could find
the runner silent: one that imports meanwhile gives no sign of life.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webraft_web.clock import Clock
from webraft_web.site.election import SILENCE_MS

if TYPE_CHECKING:
    from webraft_web.site.runner import Runner

READY_MS: Final = SILENCE_MS // 2
"""How long after its coming a tab that observes gets ready to run the server."""


class Standby:
    """One tab's readiness to run the server.

    Args:
        clock: Tells when the tab has been here for a while.
    """

    def __init__(self, clock: Clock) -> None:
        self._timer = clock.timer(self._get_ready)
        self._timer.set(clock.now_ms() + READY_MS)

    def runner_class(self) -> type[Runner]:
        """Return `Runner`: now is when this tab needs it."""
        from webraft_web.site.runner import Runner  # noqa: PLC0415 - what this module is for

        self._timer.close()
        return Runner

    def close(self) -> None:
        """Get ready no more."""
        self._timer.close()

    def _get_ready(self) -> None:
        self.runner_class()
