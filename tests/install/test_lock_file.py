"""A lock file that names the wheel: loaded as the packages of Pyodide's own distribution are."""

from __future__ import annotations

import json
from importlib.metadata import version

from tests.readme import block

WRITE = """
import micropip
await micropip.install("webraft_web", index_urls={index!r})
micropip.freeze()
"""
VERSIONS = """
from importlib.metadata import version
import json, webraft_web
json.dumps([version(name) for name in ("webraft_web", "jsonpatch", "jsonpointer")])
"""


def test_a_lock_file_that_micropip_wrote_loads_what_it_had_installed(browser, site) -> None:
    """README's two lines give the wheel and its dependencies, though Pyodide's own lock file has others."""
    page = browser.open(f"{site.url}worker/blank.html")
    page.js(
        f"import('{site.url}newest/pyodide.mjs').then((module) => void Object.assign(globalThis, module))"
    )
    write = json.dumps(WRITE.format(index=f"{site.url}simple"))
    lock = page.js(f"""(async () => {{
        const pyodide = await loadPyodide();
        await pyodide.loadPackage("micropip");
        return pyodide.runPythonAsync({write});
    }})()""")
    site.add("pyodide-lock.json", lock)
    example = block("js", "lockFileURL").replace("https://example.org/", f"{site.url}own/")
    seen = page.js(f"(async () => {{ {example}\n return pyodide.runPython({json.dumps(VERSIONS)}); }})()")
    assert json.loads(seen) == ["0.1.0", version("jsonpatch"), version("jsonpointer")]
