"""The core compiled for this Python: it is, and it passes what the interpreted one passes."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from demo.toolchain.places import ROOT
from tests.compiled.building import pure_wheel, unpacked
from tests.compiled.looking import interpreted, look_natively, modules

SEEDS = (1, 2, 3)
CORE_TESTS = (
    "tests/unit/core",
    "tests/unit/fuzz/test_refusals.py",
    "tests/unit/fuzz/test_targets.py",
    "tests/unit/test_scenarios.py",
    "tests/unit/test_wire.py",
)


def sources(wheel: Path) -> dict[str, bytes]:
    """Return the package's files in a wheel, but for what compiling adds."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        return {name: archive.read(name) for name in names if not name.endswith((".so", ".pyd"))}


def run_unit_tests(wheel: Path, *words: str) -> None:
    """Run unit tests on an unpacked wheel, and nothing else of webraft_web."""
    options = ("-q", "-p", "no:pytest_pyodide", "-p", "no:pytest_pyodide_hook")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", *options, "--numprocesses=auto", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(unpacked(wheel))},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


def test_both_wheels_carry_the_same_sources(native) -> None:
    """A plain build compiles nothing, and a compiled one leaves nothing out."""
    with zipfile.ZipFile(pure_wheel()) as archive:
        assert not [name for name in archive.namelist() if name.endswith((".so", ".pyd"))]
    assert pure_wheel().name.endswith("-py3-none-any.whl")
    assert "none-any" not in native.name
    assert sources(native) == sources(pure_wheel())


def test_the_core_is_compiled_and_does_the_same(native) -> None:
    """Each module comes from a library, and simulated runs leave the same trace of everything."""
    compiled, pure = (look_natively(wheel, SEEDS) for wheel in (native, pure_wheel()))
    assert compiled["files"].keys() == modules()
    assert interpreted(compiled) == set()
    assert interpreted(pure) == modules()
    assert compiled["runs"] == pure["runs"]
    assert {verdict for _, verdict, _ in pure["runs"]} == {"ok"}


def test_the_cores_tests_pass(native) -> None:
    """Unit tests, etcd's scenarios and hostile input; what takes an interpreted core apart is skipped."""
    run_unit_tests(native, "-m", "not long", *CORE_TESTS)


@pytest.mark.long
def test_all_unit_tests_pass(native) -> None:
    """Drivers, rooms and simulated clusters on top of a compiled core, the long ones included."""
    run_unit_tests(native, "tests/unit")


@pytest.mark.long
def test_long_runs_do_the_same(native) -> None:
    """More seeds, tormented for longer."""
    compiled, pure = (look_natively(wheel, range(10, 40), 60) for wheel in (native, pure_wheel()))
    assert compiled["runs"] == pure["runs"]
