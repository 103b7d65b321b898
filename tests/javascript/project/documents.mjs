// @ts-check
// What a page in JavaScript does with rooms. It runs in a tab, for rooms need one.

import assert from "./assert.mjs";
import {
  BadArgumentError,
  CopyAndPaste,
  LocalProtocolError,
  LocalStorageHandlers,
  WebRTCNode,
  deleteRoom,
  exportRoom,
  joinRoom,
  listRooms,
  newSecret,
} from "webraft-web";
import { promise } from "./harness.mjs";
import { leavesNothing } from "./holdings.mjs";
import { FooRaft, Network, leaderOf, loneServer, servers, until } from "./servers.mjs";

let rooms = 0;

/**
 * Open a new room twice.
 *
 * @template State
 * @param {State} initial
 */
async function openTwice(initial) {
  const name = `room ${++rooms}`;
  const one = await joinRoom(name, { initial });
  /** @type {typeof one} */
  const other = await joinRoom(name);
  return { name, one, other, close: () => Promise.all([one.close(), other.close()]) };
}

promise("state is another object after each change and the same one in between", async () => {
  const { one, other, close } = await openTwice({ cards: ["milk"] });
  const before = one.state;
  assert.ok(one.state === before && Object.getPrototypeOf(before) === Object.prototype);
  const { term, index } = await other.patch([{ op: "add", path: "/cards/-", value: "bread" }]);
  assert.ok(term > 0 && index > 0);
  await one.read();
  assert.ok(one.state !== before);
  assert.deepEqual([before, one.state], [{ cards: ["milk"] }, { cards: ["milk", "bread"] }]);
  assert.deepEqual([one.get("/cards/1"), one.get("/cards/2"), one.get("/cards/2", [])], ["bread", null, []]);
  one.state.cards.push("changed"); // which is nobody's but this page's
  assert.deepEqual([await one.read(), JSON.parse(one.export())], [other.state, other.state]);
  await close();
  assert.ok(one.state.cards.length > 1);
});

promise("a subscriber gets the state now and after each change", async () => {
  const { one, other, close } = await openTwice({ n: 0 });
  /** @type {number[]} */
  const seen = [];
  const end = one.subscribe(({ n }) => seen.push(n));
  assert.deepEqual(seen, [0]);
  for (const value of [1, 2]) await other.patch([{ op: "replace", path: "/n", value }]);
  await one.read();
  end();
  end();
  await one.patch([{ op: "replace", path: "/n", value: 3 }]);
  assert.deepEqual(seen, [0, 1, 2]);
  let calls = 0;
  const wrong = () => {
    calls++;
    throw new Error("who throws at once does not subscribe");
  };
  assert.throws(() => one.subscribe(wrong), { message: /at once/ });
  await one.patch([{ op: "replace", path: "/n", value: 4 }]);
  assert.equal(calls, 1);
  await close();
});

promise("changes are iterated until the document is closed", async () => {
  const { one, other, close } = await openTwice({ n: 0 });
  const stream = one.changes();
  await other.patch([{ op: "replace", path: "/n", value: 1 }]);
  assert.deepEqual(await stream.next(), { value: { n: 1 }, done: false });
  await other.patch([{ op: "replace", path: "/n", value: 2 }]);
  for await (const { n } of stream) {
    assert.equal(n, 2);
    break;
  }
  assert.deepEqual(await stream.next(), { value: undefined, done: true });
  const last = one.changes().next();
  await close();
  assert.deepEqual(await last, { value: undefined, done: true });
});

