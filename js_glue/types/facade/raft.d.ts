/**
 * @param {object} emitter
 * @param {string} event
 * @param {Function} handler
 * @param {boolean} once
 * @returns {() => void}
 * @internal
 */
export function listen(emitter: object, event: string, handler: Function, once: boolean): () => void;
/**
 * What the handlers of each event get.
 *
 * @typedef {{
 *   join: [address: string],
 *   leave: [address: string],
 *   leader: [],
 *   candidate: [],
 *   follower: [],
 *   "state changed": [state: RaftState],
 *   "heartbeat timeout": [],
 *   "start election": [],
 *   apply: [entry: any, index: number, done: (error?: unknown) => void],
 *   refresh: [done: (termOrError?: unknown, index?: number) => void],
 *   updated: [index: number],
 *   error: [error: Error],
 * }} RaftEvents
 */
/** @typedef {"leader" | "candidate" | "follower"} RaftState */
/** @typedef {{term: number, index: number}} Committed Where a command took effect: the entry's term and log index. */
/**
 * Events by name.
 *
 * @template {{[event in keyof Events]: any[]}} [Events=Record<string, any[]>]
 */
export class Emitter<Events extends { [event in keyof Events]: any[]; } = Record<string, any[]>> {
    /** @param {{[event in keyof Events]: string[]}} [events] Their names, and those of the arguments; webraft's by default. */
    constructor(events?: { [event in keyof Events]: string[]; });
    /**
     * Call `handler` at each such event, until the returned function is called.
     *
     * An async function may listen to `apply` and `refresh` without taking `done`: what it returns is the answer.
     *
     * @template {keyof Events & string} Event
     * @param {Event} event
     * @param {(...args: Events[Event]) => unknown} handler
     * @returns {() => void}
     */
    listen<Event extends keyof Events & string>(event: Event, handler: (...args: Events[Event]) => unknown): () => void;
    /**
     * Call `handler` at the next such event only; the returned function takes it back.
     *
     * @template {keyof Events & string} Event
     * @param {Event} event
     * @param {(...args: Events[Event]) => unknown} handler
     * @returns {() => void}
     */
    listenOnce<Event extends keyof Events & string>(event: Event, handler: (...args: Events[Event]) => unknown): () => void;
    /**
     * Call `handler` no more.
     *
     * @template {keyof Events & string} Event
     * @param {Event} event
     * @param {(...args: Events[Event]) => unknown} handler
     */
    unlisten<Event extends keyof Events & string>(event: Event, handler: (...args: Events[Event]) => unknown): void;
    /**
     * Call every handler of `event` now.
     *
     * @template {keyof Events & string} Event
     * @param {Event} event
     * @param {Events[Event]} args
     */
    emit<Event extends keyof Events & string>(event: Event, ...args: Events[Event]): void;
}
/**
 * One server of a Raft cluster. Subclasses implement `createInstance`.
 *
 * @extends {Emitter<RaftEvents>}
 */
export class RaftInterface extends Emitter<RaftEvents> {
    /**
     * @param {string | null} [address] Where others reach this server; random by default.
     * @param {{members?: string[]}} [options] `members`: the addresses of a fixed cluster, this one included; without
     *   it servers that `join` each other found one.
     */
    constructor(address?: string | null, options?: {
        members?: string[];
    });
    /**
     * Return the node through which the server at `address` is reached.
     *
     * @param {string} address
     * @returns {NodeInstance}
     */
    createInstance(address: string): NodeInstance;
    /** How long a candidate waits for votes before trying again, in milliseconds; read anew each time. @returns {number} */
    get electionTimeout(): number;
    /** A leader's period between heartbeats, in milliseconds; read anew each time. @returns {number} */
    get heartbeatFrequency(): number;
    /** How long a follower waits for its leader, in milliseconds; read anew each time. @returns {number} */
    get heartbeatTimeout(): number;
    /** How long `propose` waits for a leader, and for its answer, in milliseconds. @returns {number} */
    get messageTimeout(): number;
    /** Open a link to the server at `address`; the leader also makes it a member. @param {string} address */
    join(address: string): void;
    /** Close the link to the server at `address`; the leader also removes it from the cluster. @param {string} address */
    leave(address: string): void;
    /**
     * Take in what the server at `from` wrote; it is handled soon after this has returned.
     *
     * @param {string} from
     * @param {unknown} payload
     */
    gotData(from: string, payload: unknown): void;
    /**
     * Have `command`, any JSON value, appended to the log of every server, and applied here.
     *
     * @param {unknown} command
     * @returns {Promise<Committed>}
     */
    propose(command: unknown): Promise<Committed>;
    /**
     * Give up this cluster and all its data, so that its servers may be added to another.
     *
     * @param {string} clusterID
     * @returns {Promise<void>}
     */
    yieldTo(clusterID: string): Promise<void>;
    /**
     * On the leader, hand the office over.
     *
     * @param {string | null} [address] To whom; by default to the voter whose log is nearest to this one's.
     * @returns {Promise<void>}
     */
    transferLeadership(address?: string | null): Promise<void>;
    /** Stop this server like a crash would: no farewell, no hand-over. @returns {Promise<void>} */
    close(): Promise<void>;
    /** `close`, as webraft calls it. @returns {Promise<void>} */
    end(): Promise<void>;
    /** This server's address. @returns {string} */
    get address(): string;
    /** The cluster that this server belongs to, null before there is one. @returns {string | null} */
    get clusterID(): string | null;
    /** The links, by address; a copy. @returns {Record<string, NodeInstance>} */
    get nodes(): Record<string, NodeInstance>;
    /** The cluster's members as this server knows them. @returns {Record<string, "voter" | "non_voting">} */
    get members(): Record<string, "voter" | "non_voting">;
    /** Whether this server leads, as far as it knows. @returns {boolean} */
    get isLeader(): boolean;
    /** @returns {RaftState} */
    get state(): RaftState;
    /** The leader's address, null if there is none or it is not known. @returns {string | null} */
    get leaderID(): string | null;
    /** The latest term that this server has seen. @returns {number} */
    get currentTerm(): number;
    /** The index of the last entry known to be committed, 0 for none. @returns {number} */
    get commitIndex(): number;
    /** The index of the last entry that is applied here, 0 for none. @returns {number} */
    get lastApplied(): number;
    /**
     * Return the term of the entry at `index` of this server's log, null if it holds none.
     *
     * @param {number} index
     * @returns {number | null}
     */
    termOf(index: number): number | null;
    toString(): any;
}
/** Another server, as this one reaches it. Subclasses implement `write`. */
export class NodeInstance {
    /**
     * @param {string} address The other server's.
     * @param {RaftInterface} raft The server on this side.
     */
    constructor(address: string, raft: RaftInterface);
    /** The other server's address. */
    address: string;
    /** The server on this side. */
    raft: RaftInterface;
    /**
     * Send `payload`, which JSON can carry, to the server at `address`, once or never.
     *
     * It may be lost, delayed, repeated and reordered, but not changed. Throwing counts as loss.
     *
     * @param {any} payload
     * @returns {unknown} A promise that is rejected counts as loss, too.
     */
    write(payload: any): unknown;
    /** Take in a payload that the other server wrote; its work is queued until this has returned. @param {unknown} payload */
    gotData(payload: unknown): void;
    /** Free what the transport holds; called when the link is left or the server closed. */
    close(): void;
    /** How long a command handed to this server may go unanswered, in milliseconds. @returns {number} */
    get messageTimeout(): number;
}
/** A server in another tab or worker of this browser, reached over a BroadcastChannel. */
export class BroadcastChannelNode extends ReadyNode {
    /**
     * @param {string} address The other server's.
     * @param {RaftInterface} raft The server on this side.
     * @param {{channel?: string}} [options] Servers on channels of the same name hear each other.
     */
    constructor(address: string, raft: RaftInterface, options?: {
        channel?: string;
    });
}
/**
 * @typedef {object} WebRTCOptions
 * @property {string} room Any name.
 * @property {string} secret Of those who belong to the room: `newSecret()` makes one.
 * @property {(string | import("./border.js").Strategy | import("./border.js").CopyAndPaste)[]} signaling URLs of signalling servers, or strategies.
 * @property {import("./border.js").IceServer[]} [iceServers] STUN and TURN servers.
 */
