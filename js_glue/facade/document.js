// @ts-check
/** Rooms: a document that all pages of a room share. */

import { apart, begin, callPython, halfOf, load, loaded, own, read, settled, toText } from "./border.js";
import { listen } from "./raft.js";

/** @typedef {import("./border.js").LoadOptions} LoadOptions */
/** @typedef {import("./raft.js").Committed} Committed */

/**
 * An operation of RFC 6902.
 *
 * @typedef {{op: "add" | "replace" | "test", path: string, value: any}
 *   | {op: "remove", path: string}
 *   | {op: "move" | "copy", from: string, path: string}} Operation
 */

/**
 * What the handlers of each event of a document get.
 *
 * @typedef {object} DocumentEvents
 * @property {[index: number]} updated
 * @property {[tab: string]} join
 * @property {[tab: string]} leave
 * @property {[]} leader
 * @property {[]} follower
 * @property {[error: Error]} error
 */

/** @typedef {{timeout?: number | null}} Timeout In milliseconds; without one it takes as long as it takes. */

/**
 * @typedef {object} Status
 * @property {"leader" | "candidate" | "follower" | "observer"} role In the tab that runs this browser's server; else `observer`.
 * @property {string | null} leader The address of the server that leads.
 * @property {string | null} address That of this browser's server.
 * @property {string} tab This tab's id.
 * @property {string | null} runner The id of the tab that runs the server.
 * @property {number} term
 * @property {number} commitIndex
 * @property {number} lastApplied
 * @property {Record<string, "voter" | "non_voting">} members
 * @property {string[]} missing The addresses that a majority waits for.
 * @property {string[]} tabs The ids of this browser's tabs in the room.
 * @property {"indexeddb" | "memory"} storage
 * @property {Record<string, any>} links
 */

/**
 * @typedef {object} RoomOptions
 * @property {any} [initial] The document of a room that does not exist yet; `{}` by default.
 * @property {(string | import("./border.js").Strategy | import("./border.js").CopyAndPaste)[]} [signaling] Where browsers find each other: URLs of
 *   servers, or strategies of your own; without any, the room is this browser's.
 * @property {string} [secret] What browsers prove to one another: `newSecret()` makes one.
 * @property {import("./border.js").IceServer[]} [iceServers] STUN and TURN servers.
 * @property {number} [voters] How many browsers vote at most, 1 to 9; 5 by default.
 * @property {"indexeddb" | "memory"} [storage] "indexeddb" by default.
 */

/**
 * Share a document with all tabs that join the room `name`: of this browser, or with `signaling` of any.
 *
 * Starts Python if `load` has not been called: the options of that may be among these.
 *
 * @template [State=any]
 * @param {string} name
 * @param {RoomOptions & LoadOptions} [options]
 * @returns {Promise<SharedDocument<State>>}
 */
export async function joinRoom(name, options = {}) {
  const { indexURL, pyodide, wheels, iceServers, signaling: given, ...room } = options;
  await load(/** @type {LoadOptions} */ ({ indexURL, pyodide, wheels }));
  const [signaling, strategies] = apart(given);
  const text = toText({ ...room, signaling, ice_servers: iceServers });
  const half = await settled((settle) => loaded("a room").begin_join(toText(name), text, strategies, settle));
  return new SharedDocument(half);
}

/** Return the names of the rooms that this browser keeps for this origin, sorted. @returns {Promise<string[]>} */
export async function listRooms() {
  await load();
  return begin(ourPackage(), "list_rooms");
}

/**
 * Return all that this browser keeps of a room as JSON text, also where it is too damaged to be joined.
 *
 * @param {string} name
 * @returns {Promise<string>}
 */
export async function exportRoom(name) {
  await load();
  return begin(ourPackage(), "export_room", [name]);
}

/**
 * Delete a room and its document in this browser, and end it in all tabs that have it open.
 *
 * @param {string} name
 * @returns {Promise<void>}
 */
export async function deleteRoom(name) {
  await load();
  return begin(ourPackage(), "delete_room", [name]);
}

/** Make a secret for a room, to be given to those who belong to it. Needs `load`. @returns {string} */
export function newSecret() {
  const { call, package: ours } = loaded("newSecret");
  return JSON.parse(call(ours, "new_secret", "[]", "{}"));
}

function ourPackage() {
  return loaded("a room")["package"];
}

/**
 * One handle on a room's document; made by `joinRoom`.
 *
 * @template [State=any]
 */
export class SharedDocument {
  /** @type {{version: number, state: State} | undefined} */
  #seen;

  /**
   * @param {any} half
   * @internal
   */
  constructor(half) {
    own(this, half);
  }

