// @ts-check
// What the façade adds to Python: names and conversions, in both directions.

import assert from "node:assert/strict";
import {
  BadArgumentError,
  BroadcastChannelNode,
  ConfigError,
  CopyAndPaste,
  Emitter,
  LocalProtocolError,
  NodeInstance,
  RaftInterface,
  TransportError,
  WebraftError,
  WebRTCNode,
  joinRoom,
  load,
  newSecret,
} from "webraft-web";
import { beforeLoad, promise } from "./harness.mjs";
import { FooNode, FooRaft, Network, leaderOf, loneServer, servers, until } from "./servers.mjs";

beforeLoad("constructing a class before load throws", () => {
  for (const make of [
    () => new RaftInterface(),
    () => new FooRaft(new Network(), "a"),
    () => new NodeInstance("b", /** @type {any} */ ({})),
    () => new Emitter(),
    newSecret,
  ]) {
    assert.throws(
      make,
      (error) => error instanceof LocalProtocolError && /`await load\(\)` first/.test(error.message),
    );
  }
});

beforeLoad("a load that failed may be tried again", async () => {
  await assert.rejects(load({ indexURL: "file:///nowhere" }), /nowhere\/pyodide\.mjs/);
  const broken = { pyimport: () => ({ find_spec() {}, destroy() {} }), loadPackage: brokenLoadPackage };
  await assert.rejects(load({ pyodide: broken }), {
    name: "ConfigError",
    message: /cannot be loaded: no such wheel/,
  });
});

/**
 * @param {string[]} wheels
 * @param {{errorCallback(problem: string): void}} options
 */
async function brokenLoadPackage(wheels, options) {
  assert.deepEqual(
    wheels.map((url) => url.replace(/.*\/(\w+)-.*/, "$1")),
    ["jsonpointer", "jsonpatch", "webraft_web"],
  );
  options.errorCallback("no such wheel");
}

promise("load is done once", async () => {
  assert.equal(load(), load({ indexURL: "elsewhere" }));
  await load();
});

// The emitter

promise("handlers are called in the order in which they came", () => {
  const emitter = new Emitter({ happened: ["what"] });
  /** @type {unknown[]} */
  const heard = [];
  for (const name of ["first", "second", "third"])
    emitter.listen("happened", (what) => heard.push([name, what]));
  emitter.emit("happened", { any: ["value"] });
  assert.deepEqual(
    heard,
    ["first", "second", "third"].map((name) => [name, { any: ["value"] }]),
  );
});

promise("a handler that an earlier one takes away is not called any more", () => {
  const emitter = new Emitter({ happened: [] });
  /** @type {string[]} */
  const heard = [];
  const third = () => heard.push("third");
  emitter.listen("happened", () => heard.push("first"));
  emitter.listen("happened", () => {
    emitter.unlisten("happened", third);
    emitter.listen("happened", () => heard.push("late"));
  });
  emitter.listen("happened", third);
  emitter.emit("happened");
  assert.deepEqual(heard, ["first"]);
});

promise("handlers are compared by identity and one unlisten takes one away", () => {
  const emitter = new Emitter({ happened: [] });
  let count = 0;
  const handler = () => void count++;
  emitter.listen("happened", handler);
  emitter.listen("happened", handler);
  emitter.unlisten("happened", () => void count++);
  emitter.unlisten("happened", handler);
  emitter.emit("happened");
  assert.equal(count, 1);
});

promise("listenOnce may be taken back", () => {
  const emitter = new Emitter({ happened: [] });
  let count = 0;
  const unlisten = emitter.listenOnce("happened", () => void count++);
  unlisten();
  emitter.listenOnce("happened", () => void count++);
  emitter.emit("happened");
  emitter.emit("happened");
  assert.equal(count, 1);
});

promise("a handler that throws stops nobody and is told as error", async () => {
  const emitter = new Emitter();
  /** @type {unknown[]} */
  const errors = [];
  let isCalled = false;
  const [thrown, rejected] = [new Error("thrown"), new Error("rejected")];
  emitter.listen("error", (error) => errors.push(error));
  emitter.listen("updated", () => {
    throw thrown;
  });
  emitter.listen("updated", async () => {
    throw rejected;
  });
  emitter.listen("updated", () => void (isCalled = true));
  emitter.emit("updated", 1);
  assert.ok(isCalled);
  await until(() => errors.length === 2, "both are told");
  assert.deepEqual([errors[0] === thrown, errors[1] === rejected], [true, true]);
});

