// @ts-check
// Runs Python for `page.js`, one piece after the other.

import "/tab.js";

let doing = Promise.resolve();

/** @param {string} code */
const run = async (code) => {
  try {
    postMessage([await globalThis.runPython(code), ""]);
  } catch (error) {
    postMessage([null, String(error)]);
  }
};
onmessage = ({ data }) => void (doing = doing.then(() => run(data)));
postMessage(["ready", ""]);
