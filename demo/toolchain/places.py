"""Where things are in a working copy, and stamps that tell whether something made is still up to date."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"


def digest(files: Iterable[Path], *facts: str) -> str:
    """Return a hash of files, their names included, and of any facts besides."""
    total = hashlib.sha256("\0".join(facts).encode())
    for path in sorted(files):
        total.update(f"\0{path.relative_to(ROOT).as_posix()}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def is_fresh(directory: Path, stamp: str) -> bool:
    """Tell whether `directory` was finished under this very stamp."""
    try:
        return _stamp_file(directory).read_text(encoding="utf-8") == stamp
    except OSError:
        return False


def one_at_a_time(make: Callable[P, T]) -> Callable[P, T]:
    """Have threads that want the same thing made wait for each other."""
    lock = threading.RLock()

    @wraps(make)
    def wait(*args: P.args, **kwargs: P.kwargs) -> T:
        with lock:
            return make(*args, **kwargs)

    return wait


def begin(directory: Path) -> None:
    """Empty a directory, so that one left half made is never taken for whole."""
    _stamp_file(directory).unlink(missing_ok=True)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)


def finish(directory: Path, stamp: str) -> None:
    """Mark a directory as made under `stamp`."""
    _stamp_file(directory).write_text(stamp, encoding="utf-8")


def _stamp_file(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.stamp")
