// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { deriveHex, deriveSealer, hasCrypto } from "./web_crypto.js";

const SECRET = "Zm9ydHktdHdvIGlzIGFsbCB0aGVyZQ";

test("keys are HKDF's, as RFC 5869 has them, whatever the use", async () => {
  assert.equal(hasCrypto(), true);
  const [one, again, two] = await Promise.all([
    deriveHex(SECRET, "salt", "one"),
    deriveHex(SECRET, "salt", "one"),
    deriveHex(SECRET, "salt", "two"),
  ]);
  assert.equal(one, "f511e85df1b16e742980a88bdd97d6bfe05528ec4c9dc917e85bfb847d8366d0");
  assert.equal(again, one);
  assert.notEqual(two, one);
});

test("what was sealed opens in its context alone, and unchanged", async () => {
  const sealer = await deriveSealer(SECRET, "salt", "sealing");
  const texts = ["", "text", "\0\u{1f600}\ufeff", "x".repeat(100_000)];
  for (const text of texts) {
    const sealed = await sealer.seal(text, "context");
    assert.match(sealed, /^[A-Za-z0-9+/]+={0,2}$/);
    assert.notEqual(sealed, await sealer.seal(text, "context"));
    assert.equal(await sealer.open(sealed, "context"), text);
    assert.equal(await sealer.open(sealed, "contex"), undefined);
    const other = await deriveSealer(SECRET, "salt", "another use");
    assert.equal(await other.open(sealed, "context"), undefined);
    const last = sealed.at(20) === "A" ? "B" : "A";
    for (const wrong of [sealed.slice(0, 20) + last + sealed.slice(21), sealed.slice(0, -4), "", "AAAA", "%"])
      assert.equal(await sealer.open(wrong, "context"), undefined);
  }
});
