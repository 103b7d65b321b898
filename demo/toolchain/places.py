"""Where things are in a working copy, and how what it needs is made once, whoever asks for it."""

from __future__ import annotations

import hashlib
import shutil
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from demo.toolchain.progress import step

if sys.platform != "win32":
    import fcntl

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
_THREADS: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)


def digest(files: Iterable[Path], *facts: str) -> str:
    """Return a hash of files, their names included, and of any facts besides."""
    total = hashlib.sha256("\0".join(facts).encode())
    for path in sorted(files):
        total.update(f"\0{path.relative_to(ROOT).as_posix()}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def provide(
    directory: Path, stamp: str, make: Callable[[], object], *, title: str = "", proof: Path | None = None
) -> Path:
    """Have `make` fill a directory, unless that was done under this very stamp, and return the directory.

    Threads and commands that want the same one wait for each other. It is empty when `make` is called,
    and one that is left half made is never taken for whole.

    Args:
        directory: Its name must be used for nothing else.
        stamp: Of all that it is made from; see `digest`.
        make: Fills it.
        title: What people are told that they wait for; "" for what takes no time.
        proof: What has to be there as well, or it is made again.
    """
    marker = directory.with_name(f"{directory.name}.stamp")
    with alone(directory.with_name(f"{directory.name}.lock")):
        with suppress(OSError):
            if marker.read_text(encoding="utf-8") == stamp and (proof or directory).exists():
                return directory
        marker.unlink(missing_ok=True)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        with ExitStack() as steps:
            if title:
                steps.enter_context(step(title))
            make()
        marker.write_text(stamp, encoding="utf-8")
    return directory


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Have all threads and commands that name this lock file run the block one after another."""
    with _THREADS[lock]:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w", encoding="utf-8") as file:
            _acquire(file)
            yield


def _acquire(file: IO[str]) -> None:
    """Lock a file until it is closed, which the system sees to however its process ends."""
    if sys.platform == "win32":
        return  # commands had better not be started at the same time there
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with step("Waiting for another command that gets the same ready"):
            fcntl.flock(file, fcntl.LOCK_EX)
