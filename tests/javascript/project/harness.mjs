// @ts-check
// Keeps promises: each is tried in turn, in one Pyodide, and told as a line of JSON.

import { endAll } from "./servers.mjs";

const DEADLINE_MS = 60_000;

/** @type {[string, () => unknown][]} */
const promises = [];

/** @type {[string, () => unknown][]} */
const earlyOnes = [];

/**
 * Name what a test shows, and how.
 *
 * @param {string} name
 * @param {() => unknown} check
 */
export function promise(name, check) {
  promises.push([name, check]);
}

/**
 * Name what has to hold before Python is there.
 *
 * @param {string} name
 * @param {() => unknown} check
 */
export function beforeLoad(name, check) {
  earlyOnes.push([name, check]);
}

/** Try all of them. @param {() => Promise<unknown>} load Brings Python. */
export async function runAll(load) {
  await run(earlyOnes);
  await load();
  await run(promises);
}

/** @param {[string, () => unknown][]} promises */
async function run(promises) {
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
