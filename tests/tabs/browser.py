"""What every driven browser and its tabs offer to tests, whatever they are driven by."""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

DEADLINE_S = 60.0


class PageError(Exception):
    """Code run in a page failed; the text is what the page said."""


class PageGoneError(Exception):
    """The page was killed, crashed or closed while something was asked of it."""


class Page(ABC):
    """One tab.

    Args:
        name: What its browser calls it.

    Fields:
        log: What it wrote with `console.log`; of a page that was killed, what arrived before.
        problems: Errors and warnings in its console, and exceptions that nobody caught.
        is_gone: Whether it was closed, crashed or killed.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.log: list[str] = []
        self.problems: list[str] = []
        self.is_gone = False

    @abstractmethod
    def go(self, url: str) -> None:
        """Navigate, and wait for the `load` event."""

    @abstractmethod
    def reload(self) -> None:
        """Load the page anew, and wait for the `load` event."""

    @abstractmethod
    def before_load(self, script: str) -> None:
        """Run a script in every document of this page before its own scripts."""

    @abstractmethod
    def start(self, expression: str) -> Running:
        """Begin to evaluate JavaScript; a promise is awaited by `Running.result`."""

    def js(self, expression: str) -> Any:
        """Evaluate JavaScript, await a promise, and return the value.

        Raises:
            PageError: If it throws.
        """
        return self.start(expression).result()

    def wait_for(self, expression: str, timeout_s: float = DEADLINE_S) -> Any:
        """Return the first truthy value of a JavaScript expression."""
        return wait_until(lambda: self.js(expression), expression, timeout_s)

    @abstractmethod
    def pid(self) -> int:
        """Return the id of the process that runs this page."""

    @abstractmethod
    def kill(self, pid: int | None = None) -> None:
        """End this page's process with SIGKILL; it gets no chance to say goodbye."""

    @abstractmethod
    def close(self) -> None:
        """Close the tab as a user would, and wait until it is closed."""


AnyPage = TypeVar("AnyPage", bound=Page)


class Browser(ABC, Generic[AnyPage]):
    """One browser process with a profile of its own.

    Args:
        profile: Its directory; what was stored there survives `kill` and `start`.
    """

    def __init__(self, profile: Path) -> None:
        self.profile = profile
        self._last_id = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._pages: dict[Any, AnyPage] = {}

    @abstractmethod
    def start(self) -> None:
        """Start it, again after `kill`, with the same profile."""

    @abstractmethod
    def kill(self) -> None:
        """End the whole browser with SIGKILL, as a crash of the machine would."""

    @abstractmethod
    def blank(self, *, new_window: bool = True) -> AnyPage:
        """Open an empty page, for what has to be set up before anything loads."""

    def open(self, url: str, *, new_window: bool = True) -> AnyPage:
        """Open a page and wait until it has loaded.

        Args:
            url: Where to go.
            new_window: A window of its own stays visible; a tab hides the one before it.
        """
        page = self.blank(new_window=new_window)
        page.go(url)
        return page

    def listen(self, until: Callable[[], bool], what: str) -> None:
        """Take in events until something is so."""
        deadline = time.monotonic() + DEADLINE_S
        while not until():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {DEADLINE_S:.0f} s for {what}")
            self._receive(deadline)

    def attend(self, duration_s: float) -> None:
        """Take in events for a while."""
        deadline = time.monotonic() + duration_s
        while time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                self._receive(deadline)

    def _answer(self, number: int, page: Page | None, timeout_s: float) -> dict[str, Any]:
        """Wait for the answer to a command, be it a value or an error.

        Raises:
            PageGoneError: If `page` is gone, so that none will come.
        """
        deadline = time.monotonic() + timeout_s
        while number not in self._answers:
            if page is not None and page.is_gone:
                raise PageGoneError(page.name)
            self._receive(deadline)
        return self._answers.pop(number)

    @abstractmethod
    def _receive(self, deadline: float) -> None:
        """Take in one message: an answer goes to `_answers`, an event to its page.

        Raises:
            TimeoutError: If none comes until then, by `time.monotonic()`.
        """


class Running:
    """A JavaScript expression under way in a page.

    Args:
        result: Waits so many seconds for the value.
    """

    def __init__(self, result: Callable[[float], Any]) -> None:
        self._result = result

    def result(self, timeout_s: float = DEADLINE_S) -> Any:
        """Wait for the value.

        Raises:
            PageError: If the expression threw.
            PageGoneError: If the page is gone before it had one.
        """
        return self._result(timeout_s)


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = DEADLINE_S) -> Any:
    """Return the first truthy value of `condition`, asked again and again."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(0.02)