/** A server in a page of any browser, reached over WebRTC. */
export class WebRTCNode extends ReadyNode {
    /**
     * @param {string} address The other server's.
     * @param {RaftInterface} raft The server on this side.
     * @param {WebRTCOptions} options
     */
    constructor(address: string, raft: RaftInterface, { iceServers, ...options }: WebRTCOptions);
    /** How this server's links stand, to all others. @returns {Record<string, any>} */
    status(): Record<string, any>;
}
/** Keeps a server's document in localStorage, from its construction on: commands are JSON Patches. */
export class LocalStorageHandlers {
    /**
     * @param {RaftInterface} raft
     * @param {string | null} [key] Of the stored value; by default `webraft:` and the server's address.
     * @param {string | null} [url] Where `refresh` gets a value.
     */
    constructor(raft: RaftInterface, key?: string | null, url?: string | null);
    /** The document as it is stored: a copy. @returns {any} */
    get data(): any;
    /** The index of the last entry in it. @returns {number} */
    get index(): number;
    /** Of the stored value. @returns {string} */
    get key(): string;
    /** Where `refresh` gets a value, if anywhere. @returns {string | null} */
    get url(): string | null;
    /** What was stored before this server's first entry: perhaps another cluster's document. @returns {any} */
    get previous(): any;
    /** Listen no more; what is stored stays. */
    close(): void;
}
/**
 * What the handlers of each event get.
 */
export type RaftEvents = {
    join: [address: string];
    leave: [address: string];
    leader: [];
    candidate: [];
    follower: [];
    "state changed": [state: RaftState];
    "heartbeat timeout": [];
    "start election": [];
    apply: [entry: any, index: number, done: (error?: unknown) => void];
    refresh: [done: (termOrError?: unknown, index?: number) => void];
    updated: [index: number];
    error: [error: Error];
};
export type RaftState = "leader" | "candidate" | "follower";
/**
 * Where a command took effect: the entry's term and log index.
 */
export type Committed = {
    term: number;
    index: number;
};
export type WebRTCOptions = {
    /**
     * Any name.
     */
    room: string;
    /**
     * Of those who belong to the room: `newSecret()` makes one.
     */
    secret: string;
    /**
     * URLs of signalling servers, or strategies.
     */
    signaling: (string | import("./border.js").Strategy | import("./border.js").CopyAndPaste)[];
    /**
     * STUN and TURN servers.
     */
    iceServers?: import("./border.js").IceServer[];
};
/** A node that the Python package has ready. */
declare class ReadyNode extends NodeInstance {
    /**
     * @param {string} address
     * @param {RaftInterface} raft
     * @param {string} kind The class in Python.
     * @param {{signaling?: unknown, [name: string]: unknown}} options
     */
    constructor(address: string, raft: RaftInterface, kind: string, { signaling: given, ...options }: {
        signaling?: unknown;
        [name: string]: unknown;
    });
    /** @param {any} payload */
    write(payload: any): void;
}
export {};
