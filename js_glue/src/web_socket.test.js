// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { openSocket } from "./web_socket.js";

/** As much of a WebSocket as is used; the network is the test. */
class FakeSocket {
  /** @type {FakeSocket[]} */
  static all = [];
  readyState = 0;
  /** @type {string[]} */
  sent = [];
  closed = 0;
  /** @type {((event?: any) => void) | null} */
  onopen = null;
  /** @type {((event?: any) => void) | null} */
  onmessage = null;
  /** @type {((event?: any) => void) | null} */
  onclose = null;

  /** @param {string} url */
  constructor(url) {
    if (!url.startsWith("ws")) throw new SyntaxError("no such scheme");
    FakeSocket.all.push(this);
  }

  /** @param {string} text */
  send(text) {
    this.sent.push(text);
  }

  close() {
    this.closed += 1;
  }
}

const real = globalThis.WebSocket;
/** @type {[string, string][]} */
let events = [];

/** @param {string} url */
function open(url) {
  events = [];
  const socket = openSocket(url, 10, (event, text) => events.push([event, text]));
  return { socket, fake: /** @type {FakeSocket} */ (FakeSocket.all.at(-1)) };
}

beforeEach(() => {
  FakeSocket.all = [];
  globalThis.WebSocket = /** @type {any} */ (FakeSocket);
});
afterEach(() => {
  globalThis.WebSocket = real;
});

test("texts go both ways while it is open, and none that is no text, or too long", () => {
  const { socket, fake } = open("ws://server");
  socket.send("too early");
  fake.readyState = 1;
  fake.onopen?.();
  socket.send("hello");
  for (const data of ["one", new ArrayBuffer(1), "x".repeat(11), "x".repeat(10)]) fake.onmessage?.({ data });
  fake.readyState = 3;
  fake.onclose?.({ code: 1006, reason: "" });
  socket.send("too late");
  assert.deepEqual(fake.sent, ["hello"]);
  assert.deepEqual(events, [
    ["open", ""],
    ["text", "one"],
    ["text", "x".repeat(10)],
    ["closed", "closed with code 1006"],
  ]);
});

test("it says why it was closed, once, if the server says so", () => {
  const { fake } = open("ws://server");
  fake.onclose?.({ code: 4000, reason: "go away" });
  fake.onclose?.({ code: 4000, reason: "go away" });
  assert.deepEqual(events, [["closed", "closed with code 4000: go away"]]);
});

test("nothing is reported after it was closed from here", () => {
  const { socket, fake } = open("ws://server");
  socket.close();
  socket.close();
  assert.equal(fake.closed, 2);
  assert.deepEqual([fake.onopen, fake.onmessage, fake.onclose], [null, null, null]);
  assert.deepEqual(events, []);
});

test("what the browser refuses to try is reported a little later", async () => {
  const { socket } = open("gopher://server");
  socket.send("nowhere");
  assert.deepEqual(events, []);
  await undefined;
  assert.deepEqual(events, [["closed", "SyntaxError: no such scheme"]]);
  socket.close();

  const { socket: another } = open("gopher://server");
  another.close();
  await undefined;
  assert.deepEqual(events, []);
});
