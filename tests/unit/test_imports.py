"""What is imported when: a page pays for what it uses, and for nothing else."""

from __future__ import annotations

import json
import subprocess
import sys

# What a tab in a room of one browser has no use for, unless it runs the room's server.
UNUSED = (
    "core.raft",
    "driver",
    "handlers",
    "interface",
    "node_instance",
    "nodes",
    "server",
    "site.export",
    "site.runner",
    "storage.memory",
    "testing",
    "transports.signaling",
    "transports.webrtc",
    "webrtc_node",
)


def imported_by(program: str) -> set[str]:
    """Return which modules a program has imported, in a Python of its own."""
    lines = (
        f"import json, sys; sys.path[:0] = {sys.path!r}; before = set(sys.modules)",
        program,
        "print(json.dumps(sorted(set(sys.modules) - before)))",
    )
    command = [sys.executable, "-P", "-c", "\n".join(lines)]
    return set(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def test_importing_the_package_imports_nothing_of_it() -> None:
    """Nor anything that takes its time: names are found when they are used."""
    imported = imported_by("import webraft_web; dir(webraft_web)")
    assert {name for name in imported if name.startswith("webraft_web")} == {"webraft_web"}
    assert imported.isdisjoint({"asyncio", "jsonpatch", "logging"})


def test_a_room_imports_nothing_of_what_it_does_without() -> None:
    """Everything that joining imports: the room, and the way to JavaScript."""
    imported = imported_by("import webraft_web; webraft_web.join_room; import webraft_web._browser")
    assert "webraft_web.site.page" in imported
    unused = [f"webraft_web.{name}" for name in UNUSED]
    assert [name for name in imported if name.startswith(tuple(unused))] == []
    assert imported.isdisjoint({"jsonpatch", "jsonpointer"})


def test_a_tab_that_observes_gets_ready_to_run_the_server() -> None:
    """Soon after it came, so that it takes over at once when it has to."""
    imported = imported_by(
        """
import asyncio
from webraft_web.clock import AsyncioClock
from webraft_web.site.standby import READY_MS, Standby
from webraft_web.testing import run

async def come():
    standby = Standby(AsyncioClock())
    await asyncio.sleep(READY_MS / 1000 - 0.001)
    assert "webraft_web.site.runner" not in sys.modules
    await asyncio.sleep(0.002)

run(come())
"""
    )
    assert "webraft_web.site.runner" in imported


def test_who_has_no_jsonpatch_hears_of_it_at_once() -> None:
    """It is imported when it is needed, which may be while a replica applies what others have applied."""
    imported_by(
        """
sys.modules["jsonpatch"] = None
try:
    import webraft_web.patching
except ModuleNotFoundError as error:
    assert "jsonpatch" in str(error)
else:
    raise AssertionError("imported without")
"""
    )
