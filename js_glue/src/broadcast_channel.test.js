// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { openChannel } from "./broadcast_channel.js";

test("text reaches all other ends in order, and nothing else does", async () => {
  /** @type {string[]} */
  const heard = [];
  const alien = new BroadcastChannel("c");
  const sender = openChannel("c", () => assert.fail("a sender does not hear itself"));
  await new Promise((resolve) => {
    const receiver = openChannel("c", (text) => {
      heard.push(text);
      if (text === "end") {
        receiver.close();
        resolve(undefined);
      }
    });
    sender.post("one");
    sender.post("two\0\u{1f600}");
    sender.post("end");
    sender.post("too late");
  });
  sender.close();
  alien.close();
  assert.deepEqual(heard, ["one", "two\0\u{1f600}", "end"]);
});

test("what is not text is passed over", async () => {
  const alien = new BroadcastChannel("d");
  const text = await new Promise((resolve) => {
    const receiver = openChannel("d", (text) => {
      receiver.close();
      resolve(text);
    });
    for (const foreign of [1, null, { a: 1 }, "text"]) alien.postMessage(foreign);
  });
  alien.close();
  assert.equal(text, "text");
});
