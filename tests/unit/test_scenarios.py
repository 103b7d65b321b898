"""etcd's interaction scenarios hold for this core, and what runs them would notice if they did not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scenarios.command import ETCDS, OURS, main, scenarios_in
from tests.scenarios.datadriven import ScenarioError, read_scenario
from tests.scenarios.describe import quoted
from tests.scenarios.verdict import Outcome, Verdict, judge

HALF = "checkquorum_half.txt"
THREE = "add-nodes 3 voters=(1,2,3) index=10"


def written(directory: Path, *commands: str) -> Path:
    """Write a scenario of commands, each with what it is to print; "ok" unless after " => "."""
    path = directory / "scenario.txt"
    blocks = []
    for command in commands:
        text, _, expected = command.partition(" => ")
        blocks.append(f"{text}\n----\n{expected or 'ok'}\n")
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


def judged(directory: Path, *commands: str) -> Verdict:
    return judge(written(directory, *commands))


@pytest.mark.parametrize("path", scenarios_in(ETCDS), ids=lambda path: path.stem)
def test_a_scenario_of_etcds_passes_unchanged(path):
    """Everything that etcd prints but log lines, this core's servers print too."""
    assert judge(path) == Verdict(Outcome.PASSED)


@pytest.mark.parametrize("path", scenarios_in(OURS), ids=lambda path: path.stem)
def test_a_reconstructed_scenario_passes(path):
    """So it is with those that stand in for the rest of etcd's; one shows where the two differ."""
    outcome = Outcome.SKIPPED if path.name == HALF else Outcome.PASSED
    assert judge(path).outcome is outcome


def test_all_of_etcds_scenarios_are_there():
    """A folder emptied by mistake does not pass for one in which nothing fails."""
    assert len(scenarios_in(ETCDS)) == 8


