// @ts-check
// What webraft's README promises, each promise one test; tests/unit/test_webraft_readme.py has the same ones
// in Python. The examples are reconstructed from the API that the README of webraft 0.2.5 documents; they are
// not its own text.

import assert from "node:assert/strict";
import { NodeInstance, RaftInterface } from "webraft-web";
import { promise } from "./harness.mjs";
import { FooNode, FooRaft, Network, leaderOf, loneServer, pause, servers, until } from "./servers.mjs";

/** @param {FooRaft} server Proposes more than a log that may forget keeps. */
async function proposeMuch(server) {
  for (let turn = 0; turn < 10; turn++) {
    await Promise.all(Array.from({ length: 10 }, () => server.propose("much".padEnd(60_000))));
  }
}

promise("a raft is extended and creates its nodes", () => {
  const raft = new FooRaft(new Network(), "a");
  raft.join("b");
  assert.ok(raft.nodes.b instanceof FooNode);
  assert.deepEqual(Object.keys(raft.nodes), ["b"]);
  class Bare extends RaftInterface {}
  const bare = new Bare("c");
  assert.throws(() => bare.join("b"), {
    name: "NotImplementedError",
    message: 'Bare must implement createInstance("b")',
  });
  bare.close();
});

promise("a node is extended and writes payloads that json carries", async () => {
  /** @type {unknown[]} */
  const written = [];
  class Writing extends FooNode {
    /** @param {unknown} payload */
    write(payload) {
      assert.deepEqual([this.address, this.raft.address], ["b", "a"]);
      written.push(payload);
    }
  }
  class WritingRaft extends FooRaft {
    /** @param {string} address */
    createInstance(address) {
      return new Writing(address, this);
    }
  }
  const raft = new WritingRaft(new Network(), "a");
  raft.join("b");
  const payload = await until(() => written[0], "a payload");
  assert.deepEqual(JSON.parse(JSON.stringify(payload)), payload);
  assert.throws(
    () => new NodeInstance("b", raft).write(payload),
    /NodeInstance must implement write\(payload\)/,
  );
});

promise("what a node got goes to its raft with its address", async () => {
  class ByNodes extends Network {
    /** @type {Network["carry"]} */
    carry(from, to, payload) {
      const text = JSON.stringify(payload);
      setTimeout(() => this.servers.get(to)?.nodes[from]?.gotData(JSON.parse(text)));
    }
  }
  const leader = await leaderOf(servers(new ByNodes(), ["a", "b"]));
  assert.ok(await leader.propose("x"));
});

promise("the raft takes payloads with their sender and minds no nonsense", async () => {
  const leader = await leaderOf(servers(new Network(), ["a", "b"]));
  const circular = {};
  circular.self = circular;
  for (const sender of ["a", "b", "stranger"]) {
    for (const payload of [
      undefined,
      null,
      NaN,
      1n,
      "text",
      [],
      {},
      [[]],
      ["webraft", { x: null }],
      circular,
    ]) {
      leader.gotData(sender, payload);
    }
  }
  assert.ok((await leader.propose("x")).index > 0);
});

promise("join and leave take effect and are told at once", () => {
  const raft = new FooRaft(new Network(), "a");
  /** @type {string[][]} */
  const told = [];
  raft.listen("join", (address) => told.push(["join", address]));
  raft.listen("leave", (address) => told.push(["leave", address]));
  raft.join("b");
  assert.deepEqual([told, Object.keys(raft.nodes)], [[["join", "b"]], ["b"]]);
  raft.leave("b");
  assert.deepEqual([told[1], Object.keys(raft.nodes)], [["leave", "b"], []]);
});

promise("apply is listened for outside the class", async () => {
  const raft = await loneServer(FooRaft);
  /** @type {[any, number][]} */
  const data = [];
  raft.listen("apply", (entry, index, cb) => {
    data.push([entry, index]);
    cb();
  });
  const { index } = await raft.propose({ add: "milk" });
  assert.deepEqual(data, [[{ add: "milk" }, index]]);
});

promise("apply is listened for inside the class", async () => {
  class Inside extends FooRaft {
    /** @type {any[]} */
    others = [];
    /** @param {ConstructorParameters<typeof FooRaft>} args */
    constructor(...args) {
      super(...args);
      this.listen("apply", this.apply);
      this.listen("apply", (entry, _index, cb) => {
        this.others.push(entry);
        cb();
      });
    }
    /** @type {(entry: any, index: number, cb: () => void) => void} */
    apply(entry, index, cb) {
      this.applied.push([entry, index]);
      cb();
    }
  }
  const raft = await loneServer(Inside);
  const { index } = await raft.propose("x");
  assert.deepEqual([raft.applied, raft.others], [[["x", index]], ["x"]]);
});