  /**
   * Apply operations of RFC 6902, all or none; resolves once they are committed and applied here.
   *
   * @param {Operation[]} operations
   * @param {Timeout} [options]
   * @returns {Promise<Committed>}
   */
  patch(operations, options) {
    return begin(halfOf(this), "patch", [operations], options);
  }

  /**
   * Read, change and write the document atomically; resolves with the new state.
   *
   * @param {(state: State) => State | void} change Synchronous: gets a private copy, and returns the new state, or nothing
   *   for the copy as it changed it. It is called again if another change came first.
   * @param {Timeout} [options]
   * @returns {Promise<State>}
   */
  update(change, options = {}) {
    /** @type {{error: unknown} | undefined} */
    let thrown;
    const attempt = (/** @type {State} */ state) => {
      try {
        return change(state);
      } catch (error) {
        thrown = { error }; // whatever it is: Pyodide carries Errors alone
        throw error;
      }
    };
    const given = typeof change === "function" ? attempt : change;
    const updated = settled((settle) =>
      loaded("update").begin_update(halfOf(this), given, toText(options ?? {}), settle),
    );
    return updated.catch((error) => {
      throw thrown ? thrown.error : error;
    });
  }

  /**
   * Resolve with a state at least as new as every write acknowledged anywhere before the call.
   *
   * @param {Timeout} [options]
   * @returns {Promise<State>}
   */
  read(options) {
    return begin(halfOf(this), "read", [], options);
  }

  /** The document as applied here: another object after each change, and the same one in between. @returns {State} */
  get state() {
    const version = read(this, "version");
    const isNew = this.#seen?.version !== version;
    const seen = isNew || !this.#seen ? { version, state: read(this, "state") } : this.#seen;
    this.#seen = seen;
    return seen.state;
  }

  /**
   * Return a copy of the part that a JSON Pointer refers to.
   *
   * @param {string} pointer
   * @param {any} [fallback] If there is none; null by default.
   * @returns {any}
   */
  get(pointer, fallback = null) {
    return callPython(this, "get", [pointer, fallback]);
  }

  /**
   * Call `fn` with the state, now and after each change, until the returned function is called.
   *
   * @param {(state: State) => unknown} fn
   * @returns {() => void}
   */
  subscribe(fn) {
    fn(this.state); // first: whoever throws here gets no function to end it by
    return this.listen("updated", () => fn(this.state));
  }

  /**
   * The states to come: `for await (const state of doc.changes())`. Only the newest one waits to be taken.
   *
   * @returns {AsyncIterableIterator<State>}
   */
  changes() {
    const stream = callPython(this, "changes");
    return {
      next: () =>
        begin(stream, "__anext__").then(
          (value) => ({ value, done: false }),
          (error) => {
            if (error.name !== "StopAsyncIteration") throw error;
            return { value: undefined, done: true };
          },
        ),
      return: () => begin(stream, "aclose").then(() => ({ value: undefined, done: true })),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * Call `handler` at each such event, until the returned function is called.
   *
   * @template {keyof DocumentEvents} Event
   * @param {Event} event
   * @param {(...args: DocumentEvents[Event]) => unknown} handler
   * @returns {() => void}
   */
  listen(event, handler) {
    return listen(this, event, handler, false);
  }

  /** What is known of the room now; never throws, also after `close`. @returns {Status} */
  status() {
    const { commit_index: commitIndex, last_applied: lastApplied, ...status } = callPython(this, "status");
    return { ...status, commitIndex, lastApplied };
  }

  /** A link that opens this page and invites to the room. @returns {string} */
  inviteLink() {
    return callPython(this, "invite_link");
  }

  /** The document as applied here as JSON text, for people and files. @returns {string} */
  export() {
    return callPython(this, "export");
  }

  /** Go on with what this browser holds, as a new cluster, when the majority is lost for good. @returns {Promise<void>} */
  recover() {
    return begin(halfOf(this), "recover");
  }

  /**
   * Give up this browser's document for that of another cluster, which a ClusterConflictError named.
   *
   * @param {string} clusterID
   * @returns {Promise<void>}
   */
  yieldTo(clusterID) {
    return begin(halfOf(this), "yield_to", [clusterID]);
  }

  /** Take this browser out of the room and forget the room here. @returns {Promise<void>} */
  leaveRoom() {
    return begin(halfOf(this), "leave_room");
  }

  /** Let go of the document; membership is unchanged, and `state` stays readable. @returns {Promise<void>} */
  close() {
    return begin(halfOf(this), "close");
  }

  toString() {
    return callPython(this, "__repr__");
  }
}
