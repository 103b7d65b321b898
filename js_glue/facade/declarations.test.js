// @ts-check
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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

for (const [resolution, module] of Object.entries({
  node10: "es2022",
  node16: "node16",
  bundler: "es2022",
})) {
  test(`programs find and use the declarations by moduleResolution ${resolution}, also without a page's types`, () => {
    const scratch = mkdtempSync(join(tmpdir(), "types-"));
    try {
      mkdirSync(join(scratch, "node_modules"));
      symlinkSync(HOME, join(scratch, "node_modules", "webraft-web"));
      symlinkSync(join(HOME, "node_modules", "@types"), join(scratch, "node_modules", "@types"));
      copyFileSync(join(HOME, "facade", "usage.ts"), join(scratch, "usage.ts"));
      writeFileSync(join(scratch, "package.json"), '{"type": "module"}');
      const flags = ["--strict", "--noEmit", "--target", "es2022", "--lib", "es2022", "--types", "node"];
      const ways = ["--module", module, "--moduleResolution", resolution, "--skipLibCheck", "false"];
      const tsc = join(HOME, "node_modules/.bin/tsc");
      const { status, stdout } = spawnSync(tsc, [...flags, ...ways, "usage.ts"], {
        cwd: scratch,
        encoding: "utf8",
      });
      assert.equal(status, 0, stdout);
    } finally {
      rmSync(scratch, { recursive: true });
    }
  });
}

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
