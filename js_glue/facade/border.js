// @ts-check
/**
 * How this page starts Python, and calls it: everything crosses as JSON text, errors as Errors.
 *
 * `webraft_web/javascript/border.py` is the other half.
 */

import { BadArgumentError, ConfigError, LocalProtocolError, makeError } from "./errors.js";

/**
 * @typedef {object} LoadOptions
 * @property {string} [indexURL] The directory that Pyodide lies in. Without it, and without `pyodide`, the
 *   module "pyodide" is imported: from npm's package, or from where the page's import map has it.
 * @property {object | Promise<object>} [pyodide] A Pyodide that the page has loaded already.
 * @property {string[]} [wheels] Where to load webraft_web and what it needs from, in place of the wheels
 *   beside this module. One that is installed in `pyodide` already is used as it is.
 */

/**
 * What the page calls in Python, once it is there.
 *
 * @type {Record<string, any> | undefined}
 */
let python;

/** @type {Promise<any> | undefined} */
let loading;

/**
 * Start Python, with everything that this module needs. Later calls wait for the first one; its options count.
 * If it fails, the next call tries again.
 *
 * @param {LoadOptions} [options]
 * @returns {Promise<any>} Pyodide, for pages with Python of their own.
 */
export function load(options = {}) {
  loading ??= start(options).catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

/** @param {LoadOptions} options */
async function start(options) {
  const pyodide = /** @type {any} */ (await (options.pyodide ?? loadPyodide(options.indexURL)));
  if (!has(pyodide, "webraft_web")) await install(pyodide, options.wheels ?? (await ownWheels()));
  const [border, raft, room, signaling] = ["border", "raft", "room", "signaling"].map((name) =>
    pyodide.pyimport(`webraft_web.javascript.${name}`),
  );
  border.connect({ makeError, call, offer, answer, change, write, watch, openPort });
  const { read, call: callPython, begin, listen, unlisten, emit, kept_or_broken } = border;
  const { create_raft, create_emitter, create_node, create_handlers, got_data, each_node, timeout } = raft;
  const { begin_join, begin_update } = room;
  const { heard, changed, create_copy_and_paste } = signaling;
  python = {
    package: pyodide.pyimport("webraft_web"),
    ...{ read, call: callPython, begin, listen, unlisten, emit, kept_or_broken },
    ...{ create_raft, create_emitter, create_node, create_handlers, got_data, each_node, timeout },
    ...{ begin_join, begin_update, heard, changed, create_copy_and_paste },
  };
  return pyodide;
}

/** @param {string | undefined} indexURL */
async function loadPyodide(indexURL) {
  if (indexURL !== undefined) {
    const page =
      globalThis.document?.baseURI ??
      globalThis.location?.href ??
      `file://${/** @type {any} */ (globalThis).process.cwd()}/`;
    const pyodide = await import(new URL(`${indexURL.replace(/\/?$/, "/")}pyodide.mjs`, page).href);
    return pyodide.loadPyodide({ indexURL });
  }
  let pyodide;
  try {
    // @ts-ignore: the page's to provide, so it may be there or not
    pyodide = await import("pyodide");
  } catch (cause) {
    throw new ConfigError(
      "there is no module 'pyodide': install it from npm, name it in the page's import map, " +
        "or say where it is by load({ indexURL }) or load({ pyodide })",
      { cause },
    );
  }
  return pyodide.loadPyodide();
}

/**
 * @param {any} pyodide
 * @param {string} name
 */
function has(pyodide, name) {
  const util = pyodide.pyimport("importlib.util");
  const found = util.find_spec(name);
  util.destroy();
  found?.destroy();
  return found != null;
}

/** The wheels that the npm package carries. */
async function ownWheels() {
  const list = new URL("../wheels/index.js", import.meta.url);
  const { default: names } = await import(list.href);
  return names.map((/** @type {string} */ name) => new URL(name, list).href);
}

/**
 * @param {any} pyodide
 * @param {string[]} wheels
 */
async function install(pyodide, wheels) {
  /** @type {string[]} */
  const problems = [];
  await pyodide.loadPackage(wheels, {
    messageCallback: () => {},
    errorCallback: (/** @type {string} */ problem) => problems.push(problem),
  });
  if (problems.length) throw new ConfigError(`the wheels cannot be loaded: ${problems.join("; ")}`);
}

/**
 * Return Python's functions.
 *
 * @param {string} what Needs them.
 * @returns {Record<string, any>}
 */
export function loaded(what) {
  if (python) return python;
  throw new LocalProtocolError(`${what} needs Python, which is not there yet: \`await load()\` first`);
}

// What this page calls

/** @type {WeakMap<object, any>} The Python half of each object; it goes when the object does. */
const halves = new WeakMap();

/**
 * @param {object} object
 * @param {any} half
 */
export function own(object, half) {
  halves.set(object, half);
}

/** @param {unknown} object */
export function halfOf(object) {
  return halves.get(/** @type {object} */ (object));
}

/**
 * Return what Python answered, or throw the Error that it answered with.
 *
 * @param {any} answer
 */
export function told(answer) {
  if (answer instanceof Error) throw answer;
  return answer;
}

/** @param {any} result Text, or an object's Python half. */
function fromPython(result) {
  return typeof result === "string" ? JSON.parse(result) : result;
}

/**
 * @param {object} object
 * @param {string} name In Python.
 */
export function read(object, name) {
  return fromPython(told(loaded(name).read(halfOf(object), name)));
}

/**
 * @param {object} object
 * @param {string} name In Python.
 * @param {unknown[]} args
 * @param {object} options
 */
export function callPython(object, name, args = [], options = {}) {
  return fromPython(told(loaded(name).call(halfOf(object), name, toText(args), toText(options))));
}

/**
 * Call what returns an awaitable in Python.
 *
 * @param {any} half
 * @param {string} name In Python.
 * @param {unknown[]} args
 * @param {object} options
 * @returns {Promise<any>}
 */
export function begin(half, name, args = [], options = {}) {
  return settled((settle) => loaded(name).begin(half, name, toText(args), toText(options ?? {}), settle));
}

/**
 * @param {(settle: (error: Error | undefined, result: any) => void) => any} start
 * @returns {Promise<any>}
 */
export function settled(start) {
  return new Promise((resolve, reject) => {
    told(
      start((error, result) => {
        if (error) reject(error);
        // Python lends an object for the time of this call; a copy is ours.
        else resolve(fromPython(result?.copy?.() ?? result));
      }),
    );
  });
}

/**
 * Return a value as JSON text that stands for it in full. Properties that are `undefined` count as absent.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function toText(value) {
  try {
    const text = JSON.stringify(value, refuse);
    if (text !== undefined) return text;
  } catch (error) {
    if (error instanceof BadArgumentError || !(error instanceof TypeError || error instanceof RangeError))
      throw error;
    throw new BadArgumentError(`JSON cannot carry this: ${error.message}`, { cause: error });
  }
  throw new BadArgumentError(`JSON cannot carry ${typeof value}`);
}

/**
 * Refuse what JSON.stringify would leave out, or change, in silence.
 *
 * @this {any}
 * @param {string} key
 * @param {unknown} value What `toJSON` made of it, if it has that.
 */
function refuse(key, value) {
  const given = this[key];
  const isObject = typeof given === "object" && given !== null;
  const isLost =
    (typeof value === "number" && !Number.isFinite(value)) ||
    ["function", "symbol", "bigint"].includes(typeof value) ||
    (value === undefined && Array.isArray(this)) ||
    (isObject && !["Object", "Array"].includes(kindOf(given)));
  if (isLost) throw new BadArgumentError(`JSON cannot carry ${describe(isObject ? given : value)}`);
  return value;
}

/** @param {unknown} value @returns {string} `Date`, `Map`, `Promise`…; `Object` for objects of an application's classes. */
function kindOf(value) {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** @param {unknown} value */
function describe(value) {
  if (typeof value === "number" || value === undefined) return String(value);
  return typeof value === "object" ? `a ${kindOf(value)}` : `a ${typeof value}`;
}

/**
 * A STUN or TURN server: an `RTCIceServer`, which not every program's types have.
 *
 * @typedef {{urls: string | string[], username?: string, credential?: string}} IceServer
 */

/**
 * A way to carry texts among pages that know a topic: a server, or anything else. Nothing is promised:
 * texts may be lost, repeated, reordered and forged.
 *
 * @typedef {object} Strategy
 * @property {string} url What `status()` calls it.
 * @property {(topic: string, page: string, onText: (text: string) => void,
 *   onState: (isConnected: boolean, why?: string) => void) => Port} open Take part in a topic; nothing is
 *   called back before this has returned, nor after `close`.
 */

/**
 * @typedef {object} Port
 * @property {(text: string, to: string) => void} post To everybody in the topic, or at least to the page `to`.
 * @property {() => void} close
 */

/** Introduces pages of different browsers by two texts, carried by people, without any server. Needs `load`. */
export class CopyAndPaste {
  constructor() {
    own(this, told(loaded("CopyAndPaste").create_copy_and_paste()));
  }

  /** A text for one other page's `answerOffer`; it may take any time to get there. @returns {Promise<string>} */
  createOffer() {
    return begin(halfOf(this), "create_offer");
  }

  /**
   * Resolve with the answer to another page's offer, for its `acceptAnswer`.
   *
   * @param {string} text
   * @returns {Promise<string>}
   */
  answerOffer(text) {
    return begin(halfOf(this), "answer_offer", [text]);
  }

  /**
   * Link with the page that gave this answer to this page's offer.
   *
   * @param {string} text
   * @returns {Promise<void>}
   */
  acceptAnswer(text) {
    return begin(halfOf(this), "accept_answer", [text]);
  }
}

/**
 * Tell URLs from what else introduces pages.
 *
 * @param {unknown} signaling
 * @returns {[unknown, unknown[]]} With lists of a number in place of the latter, and those.
 */
export function apart(signaling) {
  /** @type {unknown[]} */
  const others = [];
  if (!Array.isArray(signaling)) return [signaling, others];
  const isOther = (/** @type {unknown} */ one) => typeof one === "object" && one !== null;
  return [signaling.map((one) => (isOther(one) ? [others.push(halfOf(one) ?? one) - 1] : one)), others];
}

// What Python calls

/** @typedef {{promise: PromiseLike<any>}} Held A promise in a box: one that was returned by itself, Pyodide would await. */

/**
 * Call a function of the application's.
 *
 * @param {Function} handler
 * @param {WeakRef<object>} owner Its `this`.
 * @param {string} text Its arguments.
 * @param {unknown[]} more Further ones, which are no values.
 */
function apply(handler, owner, text, ...more) {
  try {
    return handler.call(owner.deref(), ...JSON.parse(text), ...more);
  } catch (error) {
    if (kindOf(error) === "Error") throw error;
    return Promise.reject(error); // such as a DOMException, which Pyodide cannot throw as it is
  }
}

/**
 * Put a promise into its box.
 *
 * @param {PromiseLike<any>} promise
 * @returns {Held}
 */
function hold(promise) {
  promise.then(undefined, () => {}); // Python looks a turn later, and tells what is wrong
  return { promise };
}

/** @param {any} value What an application's function returned. */
function held(value) {
  return typeof value?.then === "function" ? hold(value) : undefined;
}

/**
 * Call a handler.
 *
 * @param {Parameters<typeof apply>} args
 */
function call(...args) {
  return held(apply(...args));
}

/**
 * Call a handler that finishes by `done`: return the text of what it gave to that, or a promise of it.
 *
 * @param {Function} handler
 * @param {WeakRef<object>} owner
 * @param {string} text
 * @returns {string | Held}
 */
function offer(handler, owner, text) {
  /** @type {unknown[] | undefined} */
  let answered;
  let finish = () => {};
  const done = (/** @type {unknown[]} */ ...answer) => {
    answered ??= answer;
    finish();
  };
  /** @type {unknown} */
  let returned;
  try {
    returned = apply(handler, owner, text, done);
  } catch (error) {
    if (!answered) throw error; // after `done` it counts for nothing, nor does a rejection below
  }
  const answer = new Promise((resolve, reject) => {
    finish = () => resolve(answered);
    if (answered) finish();
    Promise.resolve(returned).catch(reject);
  });
  if (answered && !(answered[0] instanceof Error)) return answerText(answered);
  return hold(answer.then(answerText));
}

/**
 * @param {unknown[]} answer What `done` got.
 * @returns {string}
 */
function answerText(answer) {
  if (answer[0] instanceof Error) throw answer[0];
  return JSON.stringify(answer.map(plain));
}

/**
 * Call an async handler that takes no `done`: return a promise of the text of what it returns.
 *
 * @param {Parameters<typeof apply>} args
 * @returns {Held}
 */
function answer(...args) {
  return hold(apply(...args).then((/** @type {unknown} */ value) => JSON.stringify(plain(value))));
}

/**
 * Return a value that JSON can carry: an answer is a place in the log, or nothing, or wrong.
 *
 * @param {unknown} value
 */
function plain(value) {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return value.map((item) => (typeof item === "number" ? item : String(item)));
  return typeof value === "number" || typeof value === "boolean" ? value : String(value);
}

/**
 * Call the function that an update was begun with.
 *
 * @param {(state: any) => any} change
 * @param {string} text A copy of the document.
 * @returns {string | Held} The text of the new document; a promise is refused in Python.
 */
function change(change, text) {
  const copy = JSON.parse(text);
  const state = change(copy);
  return held(state) ?? toText(state ?? copy);
}

/**
 * Have a node write.
 *
 * @param {{write(payload: any): unknown}} node
 * @param {string} text
 */
function write(node, text) {
  return held(node.write(JSON.parse(text)));
}

/**
 * Tell Python what comes of a promise.
 *
 * @param {Held} held
 * @param {number} number By which Python knows it.
 */
function watch({ promise }, number) {
  const { kept_or_broken } = loaded("a promise");
  promise.then(
    (value) => kept_or_broken(number, typeof value === "string" ? value : undefined),
    (error) => kept_or_broken(number, undefined, error instanceof Error ? error : new Error(String(error))),
  );
}

/**
 * Open a port of a strategy of the page's own.
 *
 * @param {Strategy} strategy
 * @param {string} topic
 * @param {string} page
 * @param {number} number By which Python knows the port.
 */
function openPort(strategy, topic, page, number) {
  const { heard, changed } = loaded("a strategy");
  return strategy.open(
    topic,
    page,
    (text) => told(heard(number, String(text))),
    (isConnected, why = "") => told(changed(number, Boolean(isConnected), String(why))),
  );
}
