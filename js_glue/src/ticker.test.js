// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { callSoon, openTicker } from "./ticker.js";

/** A worker that answers when told to. */
class FakeWorker {
  /** @type {FakeWorker[]} */
  static all = [];
  /** @type {any[]} */
  wishes = [];
  isTerminated = false;
  /** @type {(event: { data: unknown }) => void} */
  onmessage = () => {};
  onerror = () => {};

  constructor() {
    FakeWorker.all.push(this);
  }

  /** @param {unknown} wish */
  postMessage(wish) {
    this.wishes.push(wish);
  }

  /** @param {number} which */
  answer(which) {
    this.onmessage({ data: this.wishes[which] });
  }

  terminate() {
    this.isTerminated = true;
  }
}

let ticks = 0;
const count = () => void ticks++;

beforeEach(() => {
  ticks = 0;
  FakeWorker.all = [];
  mock.timers.enable({ apis: ["setTimeout"] });
});

afterEach(() => {
  mock.timers.reset();
  for (const name of ["Worker", "document"]) Reflect.deleteProperty(globalThis, name);
});

test("without a worker the page's own timers serve, one wish at a time", () => {
  const ticker = openTicker(count);
  ticker.set(100);
  ticker.set(50);
  mock.timers.tick(49);
  assert.equal(ticks, 0);
  mock.timers.tick(1000);
  assert.equal(ticks, 1);
  ticker.set(10);
  ticker.close();
  mock.timers.tick(1000);
  assert.equal(ticks, 1);
});

test("a worker keeps the time where there is one, and late answers to old wishes are passed over", () => {
  Object.assign(globalThis, { Worker: FakeWorker, document: {} });
  const ticker = openTicker(count);
  const [worker] = FakeWorker.all;
  assert.ok(worker);
  ticker.set(100);
  ticker.set(5);
  worker.answer(0);
  assert.equal(ticks, 0);
  worker.answer(1);
  worker.answer(1);
  assert.equal(ticks, 1);
  mock.timers.tick(1000);
  assert.equal(ticks, 1);
  ticker.set(5);
  ticker.close();
  worker.answer(2);
  assert.equal(ticks, 1);
  assert.ok(worker.isTerminated);
});

test("within a worker none is started: its own timers are as good", () => {
  Object.assign(globalThis, { Worker: FakeWorker });
  openTicker(count).set(10);
  mock.timers.tick(10);
  assert.deepEqual([ticks, FakeWorker.all], [1, []]);
});

test("a worker that is forbidden, at once or later, is done without", () => {
  Object.assign(globalThis, { Worker: FakeWorker, document: {} });
  const ticker = openTicker(count);
  ticker.set(10);
  FakeWorker.all[0]?.onerror();
  mock.timers.tick(10);
  assert.equal(ticks, 1);

  const forbid = () => {
    throw new DOMException("policy", "SecurityError");
  };
  Object.assign(globalThis, { Worker: forbid });
  openTicker(count).set(10);
  mock.timers.tick(10);
  assert.equal(ticks, 2);
});

test("what is called soon comes after this turn and before any other", async () => {
  /** @type {string[]} */
  const log = [];
  const next = new Promise((resolve) => setImmediate(() => resolve(log.push("next turn"))));
  callSoon((...args) => void log.push("soon", ...args));
  log.push("now");
  await next;
  assert.deepEqual(log, ["now", "soon", "next turn"]);
});
