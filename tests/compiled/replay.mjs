// Run replay.py in Pyodide under Node: node replay.mjs PYODIDE WHEELS PATHS ARGUMENTS, the last three as JSON.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [directory, wheels, mounted, call] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(join(directory, "pyodide.mjs")));
const pyodide = await loadPyodide();
const begun = performance.now();
await pyodide.loadPackage(JSON.parse(wheels), { messageCallback() {} });
const loadedMs = performance.now() - begun;
for (const [name, path] of Object.entries(JSON.parse(mounted))) {
  pyodide.FS.mkdirTree(name);
  pyodide.mountNodeFS(name, path);
}
const seen = pyodide.runPython(`
import json, sys
sys.path.append("/work")
from tests.compiled.replay import look
json.dumps(look(*json.loads(${JSON.stringify(call)})))
`);
process.stdout.write(JSON.stringify({ ...JSON.parse(seen), loaded_ms: loadedMs }));
