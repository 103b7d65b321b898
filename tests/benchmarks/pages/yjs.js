// @ts-check
// Does with Yjs and y-webrtc what `across.py` has pages do with a room; times are milliseconds.

import { WebrtcProvider } from "y-webrtc";
import * as Y from "yjs";

/** @type {Y.Map<number>} */
let map;

/** Wait until the document is so; looked at whenever it has changed. */
const until = (/** @type {() => boolean} */ isSo) =>
  new Promise((resolve) => {
    const look = () => {
      if (!isSo()) return;
      map.unobserve(look);
      resolve(true);
    };
    map.observe(look);
    look();
  });

/** Returns how long it took until `key` was there, if one is given. */
globalThis.join = async (signaling, key) => {
  const begun = performance.now();
  const doc = new Y.Doc();
  map = doc.getMap("benchmark");
  new WebrtcProvider("benchmark", doc, { signaling: [signaling], password: "L9Wd0hHv5eUqgE7xJ2fTz1Rk" });
  if (key) await until(() => map.has(key));
  return performance.now() - begun;
};

globalThis.put = (key, value) => map.set(key, value);

globalThis.answerPings = () => map.observe(() => {
  const ping = map.get("ping");
  if (ping !== undefined && ping !== map.get("pong")) map.set("pong", ping);
});

globalThis.timePings = async (count) => {
  const times = [];
  for (let number = 0; number < count; number++) {
    const begun = performance.now();
    map.set("ping", number);
    await until(() => map.get("pong") === number);
    times.push(performance.now() - begun);
  }
  return times;
};

/** Write for a while, in turns of 64; returns how often. */
globalThis.writeFor = async (name, durationMs) => {
  const begun = performance.now();
  let count = 0;
  while (performance.now() < begun + durationMs) {
    for (let number = 0; number < 64; number++) map.set(`${name}${number}`, count++);
    await new Promise((resolve) => setTimeout(resolve));
  }
  map.set(`${name}done`, count);
  return count;
};

globalThis.waitForAll = (names) => until(() => names.every((name) => map.has(`${name}done`)));
globalThis.isReady = true;
