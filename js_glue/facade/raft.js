// @ts-check
/** webraft's API: classes that applications extend, on the ones of Python. */

import { apart, begin, callPython, halfOf, loaded, own, read, told, toText } from "./border.js";
import { makeError } from "./errors.js";

/**
 * What the handlers of each event get.
 *
 * @typedef {{
 *   join: [address: string],
 *   leave: [address: string],
 *   leader: [],
 *   candidate: [],
 *   follower: [],
 *   "state changed": [state: RaftState],
 *   "heartbeat timeout": [],
 *   "start election": [],
 *   apply: [entry: any, index: number, done: (error?: unknown) => void],
 *   refresh: [done: (termOrError?: unknown, index?: number) => void],
 *   updated: [index: number],
 *   error: [error: Error],
 * }} RaftEvents
 */

/** @typedef {"leader" | "candidate" | "follower"} RaftState */

/** @typedef {{term: number, index: number}} Committed Where a command took effect: the entry's term and log index. */

/**
 * Events by name.
 *
 * @template {{[event in keyof Events]: any[]}} [Events=Record<string, any[]>]
 */
export class Emitter {
  /** @param {{[event in keyof Events]: string[]}} [events] Their names, and those of the arguments; webraft's by default. */
  constructor(events) {
    if (new.target === Emitter) {
      own(this, told(loaded("Emitter").create_emitter(events && toText(events))));
    }
  }

  /**
   * Call `handler` at each such event, until the returned function is called.
   *
   * An async function may listen to `apply` and `refresh` without taking `done`: what it returns is the answer.
   *
   * @template {keyof Events & string} Event
   * @param {Event} event
   * @param {(...args: Events[Event]) => unknown} handler
   * @returns {() => void}
   */
  listen(event, handler) {
    return listen(this, event, handler, false);
  }

  /**
   * Call `handler` at the next such event only; the returned function takes it back.
   *
   * @template {keyof Events & string} Event
   * @param {Event} event
   * @param {(...args: Events[Event]) => unknown} handler
   * @returns {() => void}
   */
  listenOnce(event, handler) {
    return listen(this, event, handler, true);
  }

  /**
   * Call `handler` no more.
   *
   * @template {keyof Events & string} Event
   * @param {Event} event
   * @param {(...args: Events[Event]) => unknown} handler
   */
  unlisten(event, handler) {
    told(loaded("unlisten").unlisten(halfOf(this), String(event), handler));
  }

  /**
   * Call every handler of `event` now.
   *
   * @template {keyof Events & string} Event
   * @param {Event} event
   * @param {Events[Event]} args
   */
  emit(event, ...args) {
    const isValue = (/** @type {unknown} */ one) => typeof one !== "function" && !(one instanceof Error);
    told(
      loaded("emit").emit(
        halfOf(this),
        String(event),
        ...args.map((one) => (isValue(one) ? toText(one) : one)),
      ),
    );
  }
}

/**
 * @param {object} emitter
 * @param {string} event
 * @param {Function} handler
 * @param {boolean} once
 * @returns {() => void}
 * @internal
 */
export function listen(emitter, event, handler, once) {
  const isFunction = typeof handler === "function";
  const isAsync = isFunction && Object.prototype.toString.call(handler) === "[object AsyncFunction]";
  const most = isFunction ? accepts(handler) : undefined;
  // Weak, or an emitter that nobody holds any more would hold itself, by way of Python.
  const owner = new WeakRef(emitter);
  let end = told(
    loaded("listen").listen(halfOf(emitter), String(event), handler, owner, most, isAsync, once),
  );
  return () => {
    end?.();
    end?.destroy();
    end = undefined;
  };
}

/**
 * Tell how many arguments a handler takes; `undefined` if it does not tell.
 *
 * @param {Function} handler
 */
