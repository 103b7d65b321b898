/** @typedef {import("./border.js").LoadOptions} LoadOptions */
/** @typedef {import("./raft.js").Committed} Committed */
/**
 * An operation of RFC 6902.
 *
 * @typedef {{op: "add" | "replace" | "test", path: string, value: any}
 *   | {op: "remove", path: string}
 *   | {op: "move" | "copy", from: string, path: string}} Operation
 */
/**
 * What the handlers of each event of a document get.
 *
 * @typedef {object} DocumentEvents
 * @property {[index: number]} updated
 * @property {[tab: string]} join
 * @property {[tab: string]} leave
 * @property {[]} leader
 * @property {[]} follower
 * @property {[error: Error]} error
 */
/** @typedef {{timeout?: number | null}} Timeout In milliseconds; without one it takes as long as it takes. */
/**
 * @typedef {object} Status
 * @property {"leader" | "candidate" | "follower" | "observer"} role In the tab that runs this browser's server; else `observer`.
 * @property {string | null} leader The address of the server that leads.
 * @property {string | null} address That of this browser's server.
 * @property {string} tab This tab's id.
 * @property {string | null} runner The id of the tab that runs the server.
 * @property {number} term
 * @property {number} commitIndex
 * @property {number} lastApplied
 * @property {Record<string, "voter" | "non_voting">} members
 * @property {string[]} missing The addresses that a majority waits for.
 * @property {string[]} tabs The ids of this browser's tabs in the room.
 * @property {"indexeddb" | "memory"} storage
 * @property {Record<string, any>} links
 */
/**
 * @typedef {object} RoomOptions
 * @property {any} [initial] The document of a room that does not exist yet; `{}` by default.
 * @property {(string | import("./border.js").Strategy | import("./border.js").CopyAndPaste)[]} [signaling] Where browsers find each other: URLs of
 *   servers, or strategies of your own; without any, the room is this browser's.
 * @property {string} [secret] What browsers prove to one another: `newSecret()` makes one.
 * @property {import("./border.js").IceServer[]} [iceServers] STUN and TURN servers.
 * @property {number} [voters] How many browsers vote at most, 1 to 9; 5 by default.
 * @property {"indexeddb" | "memory"} [storage] "indexeddb" by default.
 */
/**
 * Share a document with all tabs that join the room `name`: of this browser, or with `signaling` of any.
 *
 * Starts Python if `load` has not been called: the options of that may be among these.
 *
 * @template [State=any]
 * @param {string} name
 * @param {RoomOptions & LoadOptions} [options]
 * @returns {Promise<SharedDocument<State>>}
 */
export function joinRoom<State = any>(name: string, options?: RoomOptions & LoadOptions): Promise<SharedDocument<State>>;
/** Return the names of the rooms that this browser keeps for this origin, sorted. @returns {Promise<string[]>} */
export function listRooms(): Promise<string[]>;
/**
 * Return all that this browser keeps of a room as JSON text, also where it is too damaged to be joined.
 *
 * @param {string} name
 * @returns {Promise<string>}
 */
export function exportRoom(name: string): Promise<string>;
/**
 * Delete a room and its document in this browser, and end it in all tabs that have it open.
 *
 * @param {string} name
 * @returns {Promise<void>}
 */
export function deleteRoom(name: string): Promise<void>;
/** Make a secret for a room, to be given to those who belong to it. Needs `load`. @returns {string} */
export function newSecret(): string;
/**
 * One handle on a room's document; made by `joinRoom`.
 *
 * @template [State=any]
 */
