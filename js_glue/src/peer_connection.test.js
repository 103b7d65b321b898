// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { fingerprints, hasPeerConnections, openPeerConnection, whyRefused } from "./peer_connection.js";

/** As much of a channel as the glue uses. */
class Channel extends EventTarget {
  readyState = "connecting";
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  /** @type {string[]} */
  sent = [];
  /** @type {((event: { data: unknown }) => void) | null} */
  onmessage = null;
  /** @type {(() => void) | null} */
  onclose = null;

  /** @param {string} text */
  send(text) {
    this.sent.push(text);
    this.bufferedAmount += text.length;
  }

  close() {
    this.readyState = "closing";
  }
}

/** As much of a connection as the glue uses, with the rules of offers and answers, and no network. */
class Connection {
  /** @type {Connection[]} */
  static all = [];
  signalingState = "stable";
  connectionState = "new";
  /** @type {{ type: string, sdp: string } | null} */
  localDescription = null;
  /** @type {{ type: string, sdp: string } | null} */
  remoteDescription = null;
  /** @type {unknown[]} */
  reached = [];
  /** @type {Channel | null} */
  channel = null;
  isClosed = false;
  /** @type {(() => void) | null} */
  onnegotiationneeded = null;
  /** @type {((event: { candidate: unknown }) => void) | null} */
  onicecandidate = null;
  /** @type {(() => void) | null} */
  onconnectionstatechange = null;

  /** @param {{ iceServers: { urls: string }[] }} configuration */
  constructor(configuration) {
    for (const { urls } of configuration.iceServers) {
      if (!urls.startsWith("stun:")) throw new SyntaxError(`not a server: ${urls}`);
    }
    this.number = Connection.all.push(this);
  }

  /** @param {string} label @param {object} options */
  createDataChannel(label, options) {
    assert.deepEqual([label, options, this.channel], ["link", { negotiated: true, id: 0 }, null]);
    this.channel = new Channel();
    if (this.signalingState === "stable") this.restartIce();
    return this.channel;
  }

  restartIce() {
    queueMicrotask(() => this.onnegotiationneeded?.());
  }

  async setLocalDescription() {
    const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
    this.localDescription = { type, sdp: `a=fingerprint:sha-256 A${this.number}\r\n` };
    this.signalingState = type === "answer" ? "stable" : "have-local-offer";
  }

  /** @param {{ type: string, sdp: string }} description */
  async setRemoteDescription(description) {
    if (typeof description.sdp !== "string") throw new TypeError("no description");
    this.remoteDescription = description;
    this.signalingState = description.type === "offer" ? "have-remote-offer" : "stable";
  }

  /** @param {unknown} candidate */
  async addIceCandidate(candidate) {
    if (!this.remoteDescription) throw new Error("too early");
    this.reached.push(candidate);
  }

