/**
 * Start Python, with everything that this module needs. Later calls wait for the first one; its options count.
 * If it fails, the next call tries again.
 *
 * @param {LoadOptions} [options]
 * @returns {Promise<any>} Pyodide, for pages with Python of their own.
 */
export function load(options?: LoadOptions): Promise<any>;
/**
 * Return Python's functions.
 *
 * @param {string} what Needs them.
 * @returns {Record<string, any>}
 */
export function loaded(what: string): Record<string, any>;
/**
 * @param {object} object
 * @param {any} half
 */
export function own(object: object, half: any): void;
/** @param {unknown} object */
export function halfOf(object: unknown): any;
/**
 * Return what Python answered, or throw the Error that it answered with.
 *
 * @param {any} answer
 */
export function told(answer: any): any;
/**
 * @param {object} object
 * @param {string} name In Python.
 */
export function read(object: object, name: string): any;
/**
 * @param {object} object
 * @param {string} name In Python.
 * @param {unknown[]} args
 * @param {object} options
 */
export function callPython(object: object, name: string, args?: unknown[], options?: object): any;
/**
 * Call what returns an awaitable in Python.
 *
 * @param {any} half
 * @param {string} name In Python.
 * @param {unknown[]} args
 * @param {object} options
 * @returns {Promise<any>}
 */
export function begin(half: any, name: string, args?: unknown[], options?: object): Promise<any>;
/**
 * @param {(settle: (error: Error | undefined, result: any) => void) => any} start
 * @returns {Promise<any>}
 */
export function settled(start: (settle: (error: Error | undefined, result: any) => void) => any): Promise<any>;
/**
 * Return a value as JSON text that stands for it in full. Properties that are `undefined` count as absent.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function toText(value: unknown): string;
/**
 * Tell URLs from what else introduces pages.
 *
 * @param {unknown} signaling
 * @returns {[unknown, unknown[]]} With lists of a number in place of the latter, and those.
 */
export function apart(signaling: unknown): [unknown, unknown[]];
/**
 * A STUN or TURN server: an `RTCIceServer`, which not every program's types have.
 *
 * @typedef {{urls: string | string[], username?: string, credential?: string}} IceServer
 */
/**
 * A way to carry texts among pages that know a topic: a server, or anything else. Nothing is promised:
 * texts may be lost, repeated, reordered and forged.
 *
 * @typedef {object} Strategy
 * @property {string} url What `status()` calls it.
 * @property {(topic: string, page: string, onText: (text: string) => void,
 *   onState: (isConnected: boolean, why?: string) => void) => Port} open Take part in a topic; nothing is
 *   called back before this has returned, nor after `close`.
 */
/**
 * @typedef {object} Port
 * @property {(text: string, to: string) => void} post To everybody in the topic, or at least to the page `to`.
 * @property {() => void} close
 */
/** Introduces pages of different browsers by two texts, carried by people, without any server. Needs `load`. */
export class CopyAndPaste {
    /** A text for one other page's `answerOffer`; it may take any time to get there. @returns {Promise<string>} */
    createOffer(): Promise<string>;
    /**
     * Resolve with the answer to another page's offer, for its `acceptAnswer`.
     *
     * @param {string} text
     * @returns {Promise<string>}
     */
    answerOffer(text: string): Promise<string>;
    /**
     * Link with the page that gave this answer to this page's offer.
     *
     * @param {string} text
     * @returns {Promise<void>}
     */
    acceptAnswer(text: string): Promise<void>;
}
/**
 * A promise in a box: one that was returned by itself, Pyodide would await.
 */
export type Held = {
    promise: PromiseLike<any>;
};
export type LoadOptions = {
    /**
     * The directory that Pyodide lies in. Without it, and without `pyodide`, the
     * module "pyodide" is imported: from npm's package, or from where the page's import map has it.
     */
    indexURL?: string;
    /**
     * A Pyodide that the page has loaded already.
     */
    pyodide?: object | Promise<object>;
    /**
     * Where to load webraft_web and what it needs from, in place of the wheels
     * beside this module. One that is installed in `pyodide` already is used as it is.
     */
    wheels?: string[];
};
/**
 * A STUN or TURN server: an `RTCIceServer`, which not every program's types have.
 */
export type IceServer = {
    urls: string | string[];
    username?: string;
    credential?: string;
};
/**
 * A way to carry texts among pages that know a topic: a server, or anything else. Nothing is promised:
 * texts may be lost, repeated, reordered and forged.
 */
export type Strategy = {
    /**
     * What `status()` calls it.
     */
    url: string;
    /**
     * Take part in a topic; nothing is
     * called back before this has returned, nor after `close`.
     */
    open: (topic: string, page: string, onText: (text: string) => void, onState: (isConnected: boolean, why?: string) => void) => Port;
};
export type Port = {
    /**
     * To everybody in the topic, or at least to the page `to`.
     */
    post: (text: string, to: string) => void;
    close: () => void;
};