promise("a handlers this is who emits", () => {
  const emitter = new Emitter({ happened: [] });
  let owner;
  emitter.listen("happened", function () {
    // @ts-ignore: which is what is tried
    owner = this;
  });
  emitter.emit("happened");
  assert.equal(owner, emitter);
});

promise("a handler that cannot call back is refused", async () => {
  const raft = await loneServer(FooRaft);
  const wrong = [
    () => {},
    (/** @type {any} */ _entry) => {},
    (/** @type {any} */ _entry, /** @type {any} */ _index) => {},
  ];
  for (const handler of wrong) {
    assert.throws(() => raft.listen("apply", handler), {
      name: "ConfigError",
      message: /entry, index, done/,
    });
  }
  assert.throws(() => raft.listen("refresh", () => {}), ConfigError);
  assert.throws(() => raft.listen("apply", /** @type {any} */ ("text")), { name: "LocalProtocolError" });
});

promise("whatever can call back may do so", async () => {
  const raft = await loneServer(FooRaft);
  /** @type {string[]} */
  const heard = [];
  raft.listen("apply", (...args) => args[2]((heard.push("rest"), undefined)));
  const toBind = (/** @type {any} */ _entry, /** @type {any} */ _index, /** @type {any} */ done) => {
    heard.push("bound");
    done();
  };
  raft.listen("apply", toBind.bind(null));
  raft.listen("apply", async (_entry, _index, done) => {
    await null;
    heard.push("async with done");
    done();
  });
  raft.listen("apply", async () => void heard.push("async"));
  raft.listenOnce("apply", (_entry, _index, done) => done((heard.push("once"), undefined)));
  raft.listen("apply", (_entry, _index = 0, done = () => {}) => done((heard.push("default"), undefined)));
  await raft.propose(1);
  assert.deepEqual(heard.splice(0).sort(), ["async", "async with done", "bound", "default", "once", "rest"]);
  await raft.propose(2);
  assert.deepEqual(heard.sort(), ["async", "async with done", "bound", "default", "rest"]);
});

promise("what an async handler rejects with means not applied", async () => {
  const raft = await loneServer(FooRaft);
  /** @type {unknown[]} */
  const errors = [];
  raft.listen("error", (error) => errors.push(error.message));
  let tries = 0;
  raft.listen("apply", async () => {
    if (++tries === 1) throw new Error("without done");
  });
  let others = 0;
  raft.listen("apply", async (_entry, _index, done) => {
    if (++others === 1) throw new Error("with done");
    done();
    throw new Error("after done, which counts for nothing");
  });
  await raft.propose("x");
  assert.deepEqual([tries, others, errors.sort()], [2, 2, ["with done", "without done"]]);
});

// Values and errors

promise("json carries values both ways", async () => {
  const raft = (await loneServer(FooRaft)).keep();
  const values = [
    null,
    true,
    0,
    -1.5,
    2 ** 53 - 1,
    "é😀\ud800\u0000",
    [],
    {},
    [[[{ "": [null] }]]],
    { __proto__: null, a: 1 },
  ];
  for (const value of values) await raft.propose(value);
  assert.deepEqual(raft.commands, JSON.parse(JSON.stringify(values)));
  class Card {
    text = "milk";
    absent = undefined;
  }
  await raft.propose([new Card(), { toJSON: () => "as it says" }]);
  assert.deepEqual(raft.commands.at(-1), [{ text: "milk" }, "as it says"]);
});

