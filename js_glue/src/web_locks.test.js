// @ts-check
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { hasLocks, heldLocks, requestLock } from "./web_locks.js";

/** As much of a LockManager as one exclusive lock needs: a holder, a queue, stealing. */
class FakeLocks {
  /** @type {{ name: string, steal: () => void } | null} */
  holder = null;
  /** @type {(() => void)[]} */
  queue = [];

  /**
   * @param {string} name
   * @param {LockOptions} options
   * @param {() => unknown} hold
   */
  request(name, options, hold) {
    if (options.steal && options.signal) throw new DOMException("both", "NotSupportedError");
    return new Promise((resolve, reject) => {
      const stolen = () => reject(new DOMException("stolen", "AbortError"));
      const grant = async () => {
        const own = (this.holder = { name, steal: stolen });
        await hold();
        if (this.holder === own) {
          this.holder = null;
          this.queue.shift()?.();
        }
        resolve(undefined);
      };
      if (options.steal) this.holder?.steal();
      if (options.steal || !this.holder) queueMicrotask(grant);
      else {
        this.queue.push(grant);
        options.signal?.addEventListener("abort", () => {
          this.queue = this.queue.filter((waiting) => waiting !== grant);
          reject(options.signal?.reason);
        });
      }
    });
  }

  query() {
    return Promise.resolve({ held: this.holder ? [this.holder] : [] });
  }
}

/** Let everything that waits for nothing but promises happen. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** @type {string[]} */
let log = [];
/** @param {string} who */
const note =
  (who) =>
  (/** @type {string[]} */ ...told) =>
    void log.push([who, ...told].filter(Boolean).join(" "));

beforeEach(() => {
  log = [];
  Object.defineProperty(globalThis, "navigator", { value: { locks: new FakeLocks() }, configurable: true });
});

test("the next in the queue holds the lock when it is released", async () => {
  assert.ok(hasLocks());
  const one = requestLock("l", false, note("one"));
  await settle();
  const two = requestLock("l", false, note("two"));
  await settle();
  assert.deepEqual(log, ["one held"]);
  one.release();
  await settle();
  two.release();
  assert.deepEqual(log, ["one held", "two held"]);
});

test("a holder that is stolen from learns it, and its release is harmless", async () => {
  const one = requestLock("l", false, note("one"));
  await settle();
  requestLock("l", true, note("two"));
  await settle();
  assert.deepEqual(log, ["one held", "one lost", "two held"]);
  one.release();
  await settle();
  assert.deepEqual(log.length, 3);
});

test("a request that was released is never granted", async () => {
  const one = requestLock("l", false, note("one"));
  await settle();
  const two = requestLock("l", false, note("two"));
  two.release();
  one.release();
  requestLock("l", false, note("three")).release();
  await settle();
  assert.deepEqual(log, ["one held"]);
});

test("a refusal is told with its reason, also when there is nothing to ask", async () => {
  const locks = /** @type {any} */ (navigator.locks);
  locks.request = () => Promise.reject(new DOMException("no", "SecurityError"));
  requestLock("l", false, note("one"));
  await settle();
  const refuse = () => {
    throw new DOMException("nor that", "SecurityError");
  };
  Object.defineProperty(navigator, "locks", { get: refuse });
  assert.ok(hasLocks());
  requestLock("l", true, note("two"));
  heldLocks("l", note("held are"));
  await settle();
  assert.deepEqual(log, ["one lost SecurityError: no", "two lost SecurityError: nor that", "held are []"]);
});

test("a lock that is released as soon as it is held is let go", async () => {
  const one = requestLock("l", false, (event) => {
    note("one")(event);
    one.release();
  });
  await settle();
  requestLock("l", false, note("two"));
  await settle();
  assert.deepEqual(log, ["one held", "two held"]);
});

test("held locks are reported by prefix, and a refusal as none", async () => {
  /** @type {string[]} */
  const reports = [];
  requestLock("a:1", false, note("one"));
  await settle();
  for (const prefix of ["a:", "b:"]) heldLocks(prefix, (names) => reports.push(names));
  await settle();
  navigator.locks.query = () => Promise.reject(new DOMException("no", "InvalidStateError"));
  heldLocks("a:", (names) => reports.push(names));
  await settle();
  assert.deepEqual(reports, ['["a:1"]', "[]", "[]"]);
});

test("an insecure origin has none", () => {
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  assert.equal(hasLocks(), false);
});