/** Has the state at hand that somebody else keeps, and refreshes itself to it. */
class RefreshingRaft extends FooRaft {
  static stored = { term: 0, index: 0 };
  refreshes = 0;
  /** @param {ConstructorParameters<typeof FooRaft>} args */
  constructor(...args) {
    super(...args);
    this.keep();
    this.listen("updated", (index) => {
      if (index > RefreshingRaft.stored.index)
        RefreshingRaft.stored = { term: this.termOf(index) ?? 0, index };
    });
    this.listen("refresh", this.refresh);
  }
  /** @param {() => void} cb */
  refresh(cb) {
    this.refreshes++;
    cb();
  }
}

/**
 * Return a server that missed so much that it had to refresh, and the leader.
 *
 * @template {RefreshingRaft} T
 * @param {new (network: Network, address: string) => T} Kind
 */
async function lag(Kind) {
  RefreshingRaft.stored = { term: 0, index: 0 };
  const network = new Network();
  const group = /** @type {T[]} */ (servers(network, ["a", "b", "c"], Kind));
  const leader = await leaderOf(group);
  const away = /** @type {T} */ (group.find((server) => server !== leader));
  network.cutOff.add(away.address);
  await until(() => away.state === "candidate", "it misses its leader");
  await pause(1000); // until the leader keeps nothing for it any more
  await proposeMuch(leader);
  network.cutOff.clear();
  await until(() => away.lastApplied === leader.lastApplied, "it has caught up");
  return { away, leader, network, group };
}

promise(
  "refresh is listened for inside the class and a bare callback means the index announced",
  async () => {
    const { away, leader } = await lag(RefreshingRaft);
    assert.equal(away.refreshes, 1);
    assert.ok(away.applied.length < leader.applied.length);
    await leader.propose("after");
    await until(() => away.commands.at(-1) === "after", "it goes on from there");
  },
);

promise("refresh is listened for outside the class and calls back with term and index", async () => {
  let refreshed = 0;
  class Outside extends RefreshingRaft {
    /** @param {ConstructorParameters<typeof FooRaft>} args */
    constructor(...args) {
      super(...args);
      this.unlisten("refresh", this.refresh);
      // An async function returns what others call back with.
      this.listen("refresh", async () => {
        refreshed++;
        return [RefreshingRaft.stored.term, RefreshingRaft.stored.index];
      });
      this.listen("refresh", (cb) =>
        setTimeout(cb, 1, RefreshingRaft.stored.term, RefreshingRaft.stored.index),
      );
    }
  }
  const { away, leader } = await lag(Outside);
  assert.deepEqual([refreshed, away.refreshes], [1, 0]);
  assert.ok(away.applied.length < leader.applied.length);
});

promise("propose returns once the command is committed and applied here", async () => {
  const raft = (await loneServer(FooRaft)).keep();
  const committed = await raft.propose("x");
  assert.deepEqual(raft.applied, [["x", committed.index]]);
  assert.deepEqual(committed, { term: raft.currentTerm, index: raft.lastApplied });
});

promise("propose works on every server", async () => {
  const group = servers(new Network(), ["a", "b", "c"]);
  group.forEach((server) => server.keep());
  await leaderOf(group);
  for (const [number, server] of group.entries()) {
    await server.propose(number);
    assert.deepEqual(server.commands, [0, 1, 2].slice(0, number + 1));
  }
});

promise("updated tells every index that was applied in order", async () => {
  const raft = (await loneServer(FooRaft)).keep();
  /** @type {number[]} */
  const updates = [];
  raft.listen("updated", (index) => updates.push(index));
  const commands = Array.from({ length: 10 }, (_, number) => number);
  await Promise.all(commands.map((number) => raft.propose(number)));
  assert.deepEqual(
    updates,
    raft.applied.map(([, index]) => index),
  );
  assert.deepEqual(raft.commands, commands);
});

promise("listen returns how to unlisten", async () => {
  const raft = await loneServer(FooRaft);
  /** @type {string[]} */
  const heard = [];
  const unlisten = raft.listen("join", () => heard.push("first"));
  const second = () => heard.push("second");
  raft.listen("join", second);
  raft.listenOnce("join", () => heard.push("once"));
  raft.join("b");
  unlisten();
  unlisten();
  raft.join("c");
  raft.unlisten("join", second);
  raft.join("d");
  assert.deepEqual(heard, ["first", "second", "once", "second"]);
});