export class SharedDocument<State = any> {
    /**
     * @param {any} half
     * @internal
     */
    constructor(half: any);
    /**
     * Apply operations of RFC 6902, all or none; resolves once they are committed and applied here.
     *
     * @param {Operation[]} operations
     * @param {Timeout} [options]
     * @returns {Promise<Committed>}
     */
    patch(operations: Operation[], options?: Timeout): Promise<Committed>;
    /**
     * Read, change and write the document atomically; resolves with the new state.
     *
     * @param {(state: State) => State | void} change Synchronous: gets a private copy, and returns the new state, or nothing
     *   for the copy as it changed it. It is called again if another change came first.
     * @param {Timeout} [options]
     * @returns {Promise<State>}
     */
    update(change: (state: State) => State | void, options?: Timeout): Promise<State>;
    /**
     * Resolve with a state at least as new as every write acknowledged anywhere before the call.
     *
     * @param {Timeout} [options]
     * @returns {Promise<State>}
     */
    read(options?: Timeout): Promise<State>;
    /** The document as applied here: another object after each change, and the same one in between. @returns {State} */
    get state(): State;
    /**
     * Return a copy of the part that a JSON Pointer refers to.
     *
     * @param {string} pointer
     * @param {any} [fallback] If there is none; null by default.
     * @returns {any}
     */
    get(pointer: string, fallback?: any): any;
    /**
     * Call `fn` with the state, now and after each change, until the returned function is called.
     *
     * @param {(state: State) => unknown} fn
     * @returns {() => void}
     */
    subscribe(fn: (state: State) => unknown): () => void;
    /**
     * The states to come: `for await (const state of doc.changes())`. Only the newest one waits to be taken.
     *
     * @returns {AsyncIterableIterator<State>}
     */
    changes(): AsyncIterableIterator<State>;
    /**
     * Call `handler` at each such event, until the returned function is called.
     *
     * @template {keyof DocumentEvents} Event
     * @param {Event} event
     * @param {(...args: DocumentEvents[Event]) => unknown} handler
     * @returns {() => void}
     */
    listen<Event extends keyof DocumentEvents>(event: Event, handler: (...args: DocumentEvents[Event]) => unknown): () => void;
    /** What is known of the room now; never throws, also after `close`. @returns {Status} */
    status(): Status;
    /** A link that opens this page and invites to the room. @returns {string} */
    inviteLink(): string;
    /** The document as applied here as JSON text, for people and files. @returns {string} */
    export(): string;
    /** Go on with what this browser holds, as a new cluster, when the majority is lost for good. @returns {Promise<void>} */
    recover(): Promise<void>;
    /**
     * Give up this browser's document for that of another cluster, which a ClusterConflictError named.
     *
     * @param {string} clusterID
     * @returns {Promise<void>}
     */
    yieldTo(clusterID: string): Promise<void>;
    /** Take this browser out of the room and forget the room here. @returns {Promise<void>} */
    leaveRoom(): Promise<void>;
    /** Let go of the document; membership is unchanged, and `state` stays readable. @returns {Promise<void>} */
    close(): Promise<void>;
    toString(): any;
    #private;
}
export type LoadOptions = import("./border.js").LoadOptions;
export type Committed = import("./raft.js").Committed;
/**
 * An operation of RFC 6902.
 */
export type Operation = {
    op: "add" | "replace" | "test";
    path: string;
    value: any;
} | {
    op: "remove";
    path: string;
} | {
    op: "move" | "copy";
    from: string;
    path: string;
};
/**
 * What the handlers of each event of a document get.
 */
export type DocumentEvents = {
    updated: [index: number];
    join: [tab: string];
    leave: [tab: string];
    leader: [];
    follower: [];
    error: [error: Error];
};
/**
 * In milliseconds; without one it takes as long as it takes.
 */
export type Timeout = {
    timeout?: number | null;
};
export type Status = {
    /**
     * In the tab that runs this browser's server; else `observer`.
     */
    role: "leader" | "candidate" | "follower" | "observer";
    /**
     * The address of the server that leads.
     */
    leader: string | null;
    /**
     * That of this browser's server.
     */
    address: string | null;
    /**
     * This tab's id.
     */
    tab: string;
    /**
     * The id of the tab that runs the server.
     */
    runner: string | null;
    term: number;
    commitIndex: number;
    lastApplied: number;
    members: Record<string, "voter" | "non_voting">;
    /**
     * The addresses that a majority waits for.
     */
    missing: string[];
    /**
     * The ids of this browser's tabs in the room.
     */
    tabs: string[];
    storage: "indexeddb" | "memory";
    links: Record<string, any>;
};
export type RoomOptions = {
    /**
     * The document of a room that does not exist yet; `{}` by default.
     */
    initial?: any;
    /**
     * Where browsers find each other: URLs of
     * servers, or strategies of your own; without any, the room is this browser's.
     */
    signaling?: (string | import("./border.js").Strategy | import("./border.js").CopyAndPaste)[];
    /**
     * What browsers prove to one another: `newSecret()` makes one.
     */
    secret?: string;
    /**
     * STUN and TURN servers.
     */
    iceServers?: import("./border.js").IceServer[];
    /**
     * How many browsers vote at most, 1 to 9; 5 by default.
     */
    voters?: number;
    /**
     * "indexeddb" by default.
     */
    storage?: "indexeddb" | "memory";
};
