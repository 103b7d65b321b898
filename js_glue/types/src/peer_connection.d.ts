/** Whether there are such connections here: workers have none. */
export function hasPeerConnections(): boolean;
/**
 * Why the browser does not take a configuration, "" if it does.
 *
 * @param {string} configuration
 */
export function whyRefused(configuration: string): string;
/**
 * The fingerprints in a description, in one order and one spelling.
 *
 * @param {string | undefined} sdp
 */
export function fingerprints(sdp: string | undefined): string;
/**
 * Open one end of a connection.
 *
 * @param {boolean} isPolite The other end is not.
 * @param {boolean} isFirst Whether to make an offer at once; the other end waits for it.
 * @param {string} configuration An RTCConfiguration in JSON.
 * @param {string} farewell The last message, if the page goes away with the channel open.
 * @param {OnEvent} onEvent
 * @returns {Connection}
 */
export function openPeerConnection(isPolite: boolean, isFirst: boolean, configuration: string, farewell: string, onEvent: OnEvent): Connection;
/**
 * Lend this page's connections to workers of its origin, which have none, for as long as the page is there.
 * What they say in return stands with `borrowPeerConnection`.
 *
 * @returns {() => void} Ends it, and what was lent.
 */
export function lendPeerConnections(): () => void;
export type Connection = {
    /**
     * Take in what the other end wanted signalled.
     */
    signal: (text: string) => void;
    /**
     * Send one message, at most 64 KiB of UTF-8; returns how
     * many bytes wait to be sent, or -1 if the channel is not open.
     */
    send: (text: string) => number;
    /**
     * What was measured lately, as a JSON object; asks for more.
     */
    statistics: () => string;
    /**
     * Ends it at both ends, once what was sent has arrived or cannot; nothing
     * is reported afterwards.
     */
    close: () => void;
};
/**
 * What happens, with up to two texts: "signal" (what the other end has to get), "gathered" (all
 * ways to this page are signalled), "open" (this and the other certificate's fingerprint),
 * "message" (a text; "" for what is none), "low" (little waits to be sent) and "closed" (why),
 * which is the last.
 */
export type OnEvent = (event: "signal" | "gathered" | "open" | "message" | "low" | "closed", text: string, other: string) => void;
