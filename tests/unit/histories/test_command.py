"""`python3 tests histories`: what it prints, and with which code it ends."""

import pytest

from tests.histories.command import main
from tests.histories.recorder import History

GOOD = "0	:invoke	:write	1\n0	:ok	:write	1\n0	:invoke	:read	nil\n0	:ok	:read	1\n"
BAD = "0	:invoke	:write	1\n0	:ok	:write	1\n0	:invoke	:read	nil\n0	:ok	:read	2\n"


def run(capsys, *arguments):
    """Run the command; return its exit code and the lines it printed."""
    code = main([str(one) for one in arguments])
    return code, capsys.readouterr().out.splitlines()


def test_without_verdicts_every_history_should_be_linearizable(tmp_path, capsys) -> None:
    """One line per file, the reason under what fails, and a sum."""
    (tmp_path / "good.log").write_text(GOOD)
    assert run(capsys, tmp_path)[0] == 0
    (tmp_path / "bad.log").write_text(BAD)
    code, lines = run(capsys, tmp_path)
    assert code == 1
    assert lines[0].startswith("✗ bad.log  not linearizable, expected: linearizable  (2 operations, ")
    assert "      process 0  [3..4]  read -> 2" in lines
    assert lines[-2].startswith("✓ good.log  linearizable  (2 operations, ")
    assert lines[-1] == "1 passed, 1 failed"


def test_verdicts_are_what_is_compared_with(tmp_path, capsys) -> None:
    """A history that fails as it should passes, and any difference is a failure."""
    (tmp_path / "good.log").write_text(GOOD)
    (tmp_path / "bad.log").write_text(BAD)
    verdicts = tmp_path / "verdicts.tsv"
    verdicts.write_text("bad.log\tnot linearizable\ngood.log\tlinearizable\n")
    assert run(capsys, tmp_path)[0] == 0
    verdicts.write_text("bad.log\tnot linearizable\ngood.log\tnot linearizable\n")
    code, lines = run(capsys, tmp_path)
    assert (code, lines[-1]) == (1, "1 passed, 1 failed")
    verdicts.write_text("bad.log\tnot linearizable\nlost.log\tlinearizable\n")
    code, lines = run(capsys, tmp_path)
    assert (code, lines[-1]) == (1, "2 passed, 1 failed")


def test_a_line_that_is_no_verdict_fails_and_ends_nothing(tmp_path, capsys) -> None:
    """It is shown with its number; what it names is not judged, and all others are."""
    (tmp_path / "good.log").write_text(GOOD)
    (tmp_path / "bad.log").write_text(BAD)
    (tmp_path / "verdicts.tsv").write_bytes(b"bad.log\twrong\n\xff\ngood.log\tlinearizable\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    code, lines = run(capsys, empty, tmp_path)
    assert (code, lines[-1]) == (1, "1 passed, 3 failed")
    assert "there are no histories here" in lines[0]
    assert "verdicts.tsv:1: expected a name, a tab and a verdict, in: bad.log\twrong" in lines[1]
    assert "verdicts.tsv:2: " in lines[2]
    assert lines[3].startswith("✓ good.log  linearizable")


def test_the_histories_that_come_with_the_tests_get_their_verdicts(capsys) -> None:
    """They are what is checked when nothing is named."""
    code, lines = run(capsys)
    assert (code, lines[-1]) == (0, "52 passed, 0 failed")


def test_a_recorded_history_is_checked_by_the_model_that_it_names(tmp_path, capsys) -> None:
    """What a failing run left behind is a file like others."""
    history = History("document", {"n": 0})
    history.begin(1, ["increment", "/n", 1]).returned(1)
    history.begin(1, ["read", "/n"]).returned(0)
    history.dump(tmp_path / "run.jsonl")
    code, lines = run(capsys, tmp_path / "run.jsonl")
    assert code == 1
    assert "      process 1  [2..3]  read /n -> 0" in lines


def test_giving_up_is_a_failure(tmp_path, capsys) -> None:
    """A verdict that was not reached is none."""
    (tmp_path / "good.log").write_text(GOOD)
    code, lines = run(capsys, tmp_path, "--steps", "1")
    assert code == 1
    assert lines[0].startswith("✗ good.log  unknown")


@pytest.mark.parametrize("content", ["", "gibberish\n"])
def test_what_cannot_be_read_is_a_failure_that_names_the_place(tmp_path, capsys, content) -> None:
    """Other files are checked all the same."""
    (tmp_path / "a.log").write_text(content)
    (tmp_path / "good.log").write_text(GOOD)
    code, lines = run(capsys, tmp_path)
    assert (code, lines[-1]) == (1, "1 passed, 1 failed")
    assert "a.log:1: " in lines[0]


def test_a_directory_without_histories_is_a_failure(tmp_path, capsys) -> None:
    """Nothing checked is no success."""
    code, lines = run(capsys, tmp_path)
    assert (code, lines[-1]) == (1, "0 passed, 1 failed")
