// @ts-check
/** What the page's address says: which room, where it is kept, and how other browsers come to it. */

const DEFAULT_ROOM = "board";
const MAX_NAME_LENGTH = 64;

/**
 * Fields:
 *   room: Its name.
 *   storage: Where it is kept.
 *   signaling: The server where browsers meet; "" for a board of this browser alone.
 *   secret: What they prove to one another; "" for none yet.
 *   cluster: Which room of that name an invitation means; "" for none.
 *
 * @typedef {{room: string, storage: "indexeddb" | "memory", signaling: string, secret: string, cluster: string}} Address
 */

/**
 * Read `#room=name`, `&storage=memory`, `&signaling=ws://…`, and what an invitation adds.
 *
 * @param {string} hash
 * @returns {Address}
 */
export function readAddress(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const read = (/** @type {string} */ name) => (fields.get(name) ?? "").trim();
  return {
    room: read("room").slice(0, MAX_NAME_LENGTH) || DEFAULT_ROOM,
    storage: fields.get("storage") === "memory" ? "memory" : "indexeddb",
    signaling: read("signaling"),
    secret: read("secret"),
    cluster: read("cluster"),
  };
}

/**
 * @param {Address} address
 * @returns {string} The hash under which `readAddress` finds the same again.
 */
export function writeAddress({ room, storage, signaling, secret, cluster }) {
  const fields = new URLSearchParams({ room });
  if (storage === "memory") fields.set("storage", storage);
  for (const [name, value] of Object.entries({ signaling, secret, cluster })) {
    if (value) fields.set(name, value);
  }
  return `#${fields}`;
}
