"""What a working copy needs is made once, whole, whoever asks for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from demo.toolchain.places import ROOT, provide

MAKE_SLOWLY = """
import sys, time
from pathlib import Path
from demo.toolchain.places import provide

directory = Path(sys.argv[1])

def make():
    time.sleep(0.3)
    with directory.with_name("made").open("a") as log:
        log.write("once\\n")
    (directory / "it").write_text("whole")

provide(directory, "stamp", make)
print((directory / "it").read_text())
"""


def test_commands_that_want_the_same_wait_for_each_other(tmp_path):
    """One makes it; the others find it whole."""
    command = [sys.executable, "-c", MAKE_SLOWLY, str(tmp_path / "thing")]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = [process.communicate()[0].splitlines()[-1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert printed == ["whole"] * 3
    assert (tmp_path / "made").read_text() == "once\n"


def test_what_is_left_half_made_is_made_again(tmp_path):
    """From an empty directory."""
    directory = tmp_path / "thing"

    def fail():
        (directory / "half").touch()
        raise RuntimeError("as a command that is interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        provide(directory, "stamp", fail)
    provide(directory, "stamp", (directory / "whole").touch)
    assert [path.name for path in directory.iterdir()] == ["whole"]


def test_what_is_there_is_made_again_only_for_a_reason(tmp_path):
    """Another stamp, or proof that is missing."""
    directory = tmp_path / "thing"
    made = []
    for stamp in ("old", "old", "new", "new"):
        provide(directory, stamp, lambda stamp=stamp: made.append(stamp))
    assert made == ["old", "new"]
    proof = tmp_path / "elsewhere"
    provide(directory, "new", proof.touch, proof=proof)
    provide(directory, "new", lambda: made.append("again"), proof=proof)
    assert proof.exists()
    assert made == ["old", "new"]