@pytest.mark.parametrize("path", scenarios_in(ETCDS), ids=lambda path: path.stem)
def test_a_number_changed_anywhere_is_noticed(path, tmp_path):
    """For every line expected of a server, not only the first: one digit differs, one scenario fails."""
    lines = path.read_text(encoding="utf-8").splitlines()
    numbered = re.compile(r"^(?:  )?(?:\d->\d|\d: State|HardState|Snapshot|\d/\d)")
    positions = [position for position, line in enumerate(lines) if numbered.match(line)]
    for position in positions[:: max(1, len(positions) // 6)]:
        changed = re.sub(r"\d+(?=\D*$)", "77", lines[position])
        copy = tmp_path / path.name
        copy.write_text("\n".join([*lines[:position], changed, *lines[position + 1 :]]), encoding="utf-8")
        verdict = judge(copy)
        assert verdict.outcome is Outcome.FAILED
        assert f"-{changed}" in verdict.details


def test_log_lines_do_not_count(tmp_path):
    """A command that prints nothing else prints "ok", whatever etcd logs meanwhile."""
    silent = judged(tmp_path, THREE, "campaign 1 => INFO 1 became candidate\nINFO 1 sent MsgVote")
    assert silent.outcome is Outcome.PASSED


def test_at_level_none_errors_alone_are_printed(tmp_path):
    """As in etcd: `log-level none` hides all that commands print, but not what went wrong."""
    verdict = judged(
        tmp_path,
        THREE,
        "log-level none",
        "raft-state",
        "propose 1 early => raft proposal dropped",
        "log-level loud => log levels must be either of [DEBUG INFO WARN ERROR FATAL NONE]",
        "stabilize => ok (quiet)",
        "log-level info",
        "propose 1 early => raft proposal dropped",
    )
    assert verdict == Verdict(Outcome.PASSED)


def test_a_failure_says_where_and_shows_the_difference(tmp_path):
    """File, line and command, then what was expected and what came."""
    verdict = judged(tmp_path, THREE, "raft-log 2 => 1/11 EntryNormal")
    assert verdict.outcome is Outcome.FAILED
    place, *diff = verdict.details.splitlines()
    assert place == f"{tmp_path / 'scenario.txt'}:5: raft-log 2"
    assert diff[-2:] == ["-1/11 EntryNormal", "+log is empty: first index=11, last index=10"]


@pytest.mark.parametrize(
    "command",
    [
        "add-nodes 1 voters=(1) index=2 async-storage-writes=true",
        "add-nodes 1 voters=(1) index=2 clairvoyance=true",
        "add-nodes 1 voters=(1) index=2 max-committed-size-per-ready=100",
    ],
)
def test_what_this_core_does_not_have_is_skipped_with_the_reason(tmp_path, command):
    """Neither passed nor failed: the option is named."""
    verdict = judged(tmp_path, command)
    assert verdict.outcome is Outcome.SKIPPED
    assert command.split()[-1].partition("=")[0] in verdict.reason


def test_joint_changes_of_the_membership_are_skipped(tmp_path):
    """Two servers at once need joint consensus, which there is none of here."""
    path = written(tmp_path, THREE, "campaign 1")
    with path.open("a", encoding="utf-8") as file:
        file.write("\nstabilize log-level=none\n----\nok\n\npropose-conf-change 1\nl4 l5\n----\nok\n")
    verdict = judge(path)
    assert verdict.outcome is Outcome.SKIPPED
    assert "joint" in verdict.reason


PROMOTION = (
    "log-level none",
    "add-nodes 3 voters=(1,2) learners=(3) index=2",
    "campaign 1",
    "stabilize",
    "log-level info",
    "propose-conf-change 1\nv3",
)
ETCDS_STATUS = (
    "1: StateReplicate match=4 next=5\n2: StateReplicate match=3 next=5\n3: StateReplicate match=3 next=5"
)


def test_a_difference_while_a_change_of_the_membership_is_under_way_is_by_design(tmp_path):
    """Server 3 votes once the change is appended, which etcd's `status` does not say yet."""
    verdict = judged(tmp_path, *PROMOTION, f"status 1 => {ETCDS_STATUS} learner")
    assert verdict.outcome is Outcome.SKIPPED
    assert "EntryConfChangeV2 v3 at 1/4" in verdict.reason
    verdict = judged(tmp_path, *PROMOTION, "stabilize 1 2 log-level=none", "raft-log 3 => 1/3 EntryNormal")
    assert verdict.outcome is Outcome.SKIPPED


def test_a_difference_after_a_change_of_the_membership_fails(tmp_path):
    """Once all have applied it, nothing excuses another term, or a server that does not vote."""
    settled = (*PROMOTION, "stabilize log-level=none", "add-nodes 1")
    states = "1: StateLeader (Voter) Term:1 Lead:1\n2: StateFollower (Voter) Term:1 Lead:1\n"
    newcomer = "4: StateFollower (Non-Voter) Term:0 Lead:0"
    right = "3: StateFollower (Voter) Term:1 Lead:1"
    assert judged(tmp_path, *settled, f"raft-state => {states}{right}\n{newcomer}") == Verdict(Outcome.PASSED)
    for wrong in (right.replace("Voter", "Non-Voter"), right.replace("Term:1", "Term:2")):
        verdict = judged(tmp_path, *settled, f"raft-state => {states}{wrong}\n{newcomer}")
        assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, "differs")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("fly 1", "unknown command"),
        ("campaign 4", "no server 4"),
        ("campaign", "names no server"),
        ("compact 1", "arguments"),
        ("tick-heartbeat one", "expected a number"),
        ("deliver-msgs 1 type=MsgNone", "unknown message type"),
    ],
)
def test_a_command_that_makes_no_sense_fails_its_scenario(tmp_path, command, reason):
    """With the reason; the scenarios after it still run."""
    verdict = judged(tmp_path, THREE, command)
    assert verdict.outcome is Outcome.FAILED
    assert reason in verdict.reason


