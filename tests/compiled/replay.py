"""Run inside whatever Python has the core to be looked at: where it was loaded from, what it does, how fast.

The simulator's runs stand for what it does: their digest is of all that was
sent, written and applied.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from importlib import import_module
from typing import Any


def look(root: str, seeds: list[int], torment_s: float, proposals: int, trials: int) -> dict[str, Any]:
    """Return the files of core and wire, the digests of simulated runs, and the core's rates."""
    begun = time.perf_counter()
    for name in ("core.raft", "core.observer", "wire"):
        import_module(f"webraft_web.{name}")
    import_ms = (time.perf_counter() - begun) * 1000
    files = {
        name: module.__file__
        for name, module in sorted(sys.modules.items())
        if name == "webraft_web.wire" or name.startswith("webraft_web.core")
    }
    sys.path.append(root)  # after the installed package
    logging.disable(logging.CRITICAL)
    seen: dict[str, Any] = {"files": files, "import_ms": import_ms}
    if seeds:
        clusters = [import_module(f"tests.simulator.{module}") for module in ("peer_cluster", "site_cluster")]
        kinds = (clusters[0].PeerCluster, clusters[1].SiteCluster)
        outcomes = [kind(seed, torment_s).run() for seed in seeds for kind in kinds]
        seen["runs"] = [(one.seed, one.verdict.value, f"{one.digest:08x}") for one in outcomes]
    if trials:
        loop = import_module("tests.benchmarks.core_loop")
        for _ in range(3):
            loop.measure(proposals)  # what runs often, engines of WebAssembly compile once more
        seen["rates"] = [loop.measure(proposals) for _ in range(trials)]
    return seen


if __name__ == "__main__":
    sys.stdout.write(json.dumps(look(*json.loads(sys.argv[1]))))
