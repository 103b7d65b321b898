// @ts-check
// Usage: node run.mjs MODULE…, whose promises are tried once Python is there; those made before it, before.

import { load } from "webraft-web";
import { runAll } from "./harness.mjs";

for (const module of process.argv.slice(2)) await import(new URL(module, import.meta.url).href);
await load();
await runAll();
process.exit(0); // Python's timers would keep it
