"""README's words on JavaScript that no page is needed for."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.readme import block

AROUND = """
import { FooRaft as Other, Network, endAll, leaderOf, until } from "./servers.mjs";
import { load as loadFirst } from "webraft-web";
await loadFirst();
const around = new Network();
const others = ["b", "c"].map((address) => new Other(around, address).keep());
for (const other of others) for (const address of "abc") other.join(address);
const network = { send: (to, from, payload) => around.carry(from, to, payload) };
around.servers.set("a", { gotData: (from, payload) => network.onMessage(from, payload) });
const data = [];
"""
AFTER = """
await until(() => others.every((other) => other.applied.length), "the others have it, too");
console.log(JSON.stringify([data, others.map((other) => other.commands), raft.termOf(index) === term]));
process.exit(0);
"""


def test_the_classes_of_the_readme_work_as_shown(project: Path) -> None:
    """The example, between two others of its kind, replicates its command."""
    example = block("js", "extends RaftInterface")
    (project / "readme.mjs").write_text(AROUND + example + AFTER, encoding="utf-8")
    done = subprocess.run(
        ["node", "readme.mjs"], cwd=project, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    command = {"any": "command"}
    assert json.loads(done.stdout.splitlines()[-1]) == [[command], [[command], [command]], True]
