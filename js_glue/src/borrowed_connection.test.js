// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { borrowPeerConnection, canBorrow, whyNotLent } from "./borrowed_connection.js";
import { lendPeerConnections } from "./peer_connection.js";

/** As much of a connection as an open channel takes; the network takes in nothing until told to. */
class Network extends EventTarget {
  /** @type {Network | undefined} */
  static last;
  readyState = "open";
  bufferedAmount = 0;
  isClosed = false;
  /** @type {string[]} */
  sent = [];
  /** @type {((event: { data: unknown }) => void) | null} */
  onmessage = null;

  /** @param {{ iceServers: unknown[] }} configuration */
  constructor(configuration) {
    super();
    if (configuration.iceServers.length) throw new SyntaxError("no such server");
    Network.last = this;
  }

  createDataChannel() {
    return this;
  }

  async getStats() {
    return new Map([["1", { type: "candidate-pair", selected: true, bytesSent: 7 }]]);
  }

  /** @param {string} text */
  send(text) {
    this.sent.push(text);
    this.bufferedAmount += text.length;
  }

  close() {
    this.isClosed = true;
  }
}

/** @type {Map<string, Promise<unknown>>} */
const held = new Map();
const locks = {
  /** @param {string} name @param {any} options @param {any} hold */
  request: async (name, options, hold = options) => {
    await held.get(name);
    if (options.signal?.aborted) return;
    held.set(name, Promise.resolve(hold()));
    await held.get(name);
  },
};

const PLAIN = JSON.stringify({ iceServers: [] });
/** @type {(() => void)[]} */
let ends = [];
/** @type {string[][]} */
let told = [];

/** @param {() => unknown} condition */
async function until(condition) {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function lend() {
  const end = lendPeerConnections();
  ends.push(end);
  return end;
}

function borrow() {
  const connection = borrowPeerConnection(false, true, PLAIN, "bye", (...words) => told.push(words));
  ends.push(connection.close);
  return connection;
}

async function borrowOpen() {
  const connection = borrow();
  await until(() => Network.last);
  const network = /** @type {Network} */ (Network.last);
  network.dispatchEvent(new Event("open"));
  await until(() => told.length);
  return { connection, network };
}

beforeEach(() => {
  Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
  const view = { RTCPeerConnection: Network, WorkerGlobalScope: Object, addEventListener: () => {} };
  Object.assign(globalThis, view);
  held.clear();
  told = [];
  ends = [];
  Network.last = undefined;
});

afterEach(() => {
  for (const end of ends) end();
  mock.timers.reset();
  for (const name of ["RTCPeerConnection", "WorkerGlobalScope", "addEventListener", "document"])
    Reflect.deleteProperty(globalThis, name);
});

test("a worker says and hears through a page what it would by itself", async () => {
  assert.equal(canBorrow(), true);
  lend();
  const { connection, network } = await borrowOpen();
  assert.deepEqual(told, [["open", "", ""]]);
  assert.equal(connection.send("hello"), 5);
  await until(() => network.sent.length);
  network.onmessage?.({ data: "and back" });
  await until(() => told.length === 2);
  assert.deepEqual([network.sent, told[1]], [["hello"], ["message", "and back", ""]]);
  assert.equal(connection.statistics(), "{}");
  await until(() => JSON.parse(connection.statistics()).bytes_sent === 7);
  connection.close();
  assert.equal(connection.send("too late"), -1);
  await until(() => network.isClosed);
  assert.equal(told.length, 2);
});

test("much that waits is told, and so is that little does", async () => {
  lend();
  const { connection, network } = await borrowOpen();
  for (let number = 0; number < 8; number += 1) connection.send("x".repeat(60_000));
  assert.equal(connection.send(""), 480_000);
  await until(() => network.sent.length === 9);
  network.bufferedAmount = 0;
  network.dispatchEvent(new Event("bufferedamountlow"));
  await until(() => told.length === 2);
  assert.deepEqual(told[1], ["low", "", ""]);
  assert.equal(connection.send("x"), 1);
});

test("a page that offers too late, as one that was busy, does not join in the talk", async () => {
  const hall = new BroadcastChannel("lent-connections");
  /** @type {unknown[]} */
  const asked = [];
  hall.onmessage = ({ data }) => void asked.push(data);
  lend();
  const { connection, network } = await borrowOpen();
  await until(() => asked.length === 1);
  /** @type {unknown[]} */
  const heard = [];
  const line = new BroadcastChannel(`lent-connections:${asked[0]}`);
  line.onmessage = ({ data }) => void heard.push(data[0]);
  const endLate = lend();
  hall.postMessage(asked[0]);
  await until(() => heard.length === 2);
  connection.send("text");
  connection.statistics();
  let turns = 0;
  await until(() => ++turns > 100); // many more than it takes to answer
  // One answer to each: two pages that answer would take each other's word for a question, without end.
  assert.deepEqual(heard.sort(), ["offer", "offer", "send", "statistics", "statistics", "waits"]);
  endLate();
  await until(() => ++turns > 200);
  assert.deepEqual([network.sent, told], [["text"], [["open", "", ""]]]);
  hall.close();
  line.close();
});

test("with the page that lends, the connection is lost", async () => {
  const endLending = lend();
  const { network } = await borrowOpen();
  endLending();
  await until(() => told.length === 2);
  assert.equal(told[1]?.[0], "closed");
  assert.match(told[1]?.[1] ?? "", /^the page that lent|^the page lends no more/); // whichever is faster
  assert.ok(network.isClosed);
});

test("whether a page lends is told, and why it refuses", async () => {
  lend();
  assert.equal(await whyNotLent(PLAIN), "");
  const refused = JSON.stringify({ iceServers: ["nonsense"] });
  assert.match(await whyNotLent(refused), /no such server/);
});

test("a frozen page, whose connections do nothing, lends none until it thaws", async () => {
  const document = new EventTarget();
  Object.assign(globalThis, { document });
  lend();
  document.dispatchEvent(new Event("freeze"));
  mock.timers.enable({ apis: ["setTimeout"] });
  const answer = whyNotLent(PLAIN);
  let turns = 0;
  await until(() => ++turns > 100); // many more than it takes to answer
  mock.timers.tick(3000);
  assert.equal(await answer, "no page lends its connections");
  document.dispatchEvent(new Event("resume"));
  assert.equal(await whyNotLent(PLAIN), "");
});

test("where no page lends, a worker does not wait for ever", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const answer = whyNotLent(PLAIN);
  borrow();
  mock.timers.tick(3000);
  assert.equal(await answer, "no page lends its connections");
  assert.deepEqual(told, [["closed", "no page lends its connections", ""]]);
});
