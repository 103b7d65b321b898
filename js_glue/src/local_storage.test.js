// @ts-check
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { readText, removeText, whyUnusable, writeText } from "./local_storage.js";

/** @param {unknown} storage */
function provide(storage) {
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
}

afterEach(() => provide(undefined));

test("texts are kept, read and removed", () => {
  const kept = new Map();
  provide({
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ text) => kept.set(key, text),
    removeItem: (/** @type {string} */ key) => kept.delete(key),
  });
  assert.equal(whyUnusable(), "");
  assert.equal(readText("k"), undefined);
  assert.equal(writeText("k", ""), "");
  assert.equal(readText("k"), "");
  assert.equal(removeText("k"), "");
  assert.equal(readText("k"), undefined);
});

test("a full storage is a failure with a name", () => {
  provide({
    setItem: () => {
      throw new DOMException("full", "QuotaExceededError");
    },
  });
  assert.equal(writeText("k", "x"), "QuotaExceededError: full");
});

test("where there is none, reading finds nothing and writing says so", () => {
  provide(undefined);
  assert.equal(readText("k"), undefined);
  assert.match(writeText("k", "x"), /^NotSupportedError: /);
  assert.match(whyUnusable(), /^NotSupportedError: /);
});

test("where it is forbidden, reading finds nothing and writing says so", () => {
  Object.defineProperty(globalThis, "localStorage", {
    get: () => {
      throw new DOMException("sandboxed", "SecurityError");
    },
    configurable: true,
  });
  assert.equal(readText("k"), undefined);
  assert.equal(whyUnusable(), "SecurityError: sandboxed");
});
