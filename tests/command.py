"""The command behind `python3 tests`: set up, run suite after suite, end with one line that sums up."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self
from xml.etree import ElementTree as ET

from demo.command import signaling_packages
from demo.toolchain.npm_package import npm_package
from demo.toolchain.places import ROOT
from demo.toolchain.progress import SetupError, say
from demo.toolchain.wheels import build_wheel, wheels_dir
from tests import setup
from tests.compiled.building import CannotBuildError, native_wheel, pyodide_wheel
from tests.tabs.serving import tab_routes

USAGE = """\
usage: python3 tests [SUITE…] [PYTEST ARGUMENTS…]

Without a suite, all of them run:
  lint      ruff, and the direction of imports
  types     mypy
  js        the JavaScript of glue and demo: prettier, tsc, node's test runner
  unit      the package on this Python, from its built wheel
  pyodide   the built wheel in Pyodide, under Node; with `all` in headless Chromium, too
  compiled  the compiled wheels, natively and in Pyodide, against the pure one
  javascript the npm package for JavaScript pages, under Node
  install   the wheel installed as README says: lock file, PyScript, JupyterLite
  signaling servers that connect browsers, as programs of their own
  tabs      several real tabs of headless Chromium
`all` stands for all of them, for the tests that take their time, for the programs
below that search for as long as they are given, and for
  pyodide-oldest as pyodide, in the oldest that is supported
  pyodide-next   as pyodide, in the newest
  firefox        several real tabs of headless Firefox
  network        browsers in networks that are cut and healed; needs root

Whatever follows the suites goes to pytest: python3 tests unit -k election -x
Files do, too:                              python3 tests tests/unit/test_wire.py

Programs that take arguments of their own, such as --help:
  scenarios    etcd's interaction scenarios, or those of a folder
  simulate     whole clusters on a virtual clock, under faults, from a seed
  histories    are recorded client histories linearizable?
  mutations    does the suite notice deliberate bugs?
  fuzz         hostile input, guided by coverage
  model        the TLA+ model of one server per browser
  chaos        real tabs, killed, frozen, blocked and navigated from a seed
  benchmarks   how fast all is in real tabs, beside what it should be
