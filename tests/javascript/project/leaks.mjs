// @ts-check
// What is left, on either side of the border, of servers, handlers and proposals: nothing.

import assert from "node:assert/strict";
import { Emitter, WebraftError } from "webraft-web";
import { promise } from "./harness.mjs";
import { leavesNothing } from "./holdings.mjs";
import { FooRaft, Network, endAll, leaderOf, loneServer, servers } from "./servers.mjs";

const proposals = Number(process.env.PROPOSALS ?? 1000);

promise("nothing is left of proposals, their handlers and their errors", async () => {
  const raft = await loneServer(FooRaft);
  let tries = 0;
  raft.listen("error", () => {});
  raft.listen("apply", (_entry, _index, done) => done(++tries % 500 ? undefined : new Error("now and then")));
  raft.listen("apply", (_entry, _index, done) => queueMicrotask(done));
  raft.listen("apply", async () => {});
  raft.listen("updated", async () => {});
  const wrong = { wrong: 2 ** 60 };
  await leavesNothing(async (count) => {
    for (let number = 0; number < count; number += 10) {
      const commands = Array.from({ length: 10 }, (_, position) => ({ number, position }));
      await Promise.all(commands.map((command) => raft.propose(command)));
      await assert.rejects(raft.propose(wrong));
      assert.ok(raft.isLeader && raft.members && raft.heartbeatTimeout);
    }
  }, proposals);
});

promise("nothing is left of payloads between servers", async () => {
  const group = servers(new Network(), ["a", "b", "c"]);
  group.forEach((server) => server.listen("apply", (_entry, _index, done) => done()));
  await leaderOf(group);
  await leavesNothing(async (count) => {
    for (let number = 0; number < count; number++) await group[number % 3]?.propose(number);
  }, proposals / 10);
});

promise("nothing is left of listeners that listen no more", async () => {
  const emitter = new Emitter({ happened: [] });
  await leavesNothing(async (count) => {
    for (let number = 0; number < count; number++) {
      const handler = () => number;
      const unlisten = emitter.listen("happened", handler);
      emitter.listenOnce("happened", handler);
      emitter.listen("happened", handler);
      emitter.emit("happened");
      unlisten();
      emitter.unlisten("happened", handler);
    }
  }, proposals);
});

promise("nothing is left of servers that are closed, nor of emitters that are forgotten", async () => {
  await leavesNothing(async (count) => {
    for (let number = 0; number < count; number++) {
      const raft = await loneServer(FooRaft);
      raft.listen("updated", () => raft.state); // refers to its server, as handlers do
      raft.listen("apply", async () => new Promise(() => raft)); // and is never over
      raft.listen("apply", (_entry, _index, _done) => raft);
      raft.join("b");
      const pending = assert.rejects(raft.propose(number), WebraftError);
      await new Promise((resolve) => setTimeout(resolve, 5));
      await raft.close();
      await pending;
      await endAll();
      const emitter = new Emitter();
      emitter.listen("updated", () => {});
    }
  }, 60);
});
