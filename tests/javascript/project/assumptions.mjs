// @ts-check
// What webraft's README assumes of applications; tests/unit/test_webraft_assumptions.py has the same in Python.

import assert from "node:assert/strict";
import { promise } from "./harness.mjs";
import { FooRaft, Network, leaderOf, loneServer, pause, servers, until } from "./servers.mjs";

promise("delivery need not be guaranteed", async () => {
  class Frequent extends FooRaft {
    get heartbeatFrequency() {
      return 20; // so that a few lost heartbeats depose nobody
    }
  }
  const network = new Network();
  let seed = 1;
  network.loses = () => (seed = (seed * 48271) % (2 ** 31 - 1)) % 5 === 0;
  const group = servers(network, ["a", "b", "c"], Frequent);
  group.forEach((server) => server.keep());
  const leader = await leaderOf(group);
  for (let number = 0; number < 20; number++) await leader.propose(number);
  await until(() => group.every((server) => server.commands.length === 20), "all has arrived");
  for (const server of group) assert.deepEqual(server.applied, leader.applied);
});

promise("calling back means that the entry is durable", async () => {
  const raft = await loneServer(FooRaft);
  /** @type {[any, () => void][]} */
  const waiting = [];
  raft.listen("apply", (entry, _index, cb) => waiting.push([entry, cb]));
  const before = raft.lastApplied;
  const settled = [false, false];
  const proposals = ["x", "y"].map((command, position) =>
    raft.propose(command).then((committed) => ((settled[position] = true), committed)),
  );
  await until(() => waiting.length && raft.commitIndex === before + 2, "both are committed");
  await pause(20);
  assert.deepEqual(
    [waiting.map(([entry]) => entry), raft.lastApplied, settled],
    [["x"], before, [false, false]],
  );
  waiting[0]?.[1]();
  assert.equal((await proposals[0])?.index, raft.lastApplied);
  await until(() => waiting.length === 2, "the second one is offered");
  assert.equal(settled[1], false);
  waiting[1]?.[1]();
  await proposals[1];
});

promise("an error given to the callback means not applied", async () => {
  const raft = await loneServer(FooRaft);
  /** @type {Error[]} */
  const errors = [];
  /** @type {any[]} */
  const tries = [];
  const [full, still, late] = [new Error("full"), new TypeError("still full"), new Error("late")];
  raft.listen("error", (error) => errors.push(error));
  raft.listen("apply", (entry, _index, cb) => {
    tries.push(entry);
    if (tries.length === 1) cb(full);
    else if (tries.length === 2) throw still;
    else if (tries.length === 3) setTimeout(cb, 1, late);
    else cb(null);
  });
  await raft.propose("x");
  assert.deepEqual(tries, ["x", "x", "x", "x"]);
  assert.deepEqual(
    errors.map((error, position) => error === [full, still, late][position]),
    [true, true, true],
  );
});

promise("a coroutine functions return is the callback", async () => {
  const raft = await loneServer(FooRaft);
  /** @type {[any, number][]} */
  const seen = [];
  raft.listen("apply", async (entry, index) => {
    await pause(5);
    seen.push([entry, index]);
    return seen; // which is no error
  });
  const { index } = await raft.propose("x");
  assert.deepEqual(seen, [["x", index]]);
});

promise("changing an entry affects nothing", async () => {
  const group = servers(new Network(), ["a", "b"]);
  /** @type {string[]} */
  const seen = [];
  for (const server of [...group, ...group]) {
    server.listen("apply", (entry, _index, cb) => {
      seen.push(JSON.stringify(entry));
      entry.list.push("changed");
      cb();
    });
  }
  const command = { list: [] };
  await (await leaderOf(group)).propose(command);
  await until(() => seen.length === 4, "all have seen it");
  assert.deepEqual([[...new Set(seen)], command], [['{"list":[]}'], { list: [] }]);
});

promise("several servers live in one process", async () => {
  const clusters = [0, 1, 2].map(() => servers(new Network(), ["a", "b", "c"]));
  for (const [number, group] of clusters.entries()) {
    group.forEach((server) => server.keep());
    const leader = await leaderOf(group);
    await Promise.all(group.map((server) => server.propose([number, server.address])));
    await until(() => group.every((server) => server.applied.length === 3), "all have all");
    for (const server of group) assert.deepEqual(server.applied, leader.applied);
    assert.deepEqual(new Set(leader.commands.map(([cluster]) => cluster)), new Set([number]));
  }
});

promise("servers of one process may deliver to each other synchronously", async () => {
  const network = new Network();
  network.isSynchronous = true;
  const group = servers(network, ["a", "b", "c"]);
  group.forEach((server) => server.keep());
  const leader = await leaderOf(group);
  const commands = Array.from({ length: 100 }, (_, number) => number);
  await Promise.all(commands.map((number) => leader.propose(number)));
  await until(() => group.every((server) => server.applied.length === 100), "all have all");
  for (const server of group) assert.deepEqual(server.commands, commands);
});
