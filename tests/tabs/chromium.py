"""A real Chromium that belongs to one test: tabs of one profile, which may be killed, frozen and restarted.

It is driven over the DevTools protocol itself, because drivers made for
testing pages keep every tab visible and awake, and what hidden, frozen and
killed tabs do is the point here.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket

from tests.setup import CHROMIUM_FLAGS, find_chromium
from tests.tabs import browser as driven
from tests.tabs.browser import DEADLINE_S, PageError, Running, wait_until

_PROCESSOR_TIME_SLACK_S = 0.025


class Chromium(driven.Browser["Page"]):
    """One browser process with a profile of its own.

    Args:
        profile: Its user data directory; what was stored there survives `kill` and `start`.
        flags: Command-line flags beyond the usual ones.
        command: What runs it, with its path and flags as arguments; nothing by default.
        connect: Opens a socket to one of its ports on loopback; by default on this program's own.
    """

    def __init__(
        self,
        profile: Path,
        *flags: str,
        command: Sequence[str] = (),
        connect: Callable[[int], socket.socket] | None = None,
    ) -> None:
        super().__init__(profile)
        self._flags = flags
        self._command = command
        self._connect = connect
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: websocket.WebSocket | None = None
        self.start()

    def start(self) -> None:
        """Start it, again after `kill`, with the same profile."""
        port_file = self.profile / "DevToolsActivePort"
        port_file.unlink(missing_ok=True)
        (self.profile / "SingletonLock").unlink(missing_ok=True)
        path = find_chromium()
        assert path is not None, "these tests need Chromium on the PATH"
        self._process = subprocess.Popen(
            [
                *self._command,
                path,
                *CHROMIUM_FLAGS,
                *self._flags,
                f"--user-data-dir={self.profile}",
                "--remote-debugging-port=0",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(self.profile)},  # what it keeps beside the profile goes there, too
            start_new_session=True,  # so that its helpers can be ended with it
        )
        wait_until(
            lambda: port_file.exists() and port_file.read_text().count("\n") > 0, "Chromium's DevTools port"
        )
        port, path = port_file.read_text().split()
        self._socket = websocket.create_connection(
            f"ws://127.0.0.1:{port}{path}",
            suppress_origin=True,
            timeout=DEADLINE_S,
            socket=None if self._connect is None else self._connect(int(port)),
        )
        self._answers.clear()
        self._pages.clear()

    def blank(self, *, new_window: bool = True) -> Page:
        """Open an empty page, for what has to be set up before anything loads."""
        target = self.call("Target.createTarget", url="about:blank", newWindow=new_window)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, target, session)
        for domain in ("Page", "Runtime", "Log", "Inspector"):
            page.call(f"{domain}.enable")
        return page

    def kill(self) -> None:
        """End the whole browser with SIGKILL, as a crash of the machine would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """Stop all its processes while the block runs, as a laptop's lid does."""
        assert self._process is not None, "this browser was killed"
        os.killpg(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGCONT)

    def renderer_pids(self) -> set[int]:
        """Return the process ids of all renderers."""
        processes = self.call("SystemInfo.getProcessInfo")["processInfo"]
        return {process["id"] for process in processes if process["type"] == "renderer"}

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send one DevTools command and return its result."""
        return self.result(self.send(method, session, **params))

    def send(self, method: str, session: str | None = None, **params: Any) -> int:
        """Send one DevTools command without waiting; `result` takes the number returned."""
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        assert self._socket is not None, "this browser was killed"
        self._socket.send(json.dumps(message))
        return self._last_id

    def result(self, number: int, page: Page | None = None, timeout_s: float = DEADLINE_S) -> dict[str, Any]:
        """Wait for a command's answer.

        Raises:
            PageGoneError: If `page` is gone, so that none will come.
        """
        answer = self._answer(number, page, timeout_s)
        if "error" in answer:
            raise PageError(answer["error"]["message"])
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self, deadline: float) -> None:
        assert self._socket is not None, "this browser was killed"
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))  # 0 would mean not to wait at all
        try:
            message = json.loads(self._socket.recv())
        except websocket.WebSocketTimeoutException:
            raise TimeoutError("the browser did not answer in time") from None
        if "id" in message:
            self._answers[message["id"]] = message
        elif message["method"] == "Target.detachedFromTarget":
            page = self._pages.get(message["params"]["sessionId"])
            if page is not None:
                page.is_gone = True
        elif page := self._pages.get(message.get("sessionId", "")):
            page.hear(message["method"], message["params"])


class Page(driven.Page):
    """One tab, by its DevTools session.

    Fields:
        told: What it said through bindings, see `bind`.
    """

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        super().__init__(target)
        self._browser = browser
        self.target = target
        self._session = session
        self._loads = 0
        self.told: list[str] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a DevTools command to this page and return its result."""
        return self._browser.result(self._browser.send(method, self._session, **params), self)

    def send(self, method: str, **params: Any) -> None:
        """Send a DevTools command to this page and wait for nothing: a page that is busy answers late."""
        self._browser.send(method, self._session, **params)

    def go(self, url: str) -> None:
        """Navigate, and wait for the `load` event."""
        loads = self._loads
        self.call("Page.navigate", url=url)
        self._wait_for_load(loads)

    def reload(self) -> None:
        """Load the page anew, and wait for the `load` event."""
        loads = self._loads
        self.call("Page.reload")
        self._wait_for_load(loads)

    def before_load(self, script: str) -> None:
        """Run a script in every document of this page before its own scripts."""
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def bind(self, name: str) -> None:
        """Give all documents of this page a function that takes a text, to be found in `told`."""
        self.call("Runtime.addBinding", name=name)

    def start(self, expression: str) -> Running:
        """Begin to evaluate JavaScript; a promise is awaited by `Running.result`."""
        number = self._browser.send(
            "Runtime.evaluate",
            self._session,
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        return Running(lambda timeout_s: _value(self._browser.result(number, self, timeout_s)))

    def click(self, selector: str) -> None:
        """Click an element as a mouse would, in its middle."""
        box = self.js(
            f"(() => {{ const element = document.querySelector({json.dumps(selector)});"
            " element.scrollIntoView({block: 'center'}); const box = element.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Type into whatever has the focus; a newline is the Enter key."""
        for part in text.splitlines(keepends=True):
            self.call("Input.insertText", text=part.rstrip("\n"))
            if part.endswith("\n"):
                key = {"key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13}
                self.call("Input.dispatchKeyEvent", type="keyDown", **key)
                self.call("Input.dispatchKeyEvent", type="keyUp", key="Enter", code="Enter")

    def screenshot(self) -> str:
        """Return a PNG of what shows, in base64."""
        data: str = self.call("Page.captureScreenshot", format="png")["data"]
        return data

    def resize(self, width: int, height: int) -> None:
        """Give the page a size in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def freeze(self) -> None:
        """Freeze the page as a browser does in the background: its `freeze` event fires, then tasks stop."""
        self.call("Page.setWebLifecycleState", state="frozen")

    def thaw(self) -> None:
        """Let a frozen page go on."""
        self.call("Page.setWebLifecycleState", state="active")

    def show(self) -> None:
        """Bring this tab to the front of its window."""
        self.call("Page.bringToFront")

    def minimise(self) -> None:
        """Hide the page's whole window."""
        self._set_window("minimized")

    def restore(self) -> None:
        """Show a minimised window again."""
        self._set_window("normal")

    def pid(self) -> int:
        """Return the process id of this page's renderer, known by the processor time that it has used."""
        self.call("Performance.enable")

        def only_match() -> int:
            self.js("{ const end = performance.now() + 50; while (performance.now() < end); }")
            metrics = self.call("Performance.getMetrics")["metrics"]
            used = next(one["value"] for one in metrics if one["name"] == "ProcessTime")
            pids = self._browser.renderer_pids()
            matches = [pid for pid in pids if abs(_processor_time_s(pid) - used) < _PROCESSOR_TIME_SLACK_S]
            return matches[0] if len(matches) == 1 else 0

        return int(wait_until(only_match, "a renderer that stands out by its processor time"))

    def kill(self, pid: int | None = None) -> None:
        """End this page's renderer with SIGKILL; it gets no chance to say goodbye."""
        os.kill(self.pid() if pid is None else pid, signal.SIGKILL)

    def close(self) -> None:
        """Close the tab as a user would, and wait until it is closed."""
        self._browser.call("Target.closeTarget", targetId=self.target)
        wait_until(self._is_closed, "a tab to close")

    def hear(self, method: str, params: dict[str, Any]) -> None:
        """Take note of an event."""
        if method == "Inspector.targetCrashed":
            self.is_gone = True
        elif method == "Runtime.bindingCalled":
            self.told.append(params["payload"])
        elif method == "Page.loadEventFired":
            self._loads += 1
        elif method == "Runtime.exceptionThrown":
            self.problems.append(_exception_text(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            words = [str(one.get("value", one.get("description", ""))) for one in params["args"]]
            place = self.problems if params["type"] in {"error", "warning", "assert"} else self.log
            place.append(" ".join(words))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            entry = params["entry"]
            self.problems.append(f"{entry['text']} {entry.get('url', '')}".strip())

    def _set_window(self, state: str) -> None:
        window = self._browser.call("Browser.getWindowForTarget", targetId=self.target)["windowId"]
        self._browser.call("Browser.setWindowBounds", windowId=window, bounds={"windowState": state})

    def _is_closed(self) -> bool:
        targets = self._browser.call("Target.getTargets")["targetInfos"]
        return all(one["targetId"] != self.target for one in targets)

    def _wait_for_load(self, loads: int) -> None:
        wait_until(
            lambda: self.js("document.readyState") == "complete" and self._loads > loads, "a page to load"
        )


def _processor_time_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # in user and in system mode


def _value(answer: dict[str, Any]) -> Any:
    if "exceptionDetails" in answer:
        raise PageError(_exception_text(answer["exceptionDetails"]))
    return answer["result"].get("value")


def _exception_text(details: dict[str, Any]) -> str:
    exception = details.get("exception", {})
    text = str(exception.get("description", exception.get("value", details.get("text", ""))))
    return text.partition("\n    at new_error")[0].rstrip()  # of a Python error, its own traceback is enough
