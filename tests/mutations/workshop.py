"""Where mutants are tried out: a temporary copy of the package and its tests for each of them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from demo.toolchain.places import ROOT
from tests.mutations.mutant import Mutant

TIMEOUT_S: Final = 120
"""How long the tests of one mutant may take: many times what they need without it."""
_COPIED: Final = ("webraft_web", "tests", "demo", "pyproject.toml")
_LEFT_OUT: Final = shutil.ignore_patterns("node_modules", "__pycache__", ".*")
_PLUGINS: Final = ("_hypothesis_pytestplugin",)
"""Those that the tests need; to load the others too would take longer than most mutants live."""
_SHOWN_OUTPUT: Final = 2000


class Trial(NamedTuple):
    """What is to notice a mutant: a program, run with the copy as its working directory.

    Fields:
        arguments: A module and what its `main` is given; its exit code is 0 for nothing noticed.
        sign: Finds in its output, as the first group, what noticed.
        timeout_s: After this it is stopped, and has noticed.
    """

    arguments: list[str]
    sign: re.Pattern[str]
    timeout_s: float


class Verdict(NamedTuple):
    """What became of one mutant.

    Fields:
        is_noticed: Whether a test failed; or the tests hung, or crashed.
        by: Which test failed first, or how else it was noticed; "" for a survivor.
        seconds: How long it took.
    """

    is_noticed: bool
    by: str
    seconds: float


class Finished(NamedTuple):
    """A program that ran to its end; `code` None if it had to be stopped."""

    code: int | None
    output: str


class Workshop:
    """A directory of copies, gone afterwards. Its methods may be called by several threads."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="webraft-mutants-"))
        self._original = self._directory / "original"
        self._running: set[subprocess.Popen[str]] = set()
        self._is_stopped = False

    def __enter__(self) -> Self:
        self._original.mkdir()
        for name in _COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, self._original / name, ignore=_LEFT_OUT)
            else:
                shutil.copy2(ROOT / name, self._original / name)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def stop(self) -> None:
        """End what is running, and run nothing more."""
        self._is_stopped = True
        for process in list(self._running):
            _kill(process)

    def check_fits(self, mutant: Mutant) -> None:
        """Raise OutOfDateError if the mutant does not fit the package."""
        mutant.mutated((self._original / "webraft_web" / mutant.file).read_text(encoding="utf-8"))

    def check_original(self, arguments: Sequence[str]) -> str:
        """Run a program without any mutant; return what is wrong, "" for nothing.

        This also compiles everything that the copies will find compiled.
        """
        finished = self._run(self._original, arguments, 5 * TIMEOUT_S)
        return "" if finished.code == 0 else finished.output[-_SHOWN_OUTPUT:] or f"exit code {finished.code}"

    def try_out(self, mutant: Mutant, trial: Trial) -> Verdict:
        """Put a mutant into a copy, and see whether it is noticed there."""
        begun = time.monotonic()
        directory = self._directory / mutant.name
        shutil.copytree(self._original, directory)
        try:
            mutant.put_into(directory / "webraft_web")
            finished = self._run(directory, trial.arguments, trial.timeout_s)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        seconds = time.monotonic() - begun
        if finished.code is None:
            return Verdict(True, f"it hung: stopped after {trial.timeout_s:.0f} s", seconds)
        if finished.code < 0:
            return Verdict(True, f"it crashed: {signal.Signals(-finished.code).name}", seconds)
        if finished.code == 0:
            return Verdict(False, "", seconds)
        found = trial.sign.search(finished.output)
        return Verdict(True, found[1] if found else f"it broke off: {_last_line(finished.output)}", seconds)

    def _run(self, directory: Path, arguments: Sequence[str], timeout_s: float) -> Finished:
        environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
        environment["PYTHONPATH"] = str(directory)
        environment["PYTHONHASHSEED"] = "0"
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.mutations.bounded", *arguments],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._running.add(process)
        try:
            if self._is_stopped:
                _kill(process)
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            return Finished(None, process.communicate()[0])
        finally:
            self._running.discard(process)
        return Finished(process.returncode, output)


def by_tests(paths: Sequence[str]) -> Trial:
    """Return the trial by these tests up to the first failure, with the same chance each time."""
    plugins = [word for name in _PLUGINS for word in ("-p", name)]
    options = ["-x", "-q", "--tb=no", "--hypothesis-seed=0", *plugins]
    arguments = ["pytest", *options, *(f"tests/unit/{path}" for path in paths)]
    return Trial(arguments, re.compile(r"^(?:FAILED|ERROR) tests/unit/(\S+)", re.MULTILINE), TIMEOUT_S)


def by_simulator(seed: int, *, runs: int | None = None, minutes: float = 0) -> Trial:
    """Return the trial by simulated clusters, see `tests.simulator`: so many runs, or for so long."""
    much = ["--minutes", str(minutes)] if runs is None else ["--runs", str(runs)]
    arguments = ["tests.simulator.command", "--seed", str(seed), *much]
    sign = re.compile(r"^(seed \d+: .*(?:\n.*\S.*)?)", re.MULTILINE)
    return Trial(arguments, sign, 2 * 60 * minutes + TIMEOUT_S)


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1] if lines else ""
