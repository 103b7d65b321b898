"""What JavaScript pages are promised: tried in the npm package itself, under Node, each promise a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.javascript.conftest import PROGRAMS, Outcomes

MODULES = ("promises.mjs", "assumptions.mjs", "facade.mjs", "leaks.mjs")
IN_PYTHON = {"promises.mjs": "test_webraft_readme.py", "assumptions.mjs": "test_webraft_assumptions.py"}


def names(module: str) -> list[str]:
    text = (PROGRAMS / module).read_text(encoding="utf-8")
    return re.findall(r'^(?:promise|beforeLoad)\(\s*"(.+?)",', text, re.MULTILINE)


def titles(*modules: str) -> list[str]:
    return [name for module in modules for name in names(module)]


@pytest.fixture(scope="session")
def outcomes(project: Path) -> Outcomes:
    """Return what comes of all promises, in one process with one Pyodide."""
    return Outcomes(project, *MODULES)


@pytest.mark.parametrize("name", titles(*MODULES))
def test_a_promise_is_kept_in_javascript(outcomes: Outcomes, name: str) -> None:
    """As its name says."""
    outcomes.check(name)


@pytest.fixture(scope="session")
def long_outcomes(project: Path) -> Outcomes:
    """Return what is left of ten thousand proposals."""
    return Outcomes(project, "leaks.mjs", proposals=10_000)


@pytest.mark.long
@pytest.mark.parametrize("name", titles("leaks.mjs"))
def test_nothing_leaks_across_the_border_over_ten_thousand_proposals(
    long_outcomes: Outcomes, name: str
) -> None:
    """As over the first few."""
    long_outcomes.check(name)


@pytest.mark.parametrize("module", IN_PYTHON)
def test_each_promise_of_webrafts_readme_is_tried_in_both_languages(module: str) -> None:
    """By the same names: what is promised to one is promised to the other."""
    text = (Path(__file__).parents[1] / "unit" / IN_PYTHON[module]).read_text(encoding="utf-8")
    in_python = re.findall(r"^def test_(\w+)", text, re.MULTILINE)
    assert [name.replace("_", " ") for name in in_python] == titles(module)
