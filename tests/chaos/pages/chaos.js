// @ts-check
// Boots Python and has the client begin; `go()` and `isOver` are whoever drives this page's to set.

globalThis.isOver = false;
const pending = new Map();
globalThis.mayGo = new Promise((resolve) => {
  globalThis.go = () => {
    pending.delete("joined");
    resolve();
  };
});

// Timers of hidden pages run once a second, a worker's do not: how long nobody writes is not to be this page's doing.
const clock = new Worker(
  URL.createObjectURL(new Blob(["onmessage = ({ data: [id, ms] }) => setTimeout(postMessage, ms, id);"])),
);
const resting = new Map();
let rests = 0;
clock.onmessage = ({ data }) => {
  resting.get(data)();
  resting.delete(data);
};
globalThis.rest = (ms) =>
  new Promise((resolve) => {
    rests += 1;
    resting.set(rests, resolve);
    clock.postMessage([rests, ms]);
  });

const client = fetch("/chaos/client.py").then((answer) => answer.text());
await import("/tab.js");

// What a page tells while it is being left does not arrive: what still matters it tells again when it is back.
const tell = globalThis.tell;
globalThis.tell = (text) => {
  const { kind, name } = JSON.parse(text);
  if (kind === "planned" || kind === "joined") pending.set(name ?? kind, text);
  else pending.delete(name);
  tell(text);
};
const tellReady = () => tell(JSON.stringify({ kind: "ready" }));
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  for (const text of pending.values()) tell(text);
  tellReady();
});
tellReady();
await globalThis.runPython(await client);
await globalThis.runPython("doc = await join()\nawait use(doc)");