promise("all eleven events are emitted", async () => {
  /** @type {Record<string, unknown[]>} */
  const heard = {};
  class Heard extends RefreshingRaft {
    /** @param {ConstructorParameters<typeof FooRaft>} args */
    constructor(...args) {
      super(...args);
      for (const event of /** @type {const} */ ([
        ...["join", "leave", "leader", "candidate", "follower", "state changed"],
        ...["heartbeat timeout", "start election", "updated"],
      ])) {
        this.listen(/** @type {any} */ (event), (/** @type {unknown[]} */ ...args) => {
          heard[event] ??= args.map((one) => typeof one);
        });
      }
    }
  }
  const { away, leader, network, group } = await lag(Heard);
  assert.ok(away.refreshes && away.applied.length);
  network.cutOff.add(leader.address);
  const other = await until(
    () => group.find((server) => server !== leader && server.isLeader),
    "another leads",
  );
  network.cutOff.clear();
  await until(() => leader.state === "follower", "it follows");
  other.leave(leader.address);
  assert.deepEqual(heard, {
    join: ["string"],
    leave: ["string"],
    leader: [],
    candidate: [],
    follower: [],
    "state changed": ["string"],
    "heartbeat timeout": [],
    "start election": [],
    updated: ["number"],
  });
});

promise("timeouts are overridden in the class and read anew each time", async () => {
  const reads = { electionTimeout: 0, heartbeatTimeout: 0, heartbeatFrequency: 0 };
  class Timed extends FooRaft {
    base = 150; // which the first reads, in the constructor of RaftInterface, cannot see yet
    get electionTimeout() {
      reads.electionTimeout++;
      return this.base;
    }
    get heartbeatTimeout() {
      reads.heartbeatTimeout++;
      return this.base + 50;
    }
    get heartbeatFrequency() {
      reads.heartbeatFrequency++;
      return 20;
    }
  }
  await leaderOf(servers(new Network(), ["a", "b"], Timed));
  const before = { ...reads };
  assert.ok(before.electionTimeout);
  await until(() => reads.heartbeatFrequency > before.heartbeatFrequency + 3, "the leader reads its period");
  await until(() => reads.heartbeatTimeout > before.heartbeatTimeout + 3, "the follower reads its wait");
});

promise("timeouts are what the readme says unless they are overridden", async () => {
  const raft = await loneServer(FooRaft);
  raft.join("b");
  for (let count = 0; count < 100; count++) {
    assert.ok(raft.electionTimeout >= 150 && raft.electionTimeout <= 300);
    assert.ok(raft.heartbeatTimeout >= 200 && raft.heartbeatTimeout <= 250);
  }
  const values = new Set(Array.from({ length: 100 }, () => raft.electionTimeout));
  assert.ok(values.size > 1);
  assert.deepEqual([raft.heartbeatFrequency, raft.messageTimeout], [100, 3000]);
  assert.equal(raft.nodes.b?.messageTimeout, 3000);
});

promise("a heartbeat timeout must be longer than the leaders period", () => {
  class Hasty extends FooRaft {
    get heartbeatTimeout() {
      return 100;
    }
  }
  assert.throws(() => new Hasty(new Network(), "a"), {
    name: "ConfigError",
    message: /heartbeat_timeout is 100 ms and heartbeat_frequency 100 ms/,
  });
});

promise("a message timeout bounds the wait for a leader", async () => {
  class Impatient extends FooRaft {
    get messageTimeout() {
      return 50;
    }
  }
  const raft = new Impatient(new Network(), "a", { members: ["a", "b"] });
  await assert.rejects(raft.propose("x"), { name: "NotLeaderError", leaderHint: null });
});

promise("the attributes tell how the server stands", async () => {
  const group = servers(new Network(), ["a", "b"]);
  const leader = await leaderOf(group);
  const follower = /** @type {FooRaft} */ (group.find((server) => server !== leader));
  const { term, index } = await follower.propose("x");
  for (const server of group) {
    const state = server === leader ? "leader" : "follower";
    assert.deepEqual(
      [server.isLeader, server.state, server.leaderID, server.currentTerm],
      [server === leader, state, leader.address, term],
    );
  }
  assert.ok(follower.commitIndex >= follower.lastApplied && follower.lastApplied >= index);
  assert.deepEqual(Object.keys(leader.nodes), [follower.address]);
});

promise("end stops a server", async () => {
  const raft = await loneServer(FooRaft);
  await raft.end();
  await raft.close();
  await assert.rejects(raft.propose("x"), { name: "LocalProtocolError", message: /closed/ });
  assert.throws(() => raft.join("b"), { name: "LocalProtocolError", message: /closed/ });
});

promise("an event that does not exist is refused", async () => {
  const raft = await loneServer(FooRaft);
  assert.throws(() => raft.listen(/** @type {any} */ ("update"), () => {}), /did you mean 'updated'/);
});
