"""Always-on members as programs of their own, and waiting for what they do."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from tests.tabs.houses import SECRET

PATIENCE_S = 60


async def until(condition: Callable[[], object]) -> None:
    """Wait for what has to come, looking again and again."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for lies in several places
            await asyncio.sleep(0.02)


class PeerProgram:
    """`python -m webraft_web.peer`, and what it prints."""

    def __init__(self, *arguments: str | Path, secret: str = SECRET) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "webraft_web.peer", *map(str, arguments)],
            env={**os.environ, "WEBRAFT_SECRET": secret},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def wait_for(self, text: str) -> None:
        """Wait until it says `text` of how things stand: last of the room, or since then of anything else."""
        with self._changed:
            is_said = self._changed.wait_for(lambda: any(text in line for line in self._latest()), PATIENCE_S)
        assert is_said, f"expected {text!r}, and this was said:\n" + "\n".join(self.lines)

    def _latest(self) -> list[str]:
        others = ("signalling server", "problem", "recovered")
        states = [place for place, line in enumerate(self.lines) if not line.startswith(others)]
        return self.lines[states[-1] :] if states else []

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self._over()

    def end(self) -> int:
        """End it as a service manager would; return its exit code."""
        self.process.terminate()
        return self._over()

    def _over(self) -> int:
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code