function accepts(handler) {
  const text = Function.prototype.toString.call(handler);
  const isSilent = handler.length === 0 && /\.\.\.|\barguments\b|\[native code\]/.test(text);
  const hasDefaults = /^[^(=]*\([^)]*=[^>]/.test(text); // which, and what follows them, `length` leaves out
  return isSilent || hasDefaults ? undefined : handler.length;
}

/**
 * @param {object} object
 * @param {string} method
 * @returns {Error}
 */
function notImplemented(object, method) {
  const message = `${object.constructor.name} must implement ${method}`;
  return makeError(JSON.stringify({ names: ["NotImplementedError"], message }));
}

/**
 * One server of a Raft cluster. Subclasses implement `createInstance`.
 *
 * @extends {Emitter<RaftEvents>}
 */
export class RaftInterface extends Emitter {
  /**
   * @param {string | null} [address] Where others reach this server; random by default.
   * @param {{members?: string[]}} [options] `members`: the addresses of a fixed cluster, this one included; without
   *   it servers that `join` each other found one.
   */
  constructor(address = null, options = {}) {
    super();
    const { create_raft } = loaded(new.target.name || "RaftInterface");
    own(this, told(create_raft(this, toText(address), toText(options ?? {}))));
  }

  /**
   * Return the node through which the server at `address` is reached.
   *
   * @param {string} address
   * @returns {NodeInstance}
   */
  createInstance(address) {
    throw notImplemented(this, `createInstance(${JSON.stringify(address)})`);
  }

  /** How long a candidate waits for votes before trying again, in milliseconds; read anew each time. @returns {number} */
  get electionTimeout() {
    return defaultTimeout("election_timeout");
  }

  /** A leader's period between heartbeats, in milliseconds; read anew each time. @returns {number} */
  get heartbeatFrequency() {
    return defaultTimeout("heartbeat_frequency");
  }

  /** How long a follower waits for its leader, in milliseconds; read anew each time. @returns {number} */
  get heartbeatTimeout() {
    return defaultTimeout("heartbeat_timeout");
  }

  /** How long `propose` waits for a leader, and for its answer, in milliseconds. @returns {number} */
  get messageTimeout() {
    return defaultTimeout("message_timeout");
  }

  /** Open a link to the server at `address`; the leader also makes it a member. @param {string} address */
  join(address) {
    callPython(this, "join", [address]);
  }

  /** Close the link to the server at `address`; the leader also removes it from the cluster. @param {string} address */
  leave(address) {
    callPython(this, "leave", [address]);
  }

  /**
   * Take in what the server at `from` wrote; it is handled soon after this has returned.
   *
   * @param {string} from
   * @param {unknown} payload
   */
  gotData(from, payload) {
    told(loaded("gotData").got_data(halfOf(this), from, payloadText(payload)));
  }

  /**
   * Have `command`, any JSON value, appended to the log of every server, and applied here.
   *
   * @param {unknown} command
   * @returns {Promise<Committed>}
   */
  propose(command) {
    return begin(halfOf(this), "propose", [command]);
  }

  /**
   * Give up this cluster and all its data, so that its servers may be added to another.
   *
   * @param {string} clusterID
   * @returns {Promise<void>}
   */
  yieldTo(clusterID) {
    return begin(halfOf(this), "yield_to", [clusterID]);
  }

  /**
   * On the leader, hand the office over.
   *
   * @param {string | null} [address] To whom; by default to the voter whose log is nearest to this one's.
   * @returns {Promise<void>}
   */
  transferLeadership(address = null) {
    return begin(halfOf(this), "transfer_leadership", [address]);
  }

  /** Stop this server like a crash would: no farewell, no hand-over. @returns {Promise<void>} */
  close() {
    return begin(halfOf(this), "close");
  }

  /** `close`, as webraft calls it. @returns {Promise<void>} */
  end() {
    return this.close();
  }

  /** This server's address. @returns {string} */
  get address() {
    return read(this, "address");
  }

  /** The cluster that this server belongs to, null before there is one. @returns {string | null} */
  get clusterID() {
    return read(this, "cluster_id");
  }

  /** The links, by address; a copy. @returns {Record<string, NodeInstance>} */
  get nodes() {
    /** @type {[string, NodeInstance][]} */
    const nodes = [];
    told(
      loaded("nodes").each_node(
        halfOf(this),
        (/** @type {string} */ address, /** @type {NodeInstance} */ node) =>
          nodes.push([address, node]) && undefined,
      ),
    );
    return Object.fromEntries(nodes);
  }

  /** The cluster's members as this server knows them. @returns {Record<string, "voter" | "non_voting">} */
  get members() {
    return read(this, "members");
  }

  /** Whether this server leads, as far as it knows. @returns {boolean} */
  get isLeader() {
    return read(this, "is_leader");
  }

  /** @returns {RaftState} */
  get state() {
    return read(this, "state");
  }

  /** The leader's address, null if there is none or it is not known. @returns {string | null} */
  get leaderID() {
    return read(this, "leader_id");
  }

  /** The latest term that this server has seen. @returns {number} */
  get currentTerm() {
    return read(this, "current_term");
  }

  /** The index of the last entry known to be committed, 0 for none. @returns {number} */
  get commitIndex() {
    return read(this, "commit_index");
  }

  /** The index of the last entry that is applied here, 0 for none. @returns {number} */
  get lastApplied() {
    return read(this, "last_applied");
  }

  /**
   * Return the term of the entry at `index` of this server's log, null if it holds none.
   *
   * @param {number} index
   * @returns {number | null}
   */
  termOf(index) {
    return callPython(this, "term_of", [index]);
  }

  toString() {
    return callPython(this, "__repr__");
  }
}

/** @param {string} name */
function defaultTimeout(name) {
  return JSON.parse(told(loaded(name).timeout(name)));
}

/** @param {unknown} payload */
function payloadText(payload) {
  try {
    return JSON.stringify(payload) ?? "null";
  } catch {
    return "null"; // as wrong as any other payload; the server counts it
  }
}

/** Another server, as this one reaches it. Subclasses implement `write`. */
export class NodeInstance {
  /**
   * @param {string} address The other server's.
   * @param {RaftInterface} raft The server on this side.
   */
  constructor(address, raft) {
    loaded(new.target.name || "NodeInstance");
    /** The other server's address. */
    this.address = address;
    /** The server on this side. */
    this.raft = raft;
  }

  /**
   * Send `payload`, which JSON can carry, to the server at `address`, once or never.
   *
   * It may be lost, delayed, repeated and reordered, but not changed. Throwing counts as loss.
   *
   * @param {any} payload
   * @returns {unknown} A promise that is rejected counts as loss, too.
   */
  write(payload) {
    void payload;
    throw notImplemented(this, "write(payload)");
  }

  /** Take in a payload that the other server wrote; its work is queued until this has returned. @param {unknown} payload */
  gotData(payload) {
    this.raft.gotData(this.address, payload);
  }

  /** Free what the transport holds; called when the link is left or the server closed. */
  close() {}

  /** How long a command handed to this server may go unanswered, in milliseconds. @returns {number} */
  get messageTimeout() {
    return this.raft.messageTimeout;
  }
}

/** A node that the Python package has ready. */
class ReadyNode extends NodeInstance {
  /**
   * @param {string} address
   * @param {RaftInterface} raft
   * @param {string} kind The class in Python.
   * @param {{signaling?: unknown, [name: string]: unknown}} options
   */
  constructor(address, raft, kind, { signaling: given, ...options }) {
    super(address, raft);
    const [signaling, strategies] = apart(given);
    own(
      this,
      told(
        loaded(kind).create_node(kind, address, halfOf(raft), toText({ ...options, signaling }), strategies),
      ),
    );
  }

  /** @param {any} payload */
  write(payload) {
    callPython(this, "write", [payload]);
  }

  close() {
    callPython(this, "close");
  }
}

/** A server in another tab or worker of this browser, reached over a BroadcastChannel. */
export class BroadcastChannelNode extends ReadyNode {
  /**
   * @param {string} address The other server's.
   * @param {RaftInterface} raft The server on this side.
   * @param {{channel?: string}} [options] Servers on channels of the same name hear each other.
   */
  constructor(address, raft, options = {}) {
    super(address, raft, "BroadcastChannelNode", options);
  }
}

/**
 * @typedef {object} WebRTCOptions
 * @property {string} room Any name.
 * @property {string} secret Of those who belong to the room: `newSecret()` makes one.
 * @property {(string | import("./border.js").Strategy | import("./border.js").CopyAndPaste)[]} signaling URLs of signalling servers, or strategies.
 * @property {import("./border.js").IceServer[]} [iceServers] STUN and TURN servers.
 */

/** A server in a page of any browser, reached over WebRTC. */
export class WebRTCNode extends ReadyNode {
  /**
   * @param {string} address The other server's.
   * @param {RaftInterface} raft The server on this side.
   * @param {WebRTCOptions} options
   */
  constructor(address, raft, { iceServers, ...options }) {
    super(address, raft, "WebRTCNode", { ...options, ice_servers: iceServers });
  }

  /** How this server's links stand, to all others. @returns {Record<string, any>} */
  status() {
    return callPython(this, "status");
  }
}

/** Keeps a server's document in localStorage, from its construction on: commands are JSON Patches. */
export class LocalStorageHandlers {
  /**
   * @param {RaftInterface} raft
   * @param {string | null} [key] Of the stored value; by default `webraft:` and the server's address.
   * @param {string | null} [url] Where `refresh` gets a value.
   */
  constructor(raft, key, url) {
    const { create_handlers } = loaded("LocalStorageHandlers");
    own(this, told(create_handlers(halfOf(raft), key ?? undefined, url ?? undefined)));
  }

  /** The document as it is stored: a copy. @returns {any} */
  get data() {
    return read(this, "data");
  }

  /** The index of the last entry in it. @returns {number} */
  get index() {
    return read(this, "index");
  }

  /** Of the stored value. @returns {string} */
  get key() {
    return read(this, "key");
  }

  /** Where `refresh` gets a value, if anywhere. @returns {string | null} */
  get url() {
    return read(this, "url");
  }

  /** What was stored before this server's first entry: perhaps another cluster's document. @returns {any} */
  get previous() {
    return read(this, "previous");
  }

  /** Listen no more; what is stored stays. */
  close() {
    callPython(this, "close");
  }
}
