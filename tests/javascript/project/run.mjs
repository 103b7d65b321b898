// @ts-check
// Usage: node run.mjs MODULE…: tries the promises that these modules name.

import { load } from "webraft-web";
import { runAll } from "./harness.mjs";

for (const module of process.argv.slice(2)) await import(new URL(module, import.meta.url).href);
await runAll(load);
process.exit(0); // Python's timers would keep it