  /** @param {string} state */
  becomes(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  close() {
    this.isClosed = true;
  }

  getStats() {
    return Promise.resolve(
      new Map([
        ["T", { type: "transport", selectedCandidatePairId: "P" }],
        [
          "P",
          {
            type: "candidate-pair",
            currentRoundTripTime: 0.02,
            bytesSent: 1,
            bytesReceived: 2,
            localCandidateId: "L",
            remoteCandidateId: "R",
          },
        ],
        ["L", { candidateType: "host" }],
        ["R", { candidateType: "relay" }],
      ]),
    );
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** @param {boolean} isPolite @param {boolean} isFirst */
function open(isPolite, isFirst) {
  /** @type {string[][]} */
  const events = [];
  const end = openPeerConnection(isPolite, isFirst, '{"iceServers":[]}', "farewell", (...event) =>
    events.push(event),
  );
  const pc = Connection.all.at(-1);
  assert.ok(pc);
  const signals = () =>
    events.filter(([kind]) => kind === "signal").map(([, text]) => JSON.parse(text ?? ""));
  const happened = () => events.filter(([kind]) => kind !== "signal");
  return { end, pc, signals, happened };
}

/** @param {string} type @param {string} certificate */
const description = (type, certificate) =>
  JSON.stringify({ description: { type, sdp: `a=fingerprint:SHA-256 ${certificate} \r\n` } });

/** An end whose channel is open. */
async function opened() {
  const one = open(false, true);
  await settled();
  one.end.signal(description("answer", "B"));
  await settled();
  const { channel } = one.pc;
  assert.ok(channel);
  channel.readyState = "open";
  channel.dispatchEvent(new Event("open"));
  return { ...one, channel };
}

beforeEach(() => {
  Connection.all = [];
  const view = new EventTarget();
  Object.assign(globalThis, {
    RTCPeerConnection: Connection,
    addEventListener: view.addEventListener.bind(view),
    dispatchEvent: view.dispatchEvent.bind(view),
  });
  Object.defineProperty(globalThis, "navigator", {
    value: { connection: new EventTarget() },
    configurable: true,
  });
});

afterEach(() => {
  mock.timers.reset();
  for (const name of ["RTCPeerConnection", "addEventListener", "dispatchEvent"]) {
    Reflect.deleteProperty(globalThis, name);
  }
});

test("workers have no such connections", () => {
  assert.equal(hasPeerConnections(), true);
  Reflect.deleteProperty(globalThis, "RTCPeerConnection");
  assert.equal(hasPeerConnections(), false);
});

test("a configuration that the browser refuses is refused with its reason", () => {
  assert.equal(whyRefused('{"iceServers":[{"urls":"stun:x"}]}'), "");
  assert.match(whyRefused('{"iceServers":[{"urls":"http:x"}]}'), /not a server: http:x/);
  assert.ok(Connection.all.every((pc) => pc.isClosed));
});

test("fingerprints read the same at both ends, however they are written", () => {
  const sdp =
    "v=0\r\na=fingerprint:sha-256 AA:BB\r\nm=x\r\na=fingerprint:SHA-1 cc\r\na=fingerprint:sha-256 aa:bb\r\n";
  assert.equal(fingerprints(sdp), "sha-1 cc,sha-256 aa:bb");
  assert.equal(fingerprints(undefined), "");
});

test("one end offers, the other answers, and both learn both certificates", async () => {
  const one = open(false, true);
  const other = open(true, false);
  await settled();
  for (const signal of one.signals()) other.end.signal(JSON.stringify(signal));
  await settled();
  for (const signal of other.signals()) one.end.signal(JSON.stringify(signal));
  await settled();
  assert.deepEqual(
    [one, other].map(({ signals }) => signals().map((signal) => signal.description.type)),
    [["offer"], ["answer"]],
  );
  for (const { pc } of [one, other]) pc.channel?.dispatchEvent(new Event("open"));
  assert.deepEqual(one.happened(), [["open", "sha-256 a1", "sha-256 a2"]]);
  assert.deepEqual(other.happened(), [["open", "sha-256 a2", "sha-256 a1"]]);
});

test("a channel that is open before the answer can be seen is told of afterwards, and then what it said", async () => {
  const { end, pc, happened } = open(false, true);
  await settled();
  /** @type {() => void} */
  let see = () => {};
  const seen = new Promise((resolve) => (see = () => resolve(undefined)));
  const { setRemoteDescription } = pc;
  pc.setRemoteDescription = (answer) => seen.then(() => setRemoteDescription.call(pc, answer));
  end.signal(description("answer", "B"));
  await settled();
  pc.channel?.dispatchEvent(new Event("open"));
  pc.channel?.onmessage?.({ data: "early" });
  await settled();
  assert.deepEqual(happened(), []);
  see();
  await settled();
  pc.channel?.onmessage?.({ data: "late" });
  assert.deepEqual(happened(), [
    ["open", "sha-256 a1", "sha-256 b"],
    ["message", "early", ""],
    ["message", "late", ""],
  ]);
});

test("of two offers that cross each other the polite end takes its own back", async () => {
  for (const isPolite of [true, false]) {
    const { end, pc, signals } = open(isPolite, true);
    await settled();
    end.signal(description("offer", "B"));
    await settled();
    assert.equal(pc.signalingState, isPolite ? "stable" : "have-local-offer");
    assert.deepEqual(
      signals().map((signal) => signal.description.type),
      isPolite ? ["offer", "answer"] : ["offer"],
    );
  }
});

test("ways that overtake the description are tried when it has come", async () => {
  const { end, pc } = open(true, false);
  for (let number = 0; number < 100; number++) end.signal(JSON.stringify({ candidate: { number } }));
  await settled();
  assert.deepEqual(pc.reached, []);
  end.signal(description("offer", "B"));
  end.signal(JSON.stringify({ candidate: { number: 100 } }));
  await settled();
  assert.equal(pc.reached.length, 65, "not without bound");
});

test("ways are signalled one by one, and the last one is told", async () => {
  const { pc, signals, happened } = open(true, false);
  pc.onicecandidate?.({ candidate: { candidate: "a way" } });
  pc.onicecandidate?.({ candidate: { candidate: "" } });
  pc.onicecandidate?.({ candidate: null });
  assert.deepEqual(signals(), [{ candidate: { candidate: "a way" } }]);
  assert.deepEqual(happened(), [["gathered", "", ""]]);
});

for (const nonsense of ["{", "null", '{"description":{"type":"offer","sdp":7}}']) {
  test(`${nonsense} ends the connection with a reason`, async () => {
    const { end, pc, happened } = open(true, false);
    end.signal(nonsense);
    end.signal(description("offer", "B"));
    await settled();
    assert.deepEqual(
      happened().map(([kind]) => kind),
      ["closed"],
    );
    assert.ok(pc.isClosed);
  });
}

test("an answer that is late or doubled is passed over", async () => {
  const { end, happened } = await opened();
  end.signal(description("answer", "another"));
  await settled();
  assert.equal(happened().at(-1)?.[0], "open");
});

test("a description with another certificate ends an open connection", async () => {
  const { end, pc, happened } = await opened();
  end.signal(description("offer", "another"));
  await settled();
  assert.deepEqual(happened().at(-1), ["closed", "Error: another certificate", ""]);
  assert.ok(pc.isClosed);
});

test("messages, what waits and the end of the other end are told", async () => {
  const { end, channel, happened } = await opened();
  assert.equal(end.send("text"), 4);
  assert.equal(end.send("more"), 8);
  channel.onmessage?.({ data: "said" });
  channel.onmessage?.({ data: new ArrayBuffer(1) });
  channel.dispatchEvent(new Event("bufferedamountlow"));
  channel.onclose?.();
  channel.dispatchEvent(new Event("bufferedamountlow"));
  assert.deepEqual(happened().slice(1), [
    ["message", "said", ""],
    ["message", "", ""],
    ["low", "", ""],
    ["closed", "the other end closed the channel", ""],
  ]);
});

test("before the channel is open nothing can be sent", () => {
  assert.equal(open(false, true).end.send("text"), -1);
});

test("a page that goes away says farewell", async () => {
  const { channel, pc, happened } = await opened();
  dispatchEvent(new Event("pagehide"));
  assert.deepEqual(channel.sent, ["farewell"]);
  assert.ok(pc.isClosed);
  assert.deepEqual(happened().at(-1), ["closed", "this page went away", ""]);
});

test("closing waits for what was sent, not for ever, and reports nothing", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  for (const isAnswered of [true, false]) {
    const { end, channel, pc, happened } = await opened();
    end.send("last words");
    end.close();
    assert.equal(channel.readyState, "closing");
    assert.equal(pc.isClosed, false);
    if (isAnswered) channel.onclose?.();
    else mock.timers.tick(2000);
    assert.ok(pc.isClosed);
    dispatchEvent(new Event("pagehide"));
    assert.equal(happened().at(-1)?.[0], "open");
  }
});

test("a connection that falters is given new ways, and given up if they do not help", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { pc, signals, happened } = await opened();
  const offers = () => signals().filter((signal) => signal.description?.type === "offer").length;
  pc.becomes("disconnected");
  mock.timers.tick(500);
  pc.becomes("connected");
  mock.timers.tick(60_000);
  await settled();
  assert.equal(offers(), 1, "it came back by itself");
  pc.becomes("disconnected");
  mock.timers.tick(1000);
  await settled();
  assert.equal(offers(), 2);
  mock.timers.tick(60_000);
  assert.deepEqual(happened().at(-1), ["closed", "the other end was not heard any more", ""]);
});

test("failure ends what was open, and leaves what never was to whoever waits for it", async () => {
  const early = open(false, true);
  early.pc.becomes("failed");
  assert.deepEqual(early.happened(), []);
  const late = await opened();
  late.pc.becomes("failed");
  assert.deepEqual(late.happened().at(-1), ["closed", "no way to the other end", ""]);
});

test("a page whose network changes gathers new ways for what is open", async () => {
  const unopened = open(false, false);
  const { signals } = await opened();
  dispatchEvent(new Event("online"));
  await settled();
  Reflect.get(navigator, "connection").dispatchEvent(new Event("change"));
  await settled();
  assert.deepEqual(
    signals().map((signal) => signal.description.type),
    ["offer", "offer", "offer"],
  );
  assert.deepEqual(unopened.signals(), []);
});

test("statistics are those of a moment ago", async () => {
  const { end } = await opened();
  assert.equal(end.statistics(), "{}");
  await settled();
  assert.deepEqual(JSON.parse(end.statistics()), {
    rtt_ms: 20,
    bytes_sent: 1,
    bytes_received: 2,
    local: "host",
    remote: "relay",
  });
});