"""

CHECKED = ("lint", "types", "js")
TESTED = (
    "unit",
    "pyodide",
    "pyodide-oldest",
    "pyodide-next",
    "compiled",
    "javascript",
    "install",
    "signaling",
    "tabs",
    "firefox",
    "network",
)
IN_ALL = ("pyodide-oldest", "pyodide-next", "firefox", "network")
"""Suites that run when they or all are asked for."""
PROGRAMS = {
    "scenarios": "tests.scenarios.command",
    "simulate": "tests.simulator.command",
    "histories": "tests.histories.command",
    "mutations": "tests.mutations.command",
    "fuzz": "tests.fuzz.command",
    "model": "tests.model.command",
    "chaos": "tests.chaos.command",
    "benchmarks": "tests.benchmarks.command",
}
"""The modules whose `main` each of the programs is."""
IN_TABS = ("chaos", "benchmarks")
"""Programs that need what the tabs need."""
SEARCHES = (("simulate", "--minutes", "5", "--jobs", "2"), ("model",))
"""What `all` has them do; what the other programs do is among the unit tests, the long ones included."""
_CLOSING_LINE = re.compile(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?")
_NOTHING_COLLECTED = 5
_INTERRUPTED = 130
_GRACE_S = 20


@dataclass
class Tally:
    """How many checks and tests came out how."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: Tally) -> None:
        """Count what another tally has counted."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


@dataclass
class Plan:
    """What was asked for on the command line."""

    suites: list[str] = field(default_factory=list)
    is_long: bool = False
    pytest_arguments: list[str] = field(default_factory=list)
    paths: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_everything(self) -> bool:
        """Whether everything was asked for, the programs that search included."""
        return self.is_long and self.suites == list(CHECKED + TESTED) and not self.pytest_arguments


def read_arguments(arguments: Sequence[str]) -> Plan:
    """Tell suites, paths and pytest's own arguments apart.

    Raises:
        SetupError: If a word is none of them.
    """
    plan = Plan()
    words = list(arguments)
    while words and not words[0].startswith("-"):
        word = words.pop(0)
        path = Path(word.partition("::")[0])
        if word == "all":
            plan.is_long = True
        elif word in CHECKED + TESTED:
            plan.suites.append(word)
        elif path.exists():
            plan.paths.setdefault(_suite_of(path), []).append(word)
        else:
            raise SetupError(f"There is no suite and no file called {word!r}.\n\n{USAGE}")
    plan.pytest_arguments = words
    if plan.paths:
        plan.suites += [suite for suite in plan.paths if suite not in plan.suites]
    elif not plan.suites:
        plan.suites = list(TESTED if words else CHECKED + TESTED)
        if not plan.is_long:
            plan.suites = [suite for suite in plan.suites if suite not in IN_ALL]
    plan.suites.sort(key=(CHECKED + TESTED).index)
    return plan


def _suite_of(path: Path) -> str:
    home = ROOT / "tests"
    inside = path.resolve().relative_to(home).parts if path.resolve().is_relative_to(home) else ()
    return inside[0] if inside and inside[0] in TESTED else "unit"


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; returns the exit code."""
    # A shell that starts a program in the background has it ignore Ctrl-C's signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if arguments and arguments[0] in PROGRAMS:
        return _run_program(*arguments)
    if {"-h", "--help"} & set(arguments):
        say(USAGE)
        return 0
    begun = time.monotonic()
    total = Tally()
    scratch = Path(tempfile.mkdtemp(prefix="webraft-tests-"))
    os.environ["TMPDIR"] = str(scratch)  # for every program started from here on
    code = 0
    try:
        plan = read_arguments(arguments)
        python = set_up(plan)
        for suite in plan.suites:
            say(f"\n{suite}")
            run_suite = _run_checks if suite in CHECKED else _run_pytest
            total.add(run_suite(suite, plan, python, scratch))
        for search in SEARCHES if plan.is_everything else ():
            say(f"\n{' '.join(search)}")
            total.add(_run_search(search, python))
    except SetupError as error:
        say(f"\n{error}\n")
        total.failed += 1
    except KeyboardInterrupt:
        say("\nInterrupted.")
        code = _INTERRUPTED
    finally:
        _end_strays(scratch)
        shutil.rmtree(scratch, ignore_errors=True)
    if not total.passed + total.failed + total.skipped and not code:
        say("\nNo test ran.")
        code = 1
    say(f"\n{time.monotonic() - begun:.0f} s\n{total}")
    return code or bool(total.failed)


def _run_search(words: Sequence[str], python: Path) -> Tally:
    """Run a program, show what it prints, and read its closing line."""
    name, *arguments = words
    with _Program([*setup.program(python, PROGRAMS[name]), *arguments], ROOT, capture=True) as program:
        tally = Tally()
        for line in program.lines():
            say(line)
            if closing := _CLOSING_LINE.fullmatch(line):
                tally = Tally(*(int(number or 0) for number in closing.groups()))
        _, code = program.wait()
    if code and not tally.failed:
        tally.failed += 1
    return tally


def _run_program(name: str, *arguments: str) -> int:
    """Run one of the programs in the tests' environment; returns its exit code."""
    try:
        python = set_up(Plan(suites=["tabs" if name in IN_TABS else "unit"]))
        start = setup.program(python, PROGRAMS[name])
    except SetupError as error:
        say(f"\n{error}\n")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    process = subprocess.Popen([*start, *arguments], env={**os.environ, **setup.ENVIRONMENT})
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # the terminal has told the program, too: it tidies up and says so


