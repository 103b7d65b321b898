"""A real Firefox that belongs to one test, with the methods of `tests.tabs.chromium` as far as it can.

Firefox speaks WebDriver BiDi and none of Chromium's protocol. puppeteer-core
speaks it under Node, in `driver.mjs`, which this module talks to.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.setup import find_firefox, puppeteer_dir
from tests.tabs import browser as driven
from tests.tabs.browser import DEADLINE_S, PageError, PageGoneError, Running, wait_until

_DRIVER = Path(__file__).with_name("driver.mjs")
_BROWSER = 0
_STARTED = 0
_PREFERENCES = {
    "dom.ipc.processCount": 32,  # each tab has its own process, to be killed alone
    "dom.ipc.processPrelaunch.enabled": False,  # those that wait to be used take memory from others
}


class Firefox(driven.Browser["Page"]):
    """One browser process with a profile of its own.

    Args:
        profile: Its directory; what was stored there survives `kill` and `start`.
        preferences: As in `about:config`, beyond the usual ones.
    """

    def __init__(self, profile: Path, **preferences: Any) -> None:
        super().__init__(profile)
        self._preferences = {**_PREFERENCES, **preferences}
        self._driver: subprocess.Popen[str] | None = None
        self._pid = 0
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.start()

    def start(self) -> None:
        """Start it, again after `kill`, with the same profile."""
        options = {
            "executablePath": find_firefox(),
            "headless": True,
            "userDataDir": str(self.profile),
            "args": ["--remote-allow-system-access"],  # to be told each tab's process
            "extraPrefsFirefox": self._preferences,
            "protocolTimeout": 0,  # `result` has a deadline
        }
        self.profile.mkdir(exist_ok=True)
        self._driver = subprocess.Popen(
            [shutil.which("node") or "node", _DRIVER, puppeteer_dir(), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOME": str(self.profile)},  # what it keeps beside the profile goes there, too
        )
        self._messages = queue.SimpleQueue()
        threading.Thread(target=_pump, args=(self._driver, self._messages), daemon=True).start()
        self._answers.clear()
        self._pages.clear()
        self._pid = self.result(_STARTED)

    def blank(self, *, new_window: bool = True) -> Page:
        """Open an empty page."""
        number = self.call(_BROWSER, "newPage", "window" if new_window else "tab")
        page = self._pages[number] = Page(self, number)
        return page

    def kill(self) -> None:
        """End the whole browser with SIGKILL, as a crash of the machine would."""
        if self._driver is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._driver.kill()
            self._driver.communicate()
            self._driver = None

    def processes(self) -> list[tuple[str, int]]:
        """Return title and process id of every tab."""
        return [(title, pid) for title, pid in self.call(_BROWSER, "processes")]

    def call(self, on: int, method: str, *words: Any) -> Any:
        """Call a method in the driver and return its value."""
        return self.result(self.send(on, method, *words), self._pages.get(on))

    def send(self, on: int, method: str, *words: Any) -> int:
        """Call a method in the driver without waiting; `result` takes the number returned."""
        self._last_id += 1
        assert self._driver is not None, "this browser was killed"
        assert self._driver.stdin is not None
        command = {"id": self._last_id, "on": on, "call": method, "with": words}
        self._driver.stdin.write(f"{json.dumps(command)}\n")
        self._driver.stdin.flush()
        return self._last_id

    def result(self, number: int, page: Page | None = None, timeout_s: float = DEADLINE_S) -> Any:
        """Wait for a call's value.

        Raises:
            PageError: If it failed.
            PageGoneError: If `page` is gone, so that none will come.
        """
        answer = self._answer(number, page, timeout_s)
        if "error" in answer:
            if page is not None and page.is_gone:
                raise PageGoneError(page.name)  # Firefox tries again in whatever stands in its place
            raise PageError(answer["error"])
        return answer.get("value")

    def _receive(self, deadline: float) -> None:
        try:
            message = self._messages.get(timeout=max(deadline - time.monotonic(), 0.001))
        except queue.Empty:
            raise TimeoutError("the browser did not answer in time") from None
        if message is None:
            raise PageError("the driver of Firefox ended; what it said stands above")
        if "id" in message:
            self._answers[message["id"]] = message
        elif page := self._pages.get(message["page"]):
            page.hear(message["event"], message["text"])


class Page(driven.Page):
    """One tab, by its number in the driver."""

    def __init__(self, browser: Firefox, number: int) -> None:
        super().__init__(f"tab {number}")
        self._browser = browser
        self.number = number

    def go(self, url: str) -> None:
        """Navigate, and wait for the `load` event."""
        self._browser.call(self.number, "goto", url)

    def go_back(self) -> None:
        """Go back in the history."""
        # Not waited for: puppeteer waits for a `load` event, which a page that was kept does not have again.
        self._browser.send(self.number, "goBack")

    def reload(self) -> None:
        """Load the page anew, and wait for the `load` event."""
        self._browser.call(self.number, "reload")

    def before_load(self, script: str) -> None:
        """Run a script in every document of this page before its own scripts."""
        self._browser.call(self.number, "evaluateOnNewDocument", script)

    def start(self, expression: str) -> Running:
        """Begin to evaluate JavaScript; a promise is awaited by `Running.result`."""
        # Of errors that are not JavaScript's own, such as Python's, puppeteer does not tell the text.
        script = (
            f"(async () => (0, eval)({json.dumps(expression)}))()"
            ".catch((error) => { throw new Error(String(error)); })"
        )
        call = self._browser.send(self.number, "evaluate", script)
        return Running(lambda timeout_s: self._browser.result(call, self, timeout_s))

    def pid(self) -> int:
        """Return the process id of this tab's process, known by a title that no other tab has."""
        title = f"tab {secrets.token_hex(8)}"
        self.js(f"document.title = {json.dumps(title)}")
        return int(wait_until(lambda: dict(self._browser.processes()).get(title), "the tab's new title"))

    def kill(self, pid: int | None = None) -> None:
        """End this tab's process with SIGKILL; it gets no chance to say goodbye."""
        pid = self.pid() if pid is None else pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: all(pid != other for _, other in self._browser.processes()), "a tab to crash")
        # The driver learns nothing of it, and what was asked of the tab is never answered.
        self.is_gone = True

    def close(self) -> None:
        """Close the tab as a user would, and wait until it is closed."""
        self._browser.send(self.number, "close")
        self._browser.listen(lambda: self.is_gone, "a tab to close")

    def hear(self, event: str, text: str) -> None:
        """Take note of an event."""
        if event == "gone":
            self.is_gone = True
        elif event in {"error", "warn", "assert"}:
            self.problems.append(text)
        else:
            self.log.append(text)


def _pump(driver: subprocess.Popen[str], messages: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Hand on what the driver says, and None when it ends."""
    assert driver.stdout is not None
    for line in driver.stdout:
        messages.put(json.loads(line))
    messages.put(None)
