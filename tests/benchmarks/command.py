"""`python3 tests benchmarks`: the project's figures, measured, beside its goals."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from demo.toolchain.progress import SetupError, say
from demo.toolchain.runtime import DEFAULT_VERSION
from tests import setup
from tests.benchmarks import across, core_throughput, edit, failover, hidden, join, memory, tabs, writes
from tests.benchmarks.figures import Figure, Options, table
from tests.tabs.browser import PageError, PageGoneError

BENCHMARKS: Final = {
    "core": core_throughput,
    "writes": writes,
    "failover": failover,
    "join": join,
    "across": across,
    "tabs": tabs,
    "edit": edit,
    "hidden": hidden,
    "memory": memory,
}
"""Modules by their names; each has a TITLE and `measure(options, say)`, which yields figures."""
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str]) -> int:
    """Measure what was asked for; returns 0 if all could be measured, whatever the figures, else 1."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what ends this ends its browser, too
    measured: dict[str, list[Figure]] = {}
    problems: list[str] = []
    load = os.getloadavg()[0]
    code = 0
    try:
        setup.ensure_chromium()
        for name in options.names or BENCHMARKS:
            say(f"\n{name}: {BENCHMARKS[name].TITLE}")
            _measure(name, Options(options.trials, options.minutes, options.tabs), measured, problems)
    except KeyboardInterrupt:
        say("Interrupted.")
        code = _INTERRUPTED
    except SetupError as error:
        say(f"\n{error}\n")
        return 1
    about = _about_here(load)
    say("\n".join(["", *table(measured.items()), "", *(f"{what}: {value}" for what, value in about.items())]))
    if problems:
        say("\n".join(f"✗ {problem}" for problem in problems))
    if options.json is not None:
        groups = {name: [figure.as_json() for figure in figures] for name, figures in measured.items()}
        text = json.dumps({"about": about, "figures": groups, "problems": problems}, indent=1)
        options.json.write_text(text, encoding="utf-8")
    return code or bool(problems)


def _measure(name: str, options: Options, measured: dict[str, list[Figure]], problems: list[str]) -> None:
    begun = time.monotonic()
    figures = measured[name] = []
    try:
        # One by one, so that what was measured is there if the rest cannot be.
        figures.extend(BENCHMARKS[name].measure(options, lambda line: say(f"  … {line}")))
    except (PageError, PageGoneError, SetupError, TimeoutError, AssertionError) as error:
        problems.append(f"{name} broke off: {type(error).__name__}: {error}")
        say(f"  ✗ {problems[-1]}")
    say(f"  {time.monotonic() - begun:.0f} s")


def _about_here(load: float) -> dict[str, Any]:
    """Return what figures depend on, besides the program."""
    return {
        "processors": os.cpu_count(),
        "processes waiting for one before and after": f"{load:.1f}, {os.getloadavg()[0]:.1f}",
        "Pyodide": DEFAULT_VERSION,
        "Python": sys.version.partition(" ")[0],
    }


def _at_least(kind: Callable[[str], float], least: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        number = kind(text)
        if number < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least:g}")
        return number

    return read


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 tests benchmarks",
        description="Measure how fast the project is, in real tabs of a browser, and print figures\n"
        "beside its goals. Nothing is asserted: a figure depends on the machine and on what else it does.",
        epilog="\n".join(f"{name}: {module.TITLE}" for name, module in BENCHMARKS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", choices=[[], *BENCHMARKS], help=f"{', '.join(BENCHMARKS)} (all)"
    )
    defaults = Options()
    for name, kind, least, words in (
        ("trials", int, 1, "how many of each"),
        ("minutes", float, 0.1, "how long, of those that last"),
        ("tabs", int, 3, "how many make a crowd"),
    ):
        default = getattr(defaults, name)
        parser.add_argument(
            f"--{name}", type=_at_least(kind, least), default=default, help=f"{words} (%(default)s)"
        )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all values")
    return parser
