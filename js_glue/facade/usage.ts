// The public API as typed code: the compiler alone reads it, and fails if a name or a type changes.

import {
  BroadcastChannelNode,
  CopyAndPaste,
  type ConfigError,
  Emitter,
  LocalStorageHandlers,
  NodeInstance,
  NotLeaderError,
  PatchConflictError,
  RaftInterface,
  SharedDocument,
  type Strategy,
  WebRTCNode,
  WebraftError,
  deleteRoom,
  exportRoom,
  joinRoom,
  lendPeerConnections,
  listRooms,
  load,
  newSecret,
} from "webraft-web";

/** Takes a value of exactly this type. */
const is = <Expected>() => {
  return <Actual extends Expected>(_: Actual & ([Expected] extends [Actual] ? unknown : never)) => {};
};

interface Board {
  cards: string[];
  done?: number;
}

const chat: Strategy = {
  url: "chat:",
  open: (topic, page, onText, onState) => {
    setTimeout(() => onState(true));
    return { post: (text, to) => onText(topic + page + text + to), close: () => onState(false, "why") };
  },
};

export async function rooms(): Promise<void> {
  await load();
  await load({ indexURL: "/pyodide/", wheels: ["/wheels/webraft_web.whl"] });
  const byHand = new CopyAndPaste();
  await byHand.acceptAnswer(await byHand.answerOffer(await byHand.createOffer()));
  const doc = await joinRoom<Board>("kanban", {
    initial: { cards: [] },
    signaling: ["wss://example.org", chat, byHand],
    secret: newSecret(),
    iceServers: [{ urls: "stun:stun.example.org" }],
    voters: 3,
    storage: "indexeddb",
    indexURL: "/pyodide/",
  });
  is<SharedDocument<Board>>()(doc);
  const committed = await doc.patch([{ op: "add", path: "/cards/-", value: "milk" }], { timeout: 100 });
  is<number>()(committed.term);
  is<number>()(committed.index);
  // @ts-expect-error: it has no such operation
  doc.patch([{ op: "append", path: "/cards", value: 1 }]);
  is<Board>()(await doc.update((state) => ({ ...state, done: 1 })));
  await doc.update((state) => {
    state.cards.push("bread");
  });
  // @ts-expect-error: it is no board
  doc.update((state) => state.cards);
  is<Board>()(await doc.read({ timeout: 1.5 }));
  is<Board>()(doc.state);
  const card: string = doc.get("/cards/0", "none");
  for await (const state of doc.changes()) is<Board>()(state);
  const unsubscribe: () => void = doc.subscribe((state) => console.log(state.cards, card));
  unsubscribe();
  doc.listen("updated", (index) => is<number>()(index));
  doc.listen("error", async (error) => console.log(error.message));
  // @ts-expect-error: there is no such event
  doc.listen("update", () => {});
  const { role, leader, members, missing, commitIndex, lastApplied } = doc.status();
  is<"leader" | "candidate" | "follower" | "observer">()(role);
  is<string | null>()(leader);
  is<Record<string, "voter" | "non_voting">>()(members);
  is<string[]>()(missing);
  is<number>()(commitIndex + lastApplied);
  is<string>()(doc.inviteLink() + doc.export());
  await doc.recover();
  await doc.yieldTo("cluster");
  await doc.leaveRoom();
  await doc.close();
  is<string[]>()(await listRooms());
  is<string>()(await exportRoom("kanban"));
  await deleteRoom("kanban");
  const anything = await joinRoom("untyped");
  anything.state.whatever();
}

class FooNode extends NodeInstance {
  override write(payload: unknown): void {
    console.log(this.address, this.raft.address, payload);
  }
  override get messageTimeout(): number {
    return 1000;
  }
}

class FooRaft extends RaftInterface {
  constructor(address?: string) {
    super(address ?? null, { members: ["a", "b"] });
    this.listen("apply", (entry, index, cb) => {
      is<number>()(index);
      cb(entry ? undefined : new Error("no"));
    });
    this.listen("refresh", (cb) => cb(1, 2));
  }
  override createInstance(address: string): NodeInstance {
    if (address === "far")
      return new WebRTCNode(address, this, { room: "r", secret: "s", signaling: ["wss://x"] });
    return address === "near"
      ? new BroadcastChannelNode(address, this, { channel: "c" })
      : new FooNode(address, this);
  }
  override get electionTimeout(): number {
    return super.electionTimeout * 2;
  }
}

export async function servers(): Promise<void> {
  const raft = new FooRaft("a");
  const emits: Emitter<any> = raft;
  emits.emit("updated", 1);
  raft.join("b");
  raft.leave("b");
  raft.gotData("b", { any: "payload" });
  raft.nodes["b"]?.gotData({ any: "payload" });
  const unlisten = raft.listen("apply", async (entry, index) => console.log(entry, index));
  unlisten();
  const updated = (index: number) => console.log(index);
  raft.listenOnce("updated", updated)();
  raft.unlisten("updated", updated);
  raft.listen("state changed", (state) => is<"leader" | "candidate" | "follower">()(state));
  raft.listen("refresh", async () => [1, 2]);
  raft.listen("heartbeat timeout", () => {});
  // @ts-expect-error: there is no such event
  raft.listen("state_changed", () => {});
  // @ts-expect-error: a heartbeat timeout tells nothing
  raft.listen("heartbeat timeout", (what: number) => console.log(what));
  const { term, index } = await raft.propose({ any: "command" });
  is<number>()(term + index + raft.currentTerm + raft.commitIndex + raft.lastApplied);
  is<boolean>()(raft.isLeader);
  is<"leader" | "candidate" | "follower">()(raft.state);
  is<string | null>()(raft.leaderID);
  is<Record<string, NodeInstance>>()(raft.nodes);
  is<number>()(raft.heartbeatFrequency + raft.heartbeatTimeout + raft.messageTimeout);
  const handlers = new LocalStorageHandlers(raft, "key", "/url");
  console.log(handlers.data, handlers.index, handlers.previous);
  handlers.close();
  const emitter = new Emitter<{ happened: [what: string] }>({ happened: ["what"] });
  emitter.emit("happened", "it");
  try {
    await raft.transferLeadership();
  } catch (error) {
    if (error instanceof NotLeaderError) is<string | null>()(error.leaderHint);
    if (error instanceof PatchConflictError) is<string | null>()(error.path);
    if (error instanceof WebraftError) is<string>()((error as ConfigError).name);
  }
  is<() => void>()(await lendPeerConnections());
  await raft.end();
  await raft.close();
}