def set_up(plan: Plan) -> Path:
    """Get what the suites need, several things at a time, and return the Python to test with."""
    needs: list[Callable[[], object]] = []
    if "js" in plan.suites:
        needs.append(setup.install_glue_tools)
    if set(TESTED) & set(plan.suites) - {"unit", "signaling"}:
        needs.append(setup.pyodide_dist)
    if {*setup.PYODIDE_VERSIONS, "install", "tabs", "firefox", "network"} & set(plan.suites):
        needs.append(setup.ensure_chromium)
    if {"install", "tabs", "firefox"} & set(plan.suites):
        needs += [wheels_dir, tab_routes]  # or processes that test at the same time would make them
    if "compiled" in plan.suites:
        needs += [_or_none(native_wheel), _or_none(pyodide_wheel)]
    if "javascript" in plan.suites:
        needs.append(npm_package)
    if "install" in plan.suites:
        needs += [setup.pyscript_dir, partial(setup.pyodide_dist, setup.PYODIDE_VERSIONS["pyodide-next"])]
    if {"signaling", "tabs", "firefox", "network"} & set(plan.suites):
        needs += [setup.signaling_dir, signaling_packages]
    if "firefox" in plan.suites:
        needs += [setup.ensure_firefox, setup.puppeteer_dir]
    if set(TESTED) & set(plan.suites):
        needs.append(build_wheel)
    say("Getting ready")
    with ThreadPoolExecutor() as pool:
        python = pool.submit(setup.tests_python)
        others = [pool.submit(need) for need in needs]
        for other in others:
            other.result()
        if set(TESTED) & set(plan.suites):
            setup.install_wheel(python.result())
        return python.result()


def _or_none(build: Callable[[], object]) -> Callable[[], object]:
    """Leave what cannot be built to the tests, which are skipped and say why."""

    def attempt() -> None:
        with suppress(CannotBuildError):
            build()

    return attempt


def _run_checks(suite: str, plan: Plan, python: Path, scratch: Path) -> Tally:
    del plan
    tally = Tally()
    for title, command, directory in setup.checks(suite, python, scratch):
        begun = time.monotonic()
        with _Program(command, directory, capture=True) as program:
            output, code = program.wait()
        say(f"  {'✗' if code else '✓'} {title} ({time.monotonic() - begun:.1f} s)")
        if code:
            say(output)
        report = scratch / f"{title}.xml"
        tally.add(_counted(report) if report.exists() else Tally(passed=not code, failed=bool(code)))
    return tally


def _run_pytest(suite: str, plan: Plan, python: Path, scratch: Path) -> Tally:
    report = scratch / f"{suite}.xml"
    where = plan.paths.get(suite) or setup.PYTEST_PATHS[suite]
    which = [] if plan.is_long or "-m" in plan.pytest_arguments else ["-m", "not long"]
    is_whole = suite not in plan.paths and not plan.pytest_arguments
    options = setup.pytest_options(suite, is_whole=is_whole, is_long=plan.is_long)
    command = [python, "-P", "-m", "pytest", *options, *which, f"--junitxml={report}"]
    with _Program([*command, *where, *plan.pytest_arguments], ROOT) as program:
        _, code = program.wait()
    tally = _counted(report) if report.exists() else Tally()
    if code not in {0, _NOTHING_COLLECTED} and not tally.failed:
        tally.failed += 1  # it broke off before, or beside, any test
    if code == _NOTHING_COLLECTED and not plan.pytest_arguments:
        say(f"There was no test in {suite}.")
        tally.failed += 1
    return tally


def _counted(report: Path) -> Tally:
    """Read a report in JUnit's format, which pytest and node both write."""
    cases = list(ET.parse(report).getroot().iter("testcase"))
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    return Tally(len(cases) - failed - skipped, failed, skipped)


class _Program:
    """A program in a session of its own, so that it can be ended with all that it has started."""

    def __init__(self, command: Sequence[str | Path], directory: Path, *, capture: bool = False) -> None:
        self._process = subprocess.Popen(
            [str(word) for word in command],
            cwd=directory,
            env={**os.environ, **setup.ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else None,
            stderr=subprocess.STDOUT if capture else None,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def lines(self) -> Iterator[str]:
        """Yield what it prints, as it does, if that is captured."""
        for line in self._process.stdout or ():
            yield line.rstrip("\n")

    def wait(self) -> tuple[str, int]:
        """Return what it printed, if that was captured, and its exit code."""
        output, _ = self._process.communicate()
        return output or "", self._process.returncode

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)  # pytest then tears its fixtures down
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _end_strays(scratch: Path) -> None:
    """End what is still running of what was started here, known by its temporary directory (Linux alone)."""
    mark = f"TMPDIR={scratch}".encode()
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if int(directory.name) != os.getpid() and mark in (directory / "environ").read_bytes():
                os.kill(int(directory.name), signal.SIGKILL)
        except OSError:
            continue  # it ended by itself, or belongs to somebody else
