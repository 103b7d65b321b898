// Run replay.py in Pyodide under Node: node replay.mjs PYODIDE WHEELS PATHS ARGUMENTS, the last three as JSON.
// Where WHEELS is the address of a package index, micropip chooses.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [directory, wheels, mounted, call] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(join(directory, "pyodide.mjs")));
const pyodide = await loadPyodide();
const begun = performance.now();
const source = JSON.parse(wheels);
if (typeof source === "string") {
  await pyodide.loadPackage("micropip", { messageCallback() {} });
  await pyodide.runPythonAsync(
    `import micropip; await micropip.install("webraft_web", index_urls=${JSON.stringify(source)})`,
  );
} else {
  await pyodide.loadPackage(source, { messageCallback() {} });
}
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