promise("what json would change or leave out in silence is refused", async () => {
  const raft = (await loneServer(FooRaft)).keep();
  const circular = {};
  circular.self = circular;
  /** @type {unknown[]} */
  let deep = [];
  for (let depth = 0; depth < 300; depth++) deep = [deep];
  const wrong = [
    undefined,
    NaN,
    Infinity,
    2 ** 53,
    1n,
    Symbol("s"),
    () => {},
    new Map(),
    new Set(),
    new Date(0),
    /pattern/,
    new Error("oops"),
    new Uint8Array(2),
    Promise.resolve("forgotten await"),
    new Number(NaN),
    [undefined],
  ];
  for (const value of [...wrong, ...wrong.map((value) => [{ value: [value] }]), circular, deep]) {
    await assert.rejects(
      raft.propose(value),
      (error) => error instanceof BadArgumentError && error instanceof LocalProtocolError,
    );
  }
  assert.deepEqual(raft.applied, []);
});

promise("an error has the name and the message of the exception", async () => {
  const raft = await loneServer(FooRaft);
  const error = await raft.yieldTo("nowhere").catch((error) => error);
  assert.ok(error instanceof BadArgumentError && error instanceof WebraftError && error instanceof Error);
  assert.deepEqual(
    [error.name, String(error).split(" to ")[0]],
    ["LocalProtocolError", "LocalProtocolError: cannot yield"],
  );
  assert.ok(Object.prototype.toString.call(error) === "[object Error]" && error.stack);
  const group = servers(new Network(), ["a", "b"]);
  const leader = await leaderOf(group);
  const follower = group.find((server) => server !== leader);
  await assert.rejects(async () => follower?.transferLeadership(), {
    name: "NotLeaderError",
    leaderHint: leader.address,
  });
  await leader.transferLeadership();
  await until(() => follower?.isLeader, "the office is handed over");
});

promise("what an application throws is told with its cause", async () => {
  /** @type {Error[]} */
  const errors = [];
  const oops = new Error("oops");
  class Broken extends FooRaft {
    /** @param {ConstructorParameters<typeof FooRaft>} args */
    constructor(...args) {
      super(...args);
      this.listen("error", (error) => errors.push(error));
    }
    /** @param {string} address */
    createInstance(address) {
      if (address === "b") throw oops;
      const node = new FooNode(address, this);
      node.write = async () => {
        throw oops;
      };
      return address === "c" ? node : /** @type {any} */ (undefined);
    }
  }
  const raft = new Broken(new Network(), "a", { members: ["a", "b", "c"] });
  await until(() => errors.length >= 2, "both are told");
  assert.deepEqual(
    errors.slice(0, 2).map((error) => [error.constructor, error.cause === oops]),
    [
      [ConfigError, true],
      [TransportError, true],
    ],
  );
  assert.throws(() => raft.join("b"), oops);
  assert.throws(() => raft.join("d"), /must return an object with write\(payload\), got None/);
});

promise("a getter that breaks later is told and does not stop the server", async () => {
  let isBroken = false;
  /** @type {string[]} */
  const errors = [];
  class Breaking extends FooRaft {
    get heartbeatFrequency() {
      if (isBroken) throw new Error("broken");
      return 20;
    }
  }
  const group = servers(new Network(), ["a", "b"], Breaking);
  group.forEach((server) => server.listen("error", (error) => errors.push(error.message)));
  const leader = await leaderOf(group);
  isBroken = true;
  await until(() => errors.length, "it is told");
  assert.match(errors[0] ?? "", /heartbeat_frequency failed: .*broken/);
  assert.ok(await leader.propose("x"));
});

promise("a node that was not told whose it is learns it", async () => {
  class ShortRaft extends FooRaft {
    /** @param {string} address */
    createInstance(address) {
      return new FooNode(address, /** @type {any} */ (undefined));
    }
  }
  const group = servers(new Network(), ["a", "b"], ShortRaft);
  assert.equal(group[0]?.nodes.b?.raft, group[0]);
  assert.ok(await (await leaderOf(group)).propose("x"));
});

promise("a nodes own message timeout counts", async () => {
  class Slow extends FooNode {
    get messageTimeout() {
      return 50;
    }
  }
  class SlowRaft extends FooRaft {
    /** @param {string} address */
    createInstance(address) {
      return new Slow(address, this);
    }
  }
  const network = new Network();
  const group = servers(network, ["a", "b"], SlowRaft);
  const leader = await leaderOf(group);
  const follower = group.find((server) => server !== leader);
  // What is handed over goes unanswered, while heartbeats keep the leader in office.
  network.loses = (payload) => JSON.stringify(payload).includes("unanswered");
  const begun = performance.now();
  await assert.rejects(async () => follower?.propose("unanswered"), WebraftError);
  assert.ok(performance.now() - begun < 2500, "the default is 3000 ms");
});