promise("updates lose nothing and may return or change what they get", async () => {
  const { one, other, close } = await openTwice({ n: 0 });
  const increments = Array.from({ length: 40 }, (_, number) =>
    number % 2
      ? one.update((state) => ({ n: state.n + 1 }))
      : other.update((state) => {
          state.n++;
        }),
  );
  await Promise.all(increments);
  assert.deepEqual(await one.read(), { n: 40 });
  for (const oops of [new Error("oops"), new DOMException("stop", "AbortError"), { code: 7 }, "oops"]) {
    const failing = one.update(() => {
      throw oops;
    });
    assert.equal(await failing.catch((error) => error), oops);
  }
  await assert.rejects(one.update(/** @type {any} */ (async () => ({ n: 0 }))), {
    name: "LocalProtocolError",
  });
  await assert.rejects(one.update(/** @type {any} */ ("text")), { name: "LocalProtocolError" });
  await assert.rejects(
    one.update(() => /** @type {any} */ ({ n: NaN })),
    { name: "LocalProtocolError" },
  );
  assert.deepEqual(one.state, { n: 40 });
  await close();
});

promise("a patch that cannot apply or be sent says why", async () => {
  const { one, close } = await openTwice({ n: 0 });
  /** @type {import("webraft-web").Operation} */
  const wrong = { op: "test", path: "/n", value: 1 };
  const conflict = await one.patch([{ op: "replace", path: "/n", value: 2 }, wrong]).catch((error) => error);
  assert.deepEqual([conflict.name, conflict.op, conflict.path], ["PatchConflictError", wrong, "/n"]);
  for (const operations of [
    [{ op: "append", path: "/n", value: 1 }],
    [{ op: "add", path: "/n", value: NaN }],
    {},
  ]) {
    const error = await one.patch(/** @type {any} */ (operations)).catch((error) => error);
    assert.ok(error instanceof BadArgumentError && error instanceof LocalProtocolError, String(error));
  }
  await assert.rejects(one.read({ timeout: -1 }), { name: "LocalProtocolError" });
  assert.deepEqual(one.state, { n: 0 });
  await close();
  await assert.rejects(one.patch([]), { name: "LocalProtocolError" });
});

promise("events of the room are heard", async () => {
  const { one, other, close } = await openTwice({});
  /** @type {number[]} */
  const heard = [];
  const end = one.listen("updated", (index) => heard.push(index));
  const { index } = await other.patch([{ op: "add", path: "/x", value: 1 }]);
  await one.read();
  end();
  await other.patch([{ op: "add", path: "/x", value: 2 }]);
  assert.deepEqual(heard, [index]);
  assert.throws(() => one.listen(/** @type {any} */ ("update"), () => {}), { message: /'updated'/ });
  await close();
});

promise("the status has names of javascript and tells also when the room is closed", async () => {
  const { name, one, close } = await openTwice({});
  const status = one.status();
  assert.deepEqual([status.role, status.storage, status.missing], ["leader", "indexeddb", []]);
  assert.ok(status.lastApplied > 0 && status.commitIndex >= status.lastApplied);
  assert.ok(status.tabs.includes(status.tab) && status.leader === status.address);
  assert.equal(`${one}`, `<room '${name}' · leading · 1 tab · index ${status.lastApplied}>`);
  assert.ok(one.inviteLink().startsWith(location.href));
  await close();
  assert.equal(one.status().storage, "indexeddb");
});

promise("rooms are listed and saved and deleted", async () => {
  const { name, one, close } = await openTwice({ kept: true });
  await one.patch([{ op: "add", path: "/x", value: 1 }]);
  assert.ok((await listRooms()).includes(name));
  assert.deepEqual(JSON.parse(await exportRoom(name)).document, { kept: true, x: 1 });
  await assert.rejects(joinRoom(name, { storage: "memory" }), { name: "ConfigError" });
  await close();
  await deleteRoom(name);
  assert.ok(!(await listRooms()).includes(name));
  await assert.rejects(exportRoom(name), { name: "StorageError" });
});

promise("whoever leaves a room forgets it", async () => {
  const { name, one } = await openTwice({});
  await one.leaveRoom();
  assert.ok(!(await listRooms()).includes(name));
});

