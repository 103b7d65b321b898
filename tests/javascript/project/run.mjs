// @ts-check
// Usage: node run.mjs MODULE…: tries the promises that these modules name.

// @ts-ignore: which the project has installed
import { loadPyodide } from "pyodide";
import { load } from "webraft-web";
import { runAll } from "./harness.mjs";

for (const module of process.argv.slice(2)) await import(new URL(module, import.meta.url).href);
await runAll(() => load({ pyodide: loadPyodide() })); // README's examples have it found
process.exit(0); // Python's timers would keep it
