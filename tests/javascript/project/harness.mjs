// @ts-check
// Runs promises in order, in one Pyodide: `node run.mjs MODULE…` prints a line of JSON for each.

import { endAll } from "./servers.mjs";

const DEADLINE_MS = 60_000;

/** @type {[string, () => unknown][]} */
const promises = [];

/**
 * Name what a test shows, and how.
 *
 * @param {string} name
 * @param {() => unknown} check
 */
export function promise(name, check) {
  promises.push([name, check]);
}

/** Try all; returns whether they hold. */
export async function runAll() {
  for (const [name, check] of promises) {
    const failure = await outcomeOf(check);
    await endAll();
    console.log(JSON.stringify({ name, failure }));
  }
}

/**
 * @param {() => unknown} check
 * @returns {Promise<string | null>}
 */
async function outcomeOf(check) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${DEADLINE_MS} ms`)), DEADLINE_MS);
  });
  try {
    await Promise.race([check(), late]);
    return null;
  } catch (error) {
    return /** @type {Error} */ (error).stack ?? String(error);
  } finally {
    clearTimeout(timer);
  }
}