promise("a servers document is kept in local storage", async () => {
  const raft = await loneServer(FooRaft);
  const handlers = new LocalStorageHandlers(raft);
  await raft.propose([{ op: "add", path: "/milk", value: 2 }]);
  assert.deepEqual([handlers.data, handlers.key, handlers.url], [{ milk: 2 }, "webraft:a", null]);
  assert.deepEqual(JSON.parse(localStorage.getItem("webraft:a") ?? "").data, { milk: 2 });
  handlers.close();
  await raft.propose([{ op: "add", path: "/bread", value: 1 }]);
  assert.equal(handlers.index, raft.lastApplied - 1);
});

promise("nothing is left of documents that are closed", async () => {
  await leavesNothing(async (count) => {
    for (let number = 0; number < count; number += 10) {
      const { one, other, close } = await openTwice({ n: 0 });
      one.subscribe(() => one.state);
      other.listen("updated", async () => other.status());
      const stream = one.changes();
      const last = stream.next().then(() => stream.next());
      for (let value = 0; value < 10; value++) await other.patch([{ op: "replace", path: "/n", value }]);
      await one.update((state) => ({ n: state.n + 1 }));
      await assert.rejects(one.patch([{ op: "test", path: "/n", value: -1 }]), {
        name: "PatchConflictError",
      });
      await close();
      await last.then(() => stream.next());
    }
  }, 100);
});

promise("what a page throws that is no Error of the language means not applied as well", async () => {
  const raft = await loneServer(FooRaft);
  const full = new DOMException("full", "QuotaExceededError");
  /** @type {Error[]} */
  const errors = [];
  raft.listen("error", (error) => errors.push(error));
  let tries = 0;
  raft.listen("apply", (_entry, _index, done) => {
    if (++tries === 1) throw full;
    done(tries === 2 ? full : undefined);
  });
  raft.listenOnce("updated", () => {
    throw full;
  });
  await raft.propose("x");
  await until(() => errors.length === 3, "all are told");
  assert.deepEqual([tries, errors.map((error) => error === full)], [3, [true, true, true]]);
});

/** A strategy of the page's own: whatever carries texts will do. */
class Bus {
  url = "bus:";
  /** @type {Map<string, Set<(text: string) => void>>} */
  topics = new Map();

  /** @type {import("webraft-web").Strategy["open"]} */
  open = (topic, _page, onText, onState) => {
    const others = this.topics.get(topic) ?? new Set();
    this.topics.set(topic, others.add(onText));
    setTimeout(onState, 0, true);
    return {
      post: (text) => others.forEach((hear) => setTimeout(hear, 0, text)),
      close: () => void others.delete(onText),
    };
  };
}

promise("servers find each other by a strategy of the page and link by WebRTC", async () => {
  const bus = new Bus();
  const room = { room: "r", secret: newSecret(), signaling: [bus], iceServers: [] };
  class WebRaft extends FooRaft {
    /** @param {string} address */
    createInstance(address) {
      return new WebRTCNode(address, this, room);
    }
  }
  const group = servers(new Network(), ["a", "b"], WebRaft);
  const leader = await leaderOf(group);
  await leader.propose("x");
  const node = /** @type {WebRTCNode} */ (Object.values(leader.nodes)[0]);
  const { signaling } = node.status();
  assert.ok(JSON.stringify(signaling).includes("bus:"), JSON.stringify(signaling));
  await Promise.all(group.map((server) => server.close()));
  await until(() => [...bus.topics.values()].every((topic) => topic.size === 0), "all ports are closed");
  assert.deepEqual(node.status(), {});
});

promise("servers are introduced by hand and link by WebRTC", async () => {
  const secret = newSecret();
  class WebRaft extends FooRaft {
    byHand = new CopyAndPaste();
    /** @param {string} address */
    createInstance(address) {
      return new WebRTCNode(address, this, { room: "by hand", secret, signaling: [this.byHand] });
    }
  }
  const [one, other] = /** @type {[WebRaft, WebRaft]} */ (servers(new Network(), ["a", "b"], WebRaft));
  await one.byHand.acceptAnswer(await other.byHand.answerOffer(await one.byHand.createOffer()));
  assert.ok(await (await leaderOf([one, other])).propose("x"));
});
