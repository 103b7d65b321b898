"""What is imported when: a page pays for what it uses, and for nothing else."""

from __future__ import annotations

import json
import subprocess
import sys

# What a room that lives in one browser has no use for.
UNUSED = (
    "handlers",
    "interface",
    "node_instance",
    "nodes",
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