def test_a_core_that_breaks_fails_its_scenario(tmp_path, monkeypatch):
    """The traceback is shown, with the command at which it happened."""
    monkeypatch.setattr("webraft_web.core.raft.Raft.campaign", lambda _raft: {}["missing"])
    verdict = judged(tmp_path, THREE, "campaign 2")
    assert verdict.outcome is Outcome.FAILED
    assert "campaign 2" in verdict.details
    assert "KeyError" in verdict.details


def test_servers_that_never_settle_fail_their_scenario(tmp_path):
    """Two that take each other for the leader hand a proposal to and fro: the command ends all the same."""
    verdict = judged(
        tmp_path,
        f"{THREE} checkquorum=true",
        "campaign 1",
        "stabilize log-level=none",
        "tick-election 1",
        "tick-election 1",
        "log-level none",
        "process-ready 1",
        "deliver-msgs drop=(2,3)",
        "send-snapshot 3 1",
        "deliver-msgs 1",
        "propose 1 ping-pong",
        "stabilize 1 3",
    )
    assert verdict.outcome is Outcome.FAILED
    assert "still talk" in verdict.reason


def test_the_format_is_read_as_etcds_library_reads_it(tmp_path):
    """Comments, continued commands, values in parentheses, input, and outputs with blank lines."""
    path = tmp_path / "format.txt"
    path.write_text(
        "# a comment\n\n"
        "one two=(3, 4) \\\n  five=6 seven\n----\nnothing\n\n"
        "with-input 1\nline 1\nline 2\n----\n----\nblank\n\nblank\n----\n----\n\n"
        "last\n----",
        encoding="utf-8",
    )
    one, given, last = read_scenario(path)
    assert (one.line, one.name, one.words, one.expected) == (3, "one", ["seven"], "nothing")
    assert (one.values("two"), one.values("five"), one.values("eight")) == (["3", "4"], ["6"], [])
    assert (given.line, given.input, given.expected) == (8, "line 1\nline 2", "blank\n\nblank")
    assert (last.line, last.expected) == (19, "")


@pytest.mark.parametrize("text", ["campaign 1\n", "campaign 1\n----\n----\nno end\n", "\xff"])
def test_a_file_of_another_format_is_refused(tmp_path, text):
    """A command without output, an output without end, and what is no text."""
    path = tmp_path / "broken.txt"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ScenarioError):
        list(read_scenario(path))
    assert judge(path).outcome is Outcome.FAILED


def test_text_is_quoted_as_go_quotes_it():
    """Proposals are printed so that quotes and line ends stand out."""
    assert quoted('a "b"\n\\') == '"a \\"b\\"\\n\\\\"'


def test_the_command_counts_what_passed_and_fails_if_one_failed(tmp_path, capsys):
    """A line for each scenario, one that sums up, and the exit code."""
    assert main([str(ETCDS)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  ✓ prevote.txt" in lines
    assert lines[-1] == "8 passed, 0 failed"
    written(tmp_path, "campaign 1")
    assert main([str(tmp_path), str(OURS / HALF)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"  ~ {HALF}: differs by design") for line in lines)
    assert lines[-1] == "0 passed, 1 failed, 1 skipped"


def test_a_link_to_nowhere_fails(tmp_path, capsys):
    """A scenario that is missing is not passed over, and those beside it run."""
    written(tmp_path, THREE)
    (tmp_path / "lost.txt").symlink_to(tmp_path / "moved.txt")
    (tmp_path / "folder.txt").mkdir()
    assert main([str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("  ✗ lost.txt: cannot be read") for line in lines)
    assert lines[-1] == "1 passed, 1 failed"


def test_the_command_refuses_a_folder_without_scenarios(tmp_path, capsys):
    """A mistyped folder must not look like one in which all passed."""
    assert main([str(tmp_path)]) == 2
    assert "no scenario" in capsys.readouterr().out
    assert main([str(tmp_path / "missing")]) == 2
    assert "no folder" in capsys.readouterr().out
