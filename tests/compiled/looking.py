"""What replay.py sees with either wheel, natively and in Pyodide."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demo.toolchain.places import ROOT
from demo.toolchain.progress import run
from demo.toolchain.runtime import DEFAULT_VERSION
from demo.toolchain.wheels import PAGE_REQUIREMENTS, download_wheels
from tests.compiled.building import unpacked
from tests.setup import pyodide_dist

HERE = Path(__file__).parent


def look_natively(
    wheel: Path, seeds: Sequence[int] = (), torment_s: float = 5, proposals: int = 0, trials: int = 0
) -> dict[str, Any]:
    """Look in a process of this Python, with the wheel before whatever else is installed."""
    call = json.dumps([str(ROOT), list(seeds), torment_s, proposals, trials])
    path = f"PYTHONPATH={unpacked(wheel)}"
    return json.loads(run("env", path, sys.executable, "-P", HERE / "replay.py", call))


def look_in_pyodide(
    source: Path | str, seeds: Sequence[int] = (), torment_s: float = 5, proposals: int = 0, trials: int = 0
) -> dict[str, Any]:
    """Look in a Pyodide of its own, under Node.

    Args:
        source: A wheel, loaded as a page loads it, or a package index for micropip.
        seeds, torment_s: Which runs to simulate.
        proposals, trials: What to measure.
    """
    call = json.dumps(["/work", list(seeds), torment_s, proposals, trials])
    listed = [*download_wheels(PAGE_REQUIREMENTS), source]
    wheels = json.dumps(source if isinstance(source, str) else [str(path) for path in listed])
    mounted = json.dumps({"/work": str(ROOT)})
    script = HERE / "replay.mjs"
    return json.loads(run("node", script, pyodide_dist(DEFAULT_VERSION), wheels, mounted, call))


def interpreted(seen: dict[str, Any]) -> set[str]:
    """Return which modules of core and wire were loaded from their sources."""
    return {name for name, file in seen["files"].items() if not file.endswith((".so", ".pyd"))}


def modules() -> set[str]:
    """Return the modules of core and wire that there are."""
    core = {path.stem for path in (ROOT / "webraft_web" / "core").glob("*.py")} - {"__init__"}
    return {"webraft_web.wire", "webraft_web.core", *(f"webraft_web.core.{name}" for name in core)}
