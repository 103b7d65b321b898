"""The house rules that a program can check."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from demo.toolchain.runtime import OLDEST_NODE
from demo.toolchain.wheels import build_wheel
from tests.readme import TEXT

ROOT = Path(__file__).resolve().parents[1]
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
AT_THE_ROOT = {"pyproject.toml", "webraft_web", "js_glue", "demo", "tests", "README.md", "LICENSE"}
RAFT_WORDS = (
    r"raft|leader|follower|candidate|election|quorum|consensus|voter?s?\b|heartbeat|append_?entries|snapshot"
    r"|log_?index|current_?term|commit_?index"
)
OTHER_SENSES = {  # WebRTC's are ways to a page
    ("peer_connection", "candidate"),
    ("borrowed_connection", "candidate"),
}
SECTION = re.compile(r"§\s?([0-9A-B]+(?:\.\d+)*)")


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files under version control, and those about to be."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(path for line in listing.stdout.splitlines() if (path := ROOT / line).is_file())


def files(*suffixes: str, under: str = "") -> list[Path]:
    """Return tracked files by suffix."""
    return [path for path in tracked() if path.suffix in suffixes and path.is_relative_to(ROOT / under)]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return a Python file's functions and methods, inner ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def where(path: Path, line: int = 1) -> str:
    """Return a place as editors take it."""
    return f"{path.relative_to(ROOT)}:{line}"


def test_every_section_cited_exists_in_the_dissertation() -> None:
    """A § points into Ongaro's dissertation, whose numbers differ from the paper's."""
    listing = (ROOT / "tests" / "data" / "dissertation-sections.txt").read_text(encoding="utf-8")
    known = {line.split()[0] for line in listing.splitlines() if line.strip()}
    wrong = [
        f"{where(path, number)}: §{section}"
        for path in files(".py", ".js", ".md")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for section in SECTION.findall(line)
        if section not in known
    ]
    assert wrong == []


def test_the_glue_knows_nothing_of_raft() -> None:
    """The JavaScript carries text, and could carry any other protocol's."""
    wrong = [
        f"{where(path, number)}: {match[0]}"
        for path in files(".js", under="js_glue/src")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in re.finditer(RAFT_WORDS, line, re.IGNORECASE)
        if (path.name.split(".")[0], match[0].lower()) not in OTHER_SENSES
    ]
    assert wrong == []


def test_files_are_short_enough_to_read_at_one_sitting() -> None:
    """A file past the limit holds two things that want files of their own."""
    long = [
        f"{where(path)}: {lines} lines"
        for path in files(".py", ".js", ".mjs")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_FILE_LINES
    ]
    assert long == []


def test_functions_are_short_enough_to_see_at_once() -> None:
    """A function fits on a screen."""
    long = [
        f"{where(path, node.lineno)} {node.name}: {lines} lines"
        for path in files(".py")
        for node in functions(path)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_the_root_holds_only_the_agreed_names() -> None:
    """Whoever opens the project sees seven names, and dot-files."""
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} <= AT_THE_ROOT


def test_every_test_says_in_a_sentence_what_it_is_for() -> None:
    """A test's name is a claim; its docstring says why it matters."""
    silent = [
        f"{where(path, node.lineno)} {node.name}"
        for path in files(".py", under="tests")
        for node in functions(path)
        if node.name.startswith("test_") and path.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_every_module_says_what_it_is_for() -> None:
    """A module's docstring is the first thing that a newcomer reads."""
    silent = [
        where(path)
        for path in files(".py")
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        (
            "a package registry or a CDN",
            r"(?:pypi|pythonhosted|npmjs|jsdelivr|unpkg|cdnjs|esm\.sh)\.(?:org|com|net)",
        ),
        ("a private path", r"(?<![\w.-])/(?:home|root|Users)/\w"),
    ],
)
def test_no_file_names_what_only_one_machine_has(what: str, pattern: str) -> None:
    """Where packages come from is set up on each machine, and nobody's directories are written down."""
    found = [
        where(path, number)
        for path in tracked()
        if path.suffix not in {".png", ".ico", ".woff2"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(pattern, line) and path != Path(__file__)
    ]
    assert found == [], what


def test_the_wheel_is_as_small_as_the_readme_says() -> None:
    """The README names a size, and the wheel keeps below it."""
    stated = re.search(r"smaller than (\d+) KB", TEXT)
    assert stated is not None
    assert build_wheel().stat().st_size < int(stated[1]) * 1000


def test_the_wheel_carries_the_glue_and_nothing_else_of_javascript() -> None:
    """Every module of the glue is in the wheel, with no test, tool or dependency beside it."""
    with zipfile.ZipFile(build_wheel()) as wheel:
        names = wheel.namelist()
    glue = {f"webraft_web/_js/{path.name}" for path in (ROOT / "js_glue" / "src").glob("*.js")}
    glue = {name for name in glue if not name.endswith(".test.js")}
    assert {name for name in names if name.endswith((".js", ".mjs", ".json"))} == glue
    assert "webraft_web/py.typed" in names
    assert {name.split("/")[0] for name in names} == {"webraft_web", "webraft_web-0.1.0.dist-info"}


def test_the_readme_names_the_versions_that_the_tools_check() -> None:
    """What README asks of a machine is what the commands ask."""
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest_python = requires["requires-python"].removeprefix(">=")
    assert f"Python {oldest_python} or newer" in TEXT
    assert f"Node.js {OLDEST_NODE} or newer" in TEXT
    assert requires["dependencies"] == [
        f"jsonpatch>={re.findall(r'`jsonpatch` ([0-9.]+) or newer', TEXT)[0]}"
    ]


def test_nothing_is_left_to_be_done_later() -> None:
    """What is not finished is not in the tree."""
    marks = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
    found = [
        where(path, number)
        for path in files(".py", ".js", ".mjs", ".html", ".css", ".md")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if marks.search(line) and path != Path(__file__)
    ]
    assert found == []
