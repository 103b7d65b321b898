// @ts-check
/** Why the board cannot start here, and what to do about it, in words for whoever reads them. */

import { BootError } from "./boot.js";

/**
 * @typedef {{title: string, help: string, details: string, offersMemory: boolean}} Failure
 */

const INSECURE = {
  title: "This address is not secure enough",
  help:
    "Tabs agree through Web Locks, which browsers offer to https pages and to localhost alone. " +
    "Open the board under https://, or as http://localhost on the machine that serves it.",
};

const TOO_OLD = {
  title: "This browser lacks something the board needs",
  help: "Any recent version of Firefox, Chrome, Edge or Safari has it: please update, or try another browser.",
};

const NO_STORAGE = {
  title: "This browser keeps nothing for this page",
  help:
    "The board lives in IndexedDB, which is missing, full or blocked. Leave the private window, make room, or allow " +
    "this site to keep data, and try again. Without storage it works too, for as long as one of its tabs stays open.",
};

const BY_STAGE = {
  runtime: {
    title: "Python did not start",
    help: "The runtime could not be loaded. Is the server still there? Start it with “python3 demo”, then try again.",
  },
  packages: {
    title: "Python lacks its packages",
    help: "Runtime and page are here, the packages are not. Restart the server with “python3 demo”, then try again.",
  },
  room: {
    title: "The room could not be joined",
    help: "Try again. If that does not help, close this site’s other tabs first.",
  },
};

const NOT_A_BOARD = {
  title: "This room holds something else",
  help: "Another page keeps its own document under this name. Choose another room: add #room=name to the address.",
};

/** A link brings another secret than the board of that name has here. @type {Failure} */
export const ANOTHER_BOARD = failure(
  {
    title: "This link means another board of that name",
    help:
      "This browser has a board of the same name, which the link's sender has no key to, and it stays private. " +
      "Ask for a board with another name, or open the link in another browser.",
  },
  "the link's secret is not that of the board",
);

/**
 * Find what this browser lacks before megabytes are loaded in vain.
 *
 * @param {{storage: string}} address
 * @returns {Failure | null} Null if nothing is missing.
 */
export function findObstacle({ storage }) {
  if (!isSecureContext) return failure(INSECURE, `${location.origin} is not a secure context`);
  const needed = { WebAssembly: globalThis.WebAssembly, "Web Locks": navigator.locks, BroadcastChannel };
  const missing = Object.entries(needed).filter(([, found]) => !found);
  if (missing.length) return failure(TOO_OLD, `missing: ${missing.map(([name]) => name).join(", ")}`);
  if (storage === "indexeddb" && !globalThis.indexedDB)
    return failure(NO_STORAGE, "indexedDB is missing", true);
  return null;
}

/**
 * Explain why starting failed.
 *
 * @param {unknown} error
 * @returns {Failure}
 */
export function explain(error) {
  const details = error instanceof Error ? error.message : String(error);
  if (!(error instanceof BootError)) return failure(BY_STAGE.room, details);
  if (error.type === "StorageError") return failure(NO_STORAGE, details, true);
  if (error.type === "ValueError" && error.stage === "room") return failure(NOT_A_BOARD, details);
  return failure(BY_STAGE[error.stage], details);
}

/**
 * @param {{title: string, help: string}} words
 * @param {string} details
 * @param {boolean} [offersMemory]
 * @returns {Failure}
 */
function failure(words, details, offersMemory = false) {
  return { ...words, details, offersMemory };
}
