// @ts-check
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

const HOME = fileURLToPath(new URL("..", import.meta.url));
const BUDGET = 11 * 1024;

/** @param {string} directory */
function texts(directory) {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".d.ts"),
  );
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(directory, name), "utf8")]));
}

test("the declarations are what the modules say; otherwise `npm run types` writes them anew", () => {
  const scratch = mkdtempSync(join(tmpdir(), "types-"));
  try {
    execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.types.json", "--outDir", scratch], { cwd: HOME });
    assert.deepEqual(texts(join(HOME, "types")), texts(scratch));
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

test(`the façade is at most ${BUDGET} bytes, compressed`, () => {
  const facade = join(HOME, "facade");
  const names = readdirSync(facade).filter((name) => name.endsWith(".js") && !name.endsWith(".test.js"));
  const modules = [join(HOME, "webraft.js"), ...names.map((name) => join(facade, name))];
  const size = brotliCompressSync(modules.map((path) => readFileSync(path)).join("\n")).length;
  assert.ok(size <= BUDGET, `${size} bytes`);
});

test("the package has the version of the wheel that it carries", () => {
  const { version } = JSON.parse(readFileSync(join(HOME, "package.json"), "utf8"));
  const project = readFileSync(join(HOME, "..", "pyproject.toml"), "utf8");
  assert.equal(version, /^version = "(.*)"$/m.exec(project)?.[1]);
});
