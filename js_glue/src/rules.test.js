// @ts-check
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { brotliCompressSync } from "node:zlib";

const BUDGET = 12288;

const here = new URL(".", import.meta.url);
const modules = readdirSync(here)
  .filter((name) => name.endsWith(".js") && !name.endsWith(".test.js"))
  .map((name) => ({ name, text: readFileSync(new URL(name, here), "utf8") }));

for (const { name, text } of modules) {
  test(`${name} stands alone, so that Python can evaluate it as a script`, () => {
    assert.match(text, /^\/\/ @ts-check\n/);
    assert.doesNotMatch(text, /^\s*import\b|\bimport\(|\bimport\.meta|^await\b/m);
    const exports = text.match(/^\s*export\b.*/gm) ?? [];
    assert.ok(exports.length > 0);
    for (const line of exports) assert.match(line, /^export (async )?function \w+\(/);
  });
}

test(`the glue is at most ${BUDGET} bytes, compressed`, () => {
  const size = brotliCompressSync(modules.map(({ text }) => text).join("")).length;
  assert.ok(size <= BUDGET, `${size} bytes`);
});
