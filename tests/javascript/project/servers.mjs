// @ts-check
// Servers of one process, in the words of webraft's README, and a network between them that can be cut.

import { NodeInstance, RaftInterface, WebRTCNode } from "webraft-web";

/** @type {Set<RaftInterface>} */
const running = new Set();

export class Network {
  /** @type {Map<string, RaftInterface>} */
  servers = new Map();
  /** @type {Set<string>} Addresses that nobody reaches, nor they anybody. */
  cutOff = new Set();
  /** @type {(payload: any) => boolean} Which payloads get lost. */
  loses = () => false;
  isSynchronous = false;

  /**
   * @param {string} from
   * @param {string} to
   * @param {any} payload
   */
  carry(from, to, payload) {
    if (this.cutOff.has(from) || this.cutOff.has(to) || this.loses(payload)) return;
    const text = JSON.stringify(payload);
    const deliver = () => this.servers.get(to)?.gotData(from, JSON.parse(text));
    if (this.isSynchronous) deliver();
    else setTimeout(deliver);
  }
}

export class FooNode extends NodeInstance {
  /** @param {any} payload */
  write(payload) {
    /** @type {FooRaft} */ (this.raft).network.carry(this.raft.address, this.address, payload);
  }
}

export class FooRaft extends RaftInterface {
  /** @type {[any, number][]} */
  applied = [];

  /**
   * @param {Network} network
   * @param {string} address
   * @param {{members?: string[]}} [options]
   */
  constructor(network, address, options) {
    super(address, options);
    this.network = network;
    network.servers.set(address, this);
    running.add(this);
  }

  /**
   * @param {string} address
   * @returns {NodeInstance}
   */
  createInstance(address) {
    return new FooNode(address, this);
  }

  /** Keep what is applied. */
  keep() {
    this.listen("apply", (entry, index, cb) => {
      this.applied.push([entry, index]);
      cb();
    });
    return this;
  }

  get commands() {
    return this.applied.map(([entry]) => entry);
  }
}

/**
 * Start a server that leads, alone in its cluster.
 *
 * @template {FooRaft} T
 * @param {new (network: Network, address: string, options: {members: string[]}) => T} Kind
 * @returns {Promise<T>}
 */
export async function loneServer(Kind) {
  const server = new Kind(new Network(), "a", { members: ["a"] });
  await until(() => server.isLeader, "it leads");
  return server;
}

/**
 * Start servers that join each other.
 *
 * @param {Network} network
 * @param {string[]} addresses
 * @param {new (network: Network, address: string) => FooRaft} Kind
 */
export function servers(network, addresses, Kind = FooRaft) {
  const group = addresses.map((address) => new Kind(network, address));
  for (const server of group) addresses.forEach((address) => server.join(address));
  return group;
}

/**
 * Wait until these servers agree on a leader and all of them vote.
 *
 * @template {RaftInterface} T
 * @param {T[]} group
 * @returns {Promise<T>}
 */
export async function leaderOf(group) {
  const agreed = () => {
    const [leader, ...others] = group.filter((server) => server.isLeader);
    if (!leader || others.length || group.some((server) => server.leaderID !== leader.address)) return;
    const votes = Object.values(leader.members).filter((kind) => kind === "voter");
    return votes.length === group.length ? leader : undefined;
  };
  return until(agreed, () => `one leader of ${JSON.stringify(group.map(standing))}`);
}

/**
 * Return how a server sees its cluster, and how it is linked if its nodes tell.
 *
 * @param {RaftInterface} server
 */
function standing({ address, state, leaderID, currentTerm, clusterID, members, nodes }) {
  const links = Object.values(nodes).map((node) => (node instanceof WebRTCNode ? node.status() : undefined));
  return { address, state, leaderID, currentTerm, clusterID, members, links };
}

/** End what a test has left running. */
export async function endAll() {
  await Promise.all([...running].map((server) => server.close()));
  running.clear();
}

/**
 * Wait for the first truthy value of `condition`.
 *
 * @template T
 * @param {() => T} condition
 * @param {string | (() => string)} what Called if it was in vain.
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(condition, what) {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const value = condition();
    if (value) return value;
    if (performance.now() > deadline) {
      throw new Error(`waited 20 s in vain: ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** @param {number} ms */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
