"""The list of deliberate bugs, and that trying them out tells noticed from unnoticed."""

import re

import pytest

from demo.toolchain.places import ROOT
from tests.mutations import command
from tests.mutations.mutant import Mutant, OutOfDateError, read_list
from tests.mutations.workshop import Workshop, by_tests

MUTANTS = read_list()
RULES = range(1, 15)
"""Of DESIGN.md's "What keeps it safe"."""
TESTS = ("core/test_quorum.py",)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_fits_the_package(mutant):
    """Its old text stands there exactly once, what it makes of the file is Python, and its tests exist."""
    text = mutant.mutated((ROOT / "webraft_web" / mutant.file).read_text(encoding="utf-8"))
    compile(text, mutant.file, "exec")
    assert mutant.tests
    assert [path for path in mutant.tests if not (ROOT / "tests" / "unit" / path).exists()] == []


def test_the_list_covers_every_rule():
    """The fourteen that keep it safe, the core above all, and the dissertation's by their sections."""
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names))
    assert len([mutant for mutant in MUTANTS if mutant.file.startswith("core/")]) >= 25
    rules = {int(rule) for mutant in MUTANTS for rule in re.findall(r"rule (\d+)", mutant.rule)}
    assert rules == set(RULES)
    listing = (ROOT / "tests" / "data" / "dissertation-sections.txt").read_text(encoding="utf-8")
    sections = {line.split()[0] for line in listing.splitlines() if line.strip()}
    assert {section for mutant in MUTANTS for section in re.findall(r"§([\d.]+)", mutant.rule)} <= sections


@pytest.fixture(scope="module")
def workshop():
    with Workshop() as workshop:
        assert workshop.check_original(by_tests(TESTS).arguments) == ""
        yield workshop


def quorum_mutant(old, new):
    return Mutant("tried-out", "Something.", "§3.4", "core/quorum.py", old, new, TESTS)


def test_a_mutant_is_noticed_by_the_test_that_fails(workshop):
    """And the package itself stays as it is."""
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "half-is-a-quorum")
    before = (ROOT / "webraft_web" / mutant.file).read_bytes()
    verdict = workshop.try_out(mutant, by_tests(mutant.tests))
    assert verdict.is_noticed
    assert verdict.by == "core/test_quorum.py::test_any_two_majorities_share_a_server[2]"
    assert (ROOT / "webraft_web" / mutant.file).read_bytes() == before


def test_a_mutant_that_breaks_nothing_survives(workshop):
    """Otherwise "noticed" would say nothing."""
    verdict = workshop.try_out(quorum_mutant("count // 2 + 1", "1 + count // 2"), by_tests(TESTS))
    assert (verdict.is_noticed, verdict.by) == (False, "")


def test_a_mutant_that_hangs_is_noticed_and_said_to_hang(workshop):
    """Nobody waits for it for ever."""
    mutant = quorum_mutant("    return count // 2 + 1", "    while True:\n        count += 0")
    verdict = workshop.try_out(mutant, by_tests(TESTS)._replace(timeout_s=5))
    assert (verdict.is_noticed, verdict.by) == (True, "it hung: stopped after 5 s")


def test_a_mutant_that_does_not_fit_any_more_is_told(workshop):
    """It would test nothing, and nobody would know."""
    for old in ("no such text", "return"):
        with pytest.raises(OutOfDateError, match="out of date: the old text of 'tried-out' stands"):
            workshop.check_fits(quorum_mutant(old, ""))


@pytest.mark.long
def test_every_mutant_is_noticed():
    """Each by the tests that are named with it."""
    assert command.main([]) == 0
