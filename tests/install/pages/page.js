// @ts-check
// Offers `runPython(code)` as `tab.js` does, and runs it in a worker.

const worker = new Worker("/worker/worker.js", { type: "module" });
/** @type {{ resolve: (value: unknown) => void, reject: (error: Error) => void }[]} */
const waiting = [];

/** @param {string} code */
globalThis.runPython = (code) =>
  new Promise((resolve, reject) => {
    waiting.push({ resolve, reject });
    worker.postMessage(code);
  });
worker.onmessage = ({ data: [value, error] }) => {
  if (value === "ready") globalThis.isReady = true;
  else if (error) waiting.shift()?.reject(new Error(error));
  else waiting.shift()?.resolve(value);
};
