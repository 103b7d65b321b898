// @ts-check
// Counts what Python and the border between it and JavaScript hold. Node and browsers need --expose-gc for it.

import { load } from "webraft-web";

/** @type {() => Promise<Record<string, number>>} */
let holdings;

/** Count from now on. */
async function count() {
  const pyodide = await load();
  const inPython = pyodide.runPython(`
    import asyncio, gc, json
    from collections import Counter
    from types import FunctionType, MethodType

    def holdings():
        for _ in range(3):
            gc.collect()
        objects = gc.get_objects()
        ours = (type(one) for one in objects)
        return json.dumps({
            "tasks": len(asyncio.all_tasks()),
            "functions": sum(isinstance(one, FunctionType | MethodType) for one in objects),
            **Counter(kind.__name__ for kind in ours if kind.__module__.startswith("webraft_web")),
            "Entry": 0,  # the log is what is kept
        })

    holdings`);
  holdings = async () => {
    const texts = [];
    for (let round = 0; round < 5; round++) {
      // What JavaScript forgets, Python may forget next, and the other way about.
      await new Promise((resolve) => setTimeout(resolve, 20));
      /** @type {any} */ (globalThis).gc();
      texts.push(inPython());
    }
    return {
      ...JSON.parse(texts.at(-1)),
      "proxies of JavaScript": pyodide._module._hiwire_num_refs(),
    };
  };
}

/**
 * Assert that use leaves no more behind than a first short use did.
 *
 * @param {(count: number) => Promise<unknown>} use
 * @param {number} times
 */
export async function leavesNothing(use, times) {
  if (!holdings) await count();
  await use(30);
  const first = await holdings();
  await use(times);
  const last = await holdings();
  const more = Object.entries(last).filter(([name, count]) => count > (first[name] ?? 0));
  if (more.length) throw new Error(`there are more than before: ${JSON.stringify(Object.fromEntries(more))}`);
}