promise("a server shows what it is", async () => {
  const raft = await loneServer(FooRaft);
  const { term, index } = await raft.propose("x");
  assert.equal(`${raft}`, `<FooRaft 'a' leader, term ${term}>`);
  assert.deepEqual([raft.address, raft.members, raft.nodes], ["a", { a: "voter" }, {}]);
  assert.match(raft.clusterID ?? "", /^\w+$/);
  assert.deepEqual([raft.termOf(index), raft.termOf(index + 1)], [term, null]);
  const nameless = [new RaftInterface(), new RaftInterface(null, {})];
  assert.equal(new Set(nameless.map((server) => server.address)).size, 2);
  await Promise.all(nameless.map((server) => server.close()));
  assert.throws(() => new RaftInterface("a", { members: ["b"] }), { name: "ConfigError" });
  assert.throws(() => new RaftInterface(""), { name: "LocalProtocolError" });
  const wrong = [{ member: ["a"] }, { storage: "indexeddb" }];
  for (const options of /** @type {any[]} */ (wrong)) {
    assert.throws(() => new RaftInterface("a", options), { name: "TypeError", message: /member|storage/ });
  }
});

promise("what is no event at all is refused like a wrong one", () => {
  const emitter = /** @type {any} */ (new Emitter());
  for (const event of [undefined, {}, Symbol("apply"), []]) {
    for (const use of ["listen", "listenOnce", "unlisten", "emit"]) {
      assert.throws(() => emitter[use](event, () => {}), {
        name: "LocalProtocolError",
        message: /there is no event/,
      });
    }
  }
});

// Nodes that are ready to use, and rooms

promise("servers elect and replicate over a BroadcastChannel", async () => {
  let written = 0;
  class Counting extends BroadcastChannelNode {
    /** @param {any} payload */
    write(payload) {
      written++;
      super.write(payload);
    }
  }
  class TabRaft extends FooRaft {
    /** @param {string} address */
    createInstance(address) {
      return new Counting(address, this, { channel: "facade" });
    }
  }
  const group = servers(new Network(), ["a", "b", "c"], TabRaft);
  group.forEach((server) => server.keep());
  await leaderOf(group);
  await group[0]?.propose("x");
  await until(() => group.every((server) => server.commands[0] === "x"), "all have it");
  assert.ok(written);
});

promise("a WebRTCNode says what it misses", async () => {
  const raft = await loneServer(FooRaft);
  const room = { room: "r", secret: newSecret(), signaling: [] };
  assert.throws(() => new WebRTCNode("b", raft, room), {
    name: "ConfigError",
    message: /list of at least one/,
  });
  for (const strategy of /** @type {any[]} */ ([5, {}, { url: "chat:" }, { open() {} }])) {
    assert.throws(() => new WebRTCNode("b", raft, { ...room, signaling: [strategy] }), {
      name: "ConfigError",
    });
  }
});

promise("pages may be introduced by hand", async () => {
  const raft = await loneServer(FooRaft);
  const byHand = new CopyAndPaste();
  const room = { room: "r", secret: newSecret(), signaling: [byHand] };
  // Node has no WebRTC: what was given is understood before that is missed.
  assert.throws(() => new WebRTCNode("b", raft, room), { name: "ConfigError", message: /no WebRTC here/ });
  await assert.rejects(joinRoom("kanban", { secret: newSecret(), signaling: [byHand] }), {
    message: /https/,
  });
});

promise("a secret is made anew each time", () => {
  assert.match(newSecret(), /^[\w-]{24}$/);
  assert.notEqual(newSecret(), newSecret());
});

promise("a room that cannot be joined says why", async () => {
  await assert.rejects(joinRoom("kanban"), { name: /Error$/, message: /https/ });
  await assert.rejects(joinRoom("kanban", /** @type {any} */ ({ colour: "red" })), {
    name: "TypeError",
    message: /colour/,
  });
  await assert.rejects(joinRoom(""), LocalProtocolError);
});
