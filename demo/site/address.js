// @ts-check
/** What the page's address says: which room, and where it is to be kept. */

const DEFAULT_ROOM = "board";
const MAX_NAME_LENGTH = 64;

/**
 * Read `#room=name` and `&storage=memory`.
 *
 * @param {string} hash
 * @returns {{room: string, storage: "indexeddb" | "memory"}}
 */
export function readAddress(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const room = (fields.get("room") ?? "").trim().slice(0, MAX_NAME_LENGTH);
  return { room: room || DEFAULT_ROOM, storage: fields.get("storage") === "memory" ? "memory" : "indexeddb" };
}

/**
 * @param {{room: string, storage: string}} address
 * @returns {string} The hash under which `readAddress` finds the same again.
 */
export function writeAddress({ room, storage }) {
  const fields = new URLSearchParams({ room });
  if (storage === "memory") fields.set("storage", storage);
  return `#${fields}`;
}
