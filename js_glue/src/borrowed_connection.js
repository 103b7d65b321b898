// @ts-check
/**
 * The connections of `peer_connection.js` for workers, which have none of their own: a page lends its.
 *
 * A worker asks in a channel that all lending pages hear, and takes the first
 * that answers. From then on both speak in a channel of their own. Each holds a
 * lock that the other waits for, so that neither outlives the other.
 */

/** @import { Connection, OnEvent } from "./peer_connection.js" */

const LOW_BYTES = 256 * 1024;
const PATIENCE_MS = 3000;
const FLUSH_MS = 1000;
const NOBODY = "no page lends its connections";

/** Whether this is a worker with what it takes to borrow. */
export function canBorrow() {
  return "WorkerGlobalScope" in globalThis && "locks" in navigator;
}

/**
 * Say something to whichever page lends first, and hear what it tells.
 *
 * @param {(lender: string) => unknown[]} greeting What to say to it.
 * @param {(verb: string, ...words: any[]) => void} onTold "closed" is the last.
 */
function borrow(greeting, onTold) {
  const id = crypto.randomUUID();
  const line = new BroadcastChannel(`lent-connections:${id}`);
  const ending = new AbortController();
  const { signal } = ending;
  /** @type {unknown[][] | undefined} */
  let early = [];
  const end = () => {
    clearTimeout(patience);
    ending.abort();
    line.close();
  };
  /** @param {string} why */
  const fail = (why) => {
    if (signal.aborted) return;
    end();
    onTold("closed", why, "");
  };
  const patience = setTimeout(() => fail(NOBODY), PATIENCE_MS);

  line.onmessage = ({ data: [verb, ...words] }) => {
    if (verb !== "offer") {
      if (verb === "closed") fail(words[0]);
      else onTold(verb, ...words);
    } else if (early) {
      clearTimeout(patience);
      for (const said of [greeting(words[0]), ...early]) line.postMessage(said);
      early = undefined;
      const isGone = () => fail("the page that lent the connection went away");
      navigator.locks.request(`lent-connections:${words[0]}`, { signal }, isGone).catch(() => {});
    }
  };
  const ask = () => {
    if (signal.aborted) return undefined;
    const hall = new BroadcastChannel("lent-connections");
    hall.postMessage(id);
    hall.close();
    // What was said last may travel for a while, and the lock is faster.
    return new Promise((resolve) => signal.addEventListener("abort", () => setTimeout(resolve, FLUSH_MS)));
  };
  navigator.locks.request(`lent-connections:${id}`, ask);

  return {
    /** @param {unknown[]} words */
    say: (...words) => {
      if (signal.aborted) return;
      if (early) early.push(words);
      else line.postMessage(words);
    },
    end,
  };
}

/**
 * Why no page lends connections with a configuration, "" if one does.
 *
 * @param {string} configuration
 * @returns {Promise<string>}
 */
export function whyNotLent(configuration) {
  return new Promise((resolve) => {
    const borrowed = borrow(
      (lender) => ["try", lender, configuration],
      (_verb, why) => {
        borrowed.end();
        resolve(why);
      },
    );
  });
}

/**
 * Open one end of a connection, as `openPeerConnection` does; it is "closed" if no page lends one.
 *
 * @param {boolean} isPolite
 * @param {boolean} isFirst
 * @param {string} configuration
 * @param {string} farewell
 * @param {OnEvent} onEvent
 * @returns {Connection}
 */
export function borrowPeerConnection(isPolite, isFirst, configuration, farewell, onEvent) {
  let isOpen = false;
  let figures = "{}";
  let sent = 0;
  let taken = 0;
  let waiting = 0;
  let isHigh = false;

  const inAll = () => waiting + sent - taken;
  /** @param {number} waits @param {number} total */
  const settle = (waits, total) => {
    waiting = waits;
    taken = total;
    if (!isHigh || inAll() > LOW_BYTES) return;
    isHigh = false;
    onEvent("low", "", "");
  };
  /** @param {any} verb @param {any[]} words */
  const onTold = (verb, ...words) => {
    if (verb === "waits") settle(Math.max(words[0], 0), words[1]);
    else if (verb === "low") settle(0, taken);
    else if (verb === "statistics") figures = words[0];
    else {
      if (verb === "open") isOpen = true;
      else if (verb === "closed") isOpen = false;
      onEvent(verb, words[0], words[1]);
    }
  };
  const { say, end } = borrow(
    (lender) => ["take", lender, isPolite, isFirst, configuration, farewell],
    onTold,
  );

  return {
    signal: (text) => say("signal", text),
    send: (text) => {
      if (!isOpen) return -1;
      say("send", text);
      sent += text.length;
      isHigh ||= inAll() > LOW_BYTES;
      return inAll();
    },
    statistics: () => {
      say("statistics");
      return figures;
    },
    close: () => {
      isOpen = false;
      say("close");
      end();
    },
  };
}
