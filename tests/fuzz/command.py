"""`python3 tests fuzz`: hostile input guided by coverage, in one process per target."""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from demo.toolchain.places import ROOT
from demo.toolchain.progress import say
from tests.fuzz.choices import MAX_LENGTH, Choices
from tests.fuzz.targets import TARGETS

_INTERRUPTED: Final = 130
_MEMORY_MB: Final = 1024
_HANG_S: Final = 60
_REPORT_EVERY_S: Final = 30
_SEEDS: Final = 64
_DECODED_PER_STEPPED: Final = 10
"""Inputs for a target that decodes one value, for each of the one that steps many messages."""
_SHRINKING_TRIES: Final = 3000
_STATUS: Final = re.compile(r"#\d+\t")


def main(arguments: Sequence[str]) -> int:
    """Fuzz, or replay one input; returns 0 if nothing broke, else 1."""
    options = _parser().parse_args(arguments)
    names = options.targets or list(TARGETS)
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        say(f"There is no target {unknown[0]!r}; there are {', '.join(TARGETS)}.")
        return 1
    if options.replay is not None:
        return _replay(names, options.replay)
    if importlib.util.find_spec("atheris") is None:
        say(f"Skipped: atheris, which guides the fuzzing, is not there for Python {sys.version[:6]} here.")
        say(f"0 passed, 0 failed, {len(names)} skipped")
        return 0
    seconds = None if options.minutes is None else max(1, round(60 * options.minutes / len(names)))
    failed = 0
    try:
        for name in names:
            runs = options.runs * (1 if name == "step" else _DECODED_PER_STEPPED)
            failed += not _fuzz(name, options.seed, runs, seconds)
    except KeyboardInterrupt:
        say("Interrupted.")
        return _INTERRUPTED
    say(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 tests fuzz",
        description="Feed hostile input to what takes input from outside, guided by the branches it reaches. "
        "An input that breaks something is shrunk and printed with the command that replays it.",
    )
    parser.add_argument(
        "targets", metavar="TARGET", nargs="*", help=f"of {', '.join(TARGETS)}; without any, all"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="of all randomness; with --runs the same finds the same"
    )
    much = parser.add_mutually_exclusive_group()
    much.add_argument(
        "--runs",
        type=int,
        default=5000,
        help=f"inputs for the target step (default 5000); others get {_DECODED_PER_STEPPED} times as many",
    )
    much.add_argument("--minutes", type=float, help="for all targets together, in place of --runs")
    parser.add_argument(
        "--replay", metavar="FILE|HEX", help="try this one input, on the named target or on all"
    )
    return parser


def _fuzz(name: str, seed: int, runs: int, seconds: int | None) -> bool:
    """Run one target in a process of its own; return whether it stood."""
    with tempfile.TemporaryDirectory(prefix="webraft-fuzz-") as scratch:
        corpus = Path(scratch, "corpus")
        corpus.mkdir()
        randomness = random.Random(seed)
        for number in range(_SEEDS):
            length = randomness.randrange(1, MAX_LENGTH)
            Path(corpus, f"{number}").write_bytes(randomness.randbytes(length))
        flags = [
            f"-seed={seed % 2**32 or 2**32 - 1}",  # libFuzzer takes 0 for "choose one"
            f"-max_total_time={seconds}" if seconds else f"-runs={runs}",
            f"-max_len={MAX_LENGTH}",
            "-len_control=0",
            f"-rss_limit_mb={_MEMORY_MB}",
            f"-timeout={_HANG_S}",
            f"-artifact_prefix={scratch}/",
        ]
        code, output = _watch(name, [*flags, str(corpus)])
        if code == 0:
            return True
        found = [path for path in Path(scratch).iterdir() if path.is_file()]
        say("\n".join(output))
        for path in found:
            _report(name, path.read_bytes())
        return False


def _watch(name: str, flags: list[str]) -> tuple[int, list[str]]:
    """Run the worker, say now and then how far it is; return its exit code and what else it printed."""
    start = (
        f"import sys; sys.path.append({str(ROOT)!r}); from tests.fuzz.worker import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-P", "-c", start, name, *flags]
    begun = said = time.monotonic()
    status = ""
    other: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as worker:
        assert worker.stdout is not None
        try:
            for line in worker.stdout:
                if not _STATUS.match(line):
                    other.append(line.rstrip())
                    continue
                status = line.partition("lim:")[0].strip()
                if time.monotonic() - said >= _REPORT_EVERY_S:
                    said = time.monotonic()
                    say(f"  … {name}: {status}")
        except KeyboardInterrupt:
            worker.wait()  # it got the signal too
            raise
    mark = "✗" if worker.returncode else "✓"
    say(f"  {mark} {name}: {status} ({time.monotonic() - begun:.0f} s)")
    return worker.returncode, other


def _report(name: str, data: bytes) -> None:
    error = _error_of(TARGETS[name], data)
    if error is None:
        say("It broke there and not here: it may depend on the inputs before it, on time or on memory.")
    else:
        data = _shrunk(TARGETS[name], data, error)
    say(f"Replay it with: python3 tests fuzz {name} --replay {data.hex() or '00'}")


def _replay(names: Sequence[str], source: str) -> int:
    try:
        data = bytes.fromhex(source)
    except ValueError:
        data = Path(source).read_bytes()
    failed = 0
    for name in names:
        error = _error_of(TARGETS[name], data)
        if error is not None:
            failed += 1
            say("".join(traceback.format_exception(error)))
        say(f"  {'✗' if error else '✓'} {name}")
    say(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _error_of(target: Callable[[Choices], None], data: bytes) -> Exception | None:
    try:
        target(Choices(data))
    except Exception as error:  # noqa: BLE001  # whatever breaks is what is looked for
        return error
    return None


def _place(error: Exception) -> tuple[str, str, int]:
    """Return what broke and where: two inputs that agree in it show the same defect."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return type(error).__name__, last.filename, last.lineno or 0


def _shrunk(target: Callable[[Choices], None], data: bytes, error: Exception) -> bytes:
    """Return a shorter input that breaks the same place."""
    tries = 0
    size = len(data)
    while size:
        begin = 0
        while begin < len(data) and tries < _SHRINKING_TRIES:
            tries += 1
            shorter = data[:begin] + data[begin + size :]
            other = _error_of(target, shorter)
            if other is not None and _place(other) == _place(error):
                data = shorter
            else:
                begin += size
        size //= 2
    return data
