// @ts-check
// Boots Pyodide with the wheels, and offers `runPython(code)`: the value of the last expression, as JSON.

const { loadPyodide } = await import("/pyodide/pyodide.mjs");
const wheels = fetch("/wheels/index.json").then((answer) => answer.json());

async function boot() {
  const options = { indexURL: "/pyodide/" };
  try {
    const snapshot = await (await fetch("/snapshot/memory")).arrayBuffer();
    return await loadPyodide({ ...options, _loadSnapshot: new Uint8Array(snapshot) });
  } catch {
    // Snapshots are Pyodide's private business: without one everything works, only later.
    return loadPyodide(options);
  }
}

const pyodide = await boot();
await pyodide.loadPackage(await wheels, { messageCallback: () => {} });

const run = pyodide.runPython(`
import json
import random
from pyodide.code import eval_code_async

random.seed()  # or all tabs would draw the snapshot's numbers

async def run(code):
    return json.dumps(await eval_code_async(code, globals()), default=repr)

run`);

/** @param {string} code */
globalThis.runPython = async (code) => JSON.parse(await run(code));
globalThis.isReady = true;
