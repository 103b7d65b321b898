"""The npm package, installed in a project beside Pyodide, and programs that run in it under Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.npm_project import install

PROGRAMS = Path(__file__).parent / "project"
DEADLINE_S = 600


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that has installed the package, and Pyodide, from npm."""
    directory = tmp_path_factory.mktemp("project")
    shutil.copytree(PROGRAMS, directory, dirs_exist_ok=True)
    install(directory)
    return directory


class Outcomes:
    """What came of the promises of some modules, tried in one process when the first of them is asked for."""

    def __init__(self, project: Path, *modules: str, proposals: int = 1000) -> None:
        self._project = project
        self._modules = modules
        self._proposals = proposals
        self._outcomes: dict[str, str | None] | None = None
        self._errors = ""

    def check(self, name: str) -> None:
        """Fail as the promise of this name did."""
        if self._outcomes is None:
            self._run()
        outcomes = self._outcomes or {}
        assert name in outcomes, f"it was not tried:\n{self._errors[-4000:]}"
        assert outcomes[name] is None, outcomes[name]

    def _run(self) -> None:
        done = subprocess.run(
            ["node", "--expose-gc", "run.mjs", *self._modules],
            cwd=self._project,
            env={**os.environ, "PROPOSALS": str(self._proposals)},
            check=False,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        self._outcomes = {line["name"]: line["failure"] for line in lines}
        self._errors = done.stderr
