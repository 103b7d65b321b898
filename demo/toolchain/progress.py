"""Telling people what is going on: steps with their times, and failures that say what to do."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_REMINDER_S = 10.0
_SHOWN_OUTPUT = 3000


class SetupError(Exception):
    """Something is missing or failed that the person at the keyboard can mend; the message says how."""


def say(text: str) -> None:
    """Print a line at once, also where output goes to a file or a pipe."""
    print(text, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what begins, a word now and then while it lasts, and how long it took."""
    begun = time.monotonic()
    over = threading.Event()
    say(f"  … {title}")

    def remind() -> None:
        while not over.wait(_REMINDER_S):
            say(f"  … {title}: {time.monotonic() - begun:.0f} s so far")

    reminder = threading.Thread(target=remind, daemon=True)
    reminder.start()
    try:
        yield
    finally:
        over.set()
        reminder.join()
    say(f"  ✓ {title} ({time.monotonic() - begun:.1f} s)")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a tool to its end and return what it printed.

    Raises:
        SetupError: If it fails: with the end of its output.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        check=False,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise SetupError(
            f"This command failed with exit code {done.returncode}:\n"
            f"  {' '.join(words)}\n{done.stdout[-_SHOWN_OUTPUT:].rstrip()}"
        )
    return done.stdout
