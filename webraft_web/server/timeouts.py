"""Where a RaftInterface's waits come from: its properties, which applications may override.

Its own file because overriding is the application's code: it is read anew each
time, and checked each time, and a mistake in it must not stop the server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from webraft_web.core.errors import ConfigError, WebraftError

REMEMBERED_WAITS: Final = 8


class HasTimeouts(Protocol):
    """The properties of RaftInterface that are read here, all in milliseconds."""

    @property
    def election_timeout(self) -> float: ...
    @property
    def heartbeat_frequency(self) -> float: ...
    @property
    def heartbeat_timeout(self) -> float: ...
    @property
    def message_timeout(self) -> float: ...


class HasMessageTimeout(Protocol):
    """RaftInterface, or one of its nodes."""

    @property
    def message_timeout(self) -> float: ...


class OverridableTimeouts:
    """The core's timeouts, read from properties (see `core.config.Timeouts`).

    Args:
        source: Whose properties are read.
        report: Told what is wrong with one; the last good value serves on.
    """

    def __init__(self, source: HasTimeouts, report: Callable[[WebraftError], None]) -> None:
        self._source = source
        self._report = report
        self._good = {
            "heartbeat_timeout": 225,
            "election_timeout": 225,
            "heartbeat_frequency": 100,
            "message_timeout": 3000,
        }
        self._reported = ""
        self._heartbeat_timeouts_ms: deque[int] = deque(maxlen=REMEMBERED_WAITS)

    def check(self) -> None:
        """Raise ConfigError if the properties, as they read now, cannot work."""
        self._read("election_timeout")
        self._read("message_timeout")
        self._read_heartbeat_timeout()

    def heartbeat_timeout_ms(self) -> int:
        return self._or_last_good("heartbeat_timeout", self._read_heartbeat_timeout)

    def election_timeout_ms(self) -> int:
        return self._or_last_good("election_timeout", lambda: self._read("election_timeout"))

    def heartbeat_interval_ms(self) -> int:
        return self._or_last_good("heartbeat_frequency", lambda: self._read("heartbeat_frequency"))

    def message_timeout_ms(self, source: HasMessageTimeout) -> int:
        """How long to wait for an answer, as `source` says."""
        return self._or_last_good("message_timeout", lambda: self._read("message_timeout", source))

    def lease_ms(self) -> int:
        """The shortest of the last waits: what an overriding property may return cannot be known."""
        self._heartbeat_timeouts_ms.append(self.heartbeat_timeout_ms())
        return min(self._heartbeat_timeouts_ms)

    def _read_heartbeat_timeout(self) -> int:
        timeout_ms, period_ms = self._read("heartbeat_timeout"), self._read("heartbeat_frequency")
        if timeout_ms <= period_ms:
            raise ConfigError(
                f"heartbeat_timeout is {timeout_ms} ms and heartbeat_frequency {period_ms} ms: "
                "a follower must wait longer than its leader's period, better twice as long"
            )
        return timeout_ms

    def _read(self, name: str, source: object = None) -> int:
        value: Any = getattr(source or self._source, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**31:
            seen = "a function; is it a method without @property?" if callable(value) else repr(value)[:80]
            raise ConfigError(f"{name} must be a number of milliseconds above 0, got {seen}")
        return max(1, round(value))

    def _or_last_good(self, name: str, read: Callable[[], int]) -> int:
        try:
            self._good[name] = read()
        except Exception as error:  # noqa: BLE001 - an application's property may raise anything
            if str(error) != self._reported:
                self._reported = str(error)
                self._report(
                    error if isinstance(error, WebraftError) else ConfigError(f"{name} failed: {error!r}")
                )
        return self._good[name]
