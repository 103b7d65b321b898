"""The command that has the models of "one server per browser" checked."""

import re
import shutil

import pytest

from tests.model import command, tlc
from tests.model.cases import DEEP_DESIGNS, DESIGNS, WEAKENINGS, WITNESSES, Case, Expected, all_cases

VIOLATION = """\
TLC2 Version 2.15
@!@!@STARTMSG 2185:0 @!@!@
Starting...
@!@!@ENDMSG 2185 @!@!@
@!@!@STARTMSG 2110:1 @!@!@
Invariant NothingLost is violated.
@!@!@ENDMSG 2110 @!@!@
@!@!@STARTMSG 2121:1 @!@!@
The behavior up to this point is:
@!@!@ENDMSG 2121 @!@!@
@!@!@STARTMSG 2217:4 @!@!@
1: <Initial predicate>
/\\ store = 1
/\\ msgs = {}

@!@!@ENDMSG 2217 @!@!@
@!@!@STARTMSG 2217:4 @!@!@
2: <Write line 108, col 3 to line 121, col 71 of module Site>
/\\ store = [ a |->
      2 ]
/\\ msgs = {}

@!@!@ENDMSG 2217 @!@!@
@!@!@STARTMSG 2199:0 @!@!@
1234 states generated, 1,021 distinct states found, 12 states left on queue.
@!@!@ENDMSG 2199 @!@!@
@!@!@STARTMSG 2194:0 @!@!@
The depth of the complete state graph search is 9.
@!@!@ENDMSG 2194 @!@!@
"""
SUCCESS = """\
@!@!@STARTMSG 2193:0 @!@!@
Model checking completed. No error has been found.
@!@!@ENDMSG 2193 @!@!@
"""
NAMES = [case.name for case in all_cases()]


def source(module):
    return (tlc.HOME / f"{module}.tla").read_text(encoding="utf-8")


def defined(module):
    return set(re.findall(r"^(\w+)(?:\(.*?\))? ==", source(module), re.MULTILINE))


@pytest.mark.parametrize("module", ["Site", "Journal"])
def test_every_weakening_that_a_model_knows_is_tried(module):
    """A rule that nothing drops could be superfluous, or the model blind to it."""
    (listed,) = re.findall(r"^Weakenings == \{(.*?)\}", source(module), re.MULTILINE | re.DOTALL)
    named = set(re.findall(r'"([^"]+)"', listed))
    assert named == {name for name, (where, _) in WEAKENINGS.items() if where == module}
    assert named == set(re.findall(r'Weak\("([^"]+)"\)', source(module)))


@pytest.mark.parametrize("module", ["Site", "Journal"])
def test_every_witness_that_a_model_defines_is_looked_for(module):
    """A model whose interesting states cannot be reached proves nothing."""
    witnesses = re.findall(r"^(No\w+) ==", source(module).partition("must be reachable")[2], re.MULTILINE)
    assert set(witnesses) == {name for name, (where, _) in WITNESSES.items() if where == module}


@pytest.mark.parametrize("case", all_cases() + all_cases(is_deep=True), ids=lambda case: case.name)
def test_a_case_sets_every_constant_and_names_what_is_defined(case):
    """TLC would say so too, but only after a start of Java each."""
    (declared,) = re.findall(r"^CONSTANTS\n(.*?)\n\n", source(case.module), re.MULTILINE | re.DOTALL)
    assert set(case.constants) == set(re.findall(r"^  (\w+)", declared, re.MULTILINE))
    assert case.invariants
    assert set(case.invariants) <= defined(case.module)


def test_cases_have_names_of_their_own():
    """The command line chooses by name, in either size."""
    assert len(set(NAMES)) == len(NAMES)
    assert DESIGNS.keys() == DEEP_DESIGNS.keys()


def test_a_violation_is_read_with_its_trace():
    """The report says what broke, after how many steps, and `--trace` how."""
    outcome = tlc.read(VIOLATION.splitlines(keepends=True))
    assert (outcome.violated, outcome.states, outcome.depth) == ("NothingLost", 1021, 9)
    assert outcome.trace == [
        ("Initial predicate", {"store": "1", "msgs": "{}"}),
        ("Write", {"store": "[ a |-> 2 ]", "msgs": "{}"}),
    ]
    assert not outcome.is_complete
    assert not outcome.error


def test_only_a_search_that_came_to_its_end_is_complete():
    """Silence is no proof."""
    assert tlc.read(SUCCESS.splitlines()).is_complete
    assert not tlc.read([]).is_complete


def test_errors_of_tlc_and_of_java_are_errors():
    """A model that cannot be evaluated, or no memory: neither holds nor breaks."""
    lines = ["@!@!@STARTMSG 3002:1 @!@!@", "Parsing failed.", "@!@!@ENDMSG 3002 @!@!@"]
    assert tlc.read(lines).error == "Parsing failed.\n"
    assert "OutOfMemoryError" in tlc.read(["java.lang.OutOfMemoryError: heap"]).error


@pytest.mark.parametrize("expected", Expected)
@pytest.mark.parametrize(
    ("outcome", "right"),
    [
        (tlc.Outcome(is_complete=True), {Expected.HOLDS}),
        (tlc.Outcome(violated="NothingLost"), {Expected.BREAKS, Expected.REACHED}),
        (tlc.Outcome(error="no memory"), set()),
        (tlc.Outcome(violated="NothingLost", error="no memory"), set()),
    ],
)
def test_a_design_has_to_hold_and_all_else_to_be_violated(expected, outcome, right, capsys):
    """A weakening that survives fails the command as a broken design does."""
    case = Case("x", "Site", expected, {}, ("NothingLost",))
    assert command.report(case, outcome, 1.0, shows_trace=False) == (expected in right)
    assert capsys.readouterr().out.strip().startswith("✓" if expected in right else "✗")


def test_without_java_all_is_skipped_and_said_so(monkeypatch, capsys):
    """Java is no requirement of the project."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert command.main([]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"0 passed, 0 failed, {len(NAMES)} skipped"


def test_an_unknown_case_is_refused_with_the_known_ones(capsys):
    """A typing error must not pass as nothing to do."""
    with pytest.raises(SystemExit):
        command.main(["unfenced"])
    assert "unfenced reads" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.skipif(shutil.which("java") is None, reason="Java is missing")
def test_tlc_finds_the_takeover_that_nobody_checked(capsys):
    """The whole way, through TLC, for the smallest model."""
    assert command.main(["unchecked takeover", "NoFreedPosition", "--trace"]) == 0
    out = capsys.readouterr().out
    assert "violates" in out
    assert "Write" in out
    assert out.splitlines()[-1] == "2 passed, 0 failed"
