"""README's words on the compiled wheels."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile

import pytest

from demo.toolchain.environment import build_python
from demo.toolchain.places import ROOT
from demo.toolchain.runtime import DEFAULT_VERSION
from tests.benchmarks.core_throughput import COMPILED, IMPORTS, PURE, PYODIDE, PYODIDE_COMPILED, RATIOS
from tests.readme import TEXT
from tests.setup import PYODIDE_VERSIONS


def stated(pattern: str) -> float:
    """Return the number that README states."""
    (number,) = re.findall(pattern, " ".join(TEXT.split()))
    return float(number)


def test_the_wheel_for_pyodide_is_as_small_as_stated(for_pyodide) -> None:
    """Nobody loads more than README says."""
    assert for_pyodide.stat().st_size < stated(r"compiled wheel for Pyodide is smaller than (\d+) KB") * 1000


def test_the_benchmark_holds_the_compiled_core_to_what_is_stated() -> None:
    """How fast this machine is, is no test's business; what the benchmark is to show is."""
    pairs = {(COMPILED, PURE), (PYODIDE_COMPILED, PYODIDE)}
    speed_up = stated(r"at least ([\d.]+) times as many proposals")
    assert {goal for faster, slower, goal in RATIOS if (faster, slower) in pairs} == {speed_up}
    import_speed_up = stated(r"imported at least ([\d.]+) times as fast")
    assert set(IMPORTS) == {(*pair, import_speed_up) for pair in pairs}


def test_the_table_of_releases_is_that_of_the_suites(for_pyodide) -> None:
    """Each release that it names is tested, and the compiled wheel is for the one that it says."""
    rows = re.findall(r"^\| ([\d.]+) \| ([\d.]+) \| yes \| (yes|no)", TEXT, re.MULTILINE)
    assert [release for release, _, _ in rows] == sorted(PYODIDE_VERSIONS.values(), key=_by_number)
    assert [release for release, _, is_compiled in rows if is_compiled == "yes"] == [DEFAULT_VERSION]
    (python,) = [python for release, python, _ in rows if release == DEFAULT_VERSION]
    assert f"-cp{python.replace('.', '')}-" in for_pyodide.name


def _by_number(release: str) -> list[int]:
    return [int(part) for part in release.split(".")]


@pytest.mark.long
@pytest.mark.usefixtures("native")
def test_the_command_of_the_readme_gives_a_compiled_wheel(tmp_path) -> None:
    """As it stands there, but for where the wheel goes; pip gets what it needs by itself."""
    (command,) = re.findall(r"^(WEBRAFT_WEB_COMPILED=1 pip wheel .*)$", TEXT, re.MULTILINE)
    path = f"{build_python().parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-c", f"{command} --wheel-dir '{tmp_path}'"],
        cwd=ROOT,
        check=True,
        env={**os.environ, "PATH": path},
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if name.startswith("webraft_web/core/raft.cpython")]
