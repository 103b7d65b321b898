// @ts-check
/**
 * Named locks between all pages and workers of one origin.
 *
 * A lock says who should act. It cannot stop a page that lost it from going on.
 */

/**
 * @typedef {object} LockRequest
 * @property {() => void} release Let go, or stop waiting; nothing is reported afterwards.
 */

/** Whether there are locks here: insecure origins have none. Where there are, each may still be refused. */
export function hasLocks() {
  return typeof navigator === "object" && "locks" in navigator;
}

/**
 * Ask for the lock `name`, first come first served.
 *
 * @param {string} name
 * @param {boolean} steal Take it at once from whoever holds it. A queued request of one's own
 *   stays in the queue: release that one first.
 * @param {(event: "held" | "lost", refusal: string) => void} onEvent "lost" comes after "held" when the
 *   lock was stolen, and instead of it when the browser refuses: then with what it answered.
 * @returns {LockRequest}
 */
export function requestLock(name, steal, onEvent) {
  const abort = new AbortController();
  let isOver = false;
  /** @type {() => void} */
  let letGo = () => {};

  const hold = () => {
    if (!isOver) onEvent("held", "");
    // Whoever was told may have released it already.
    return isOver ? undefined : new Promise((resolve) => (letGo = () => resolve(undefined)));
  };
  // A steal is granted at once and takes no signal.
  /** @type {LockOptions} */
  const options = steal ? { steal } : { signal: abort.signal };
  const lost = (/** @type {DOMException} */ error) => {
    if (isOver) return;
    isOver = true;
    onEvent("lost", error.name === "AbortError" ? "" : String(error));
  };
  try {
    navigator.locks.request(name, options, hold).catch(lost);
  } catch (error) {
    // Where a page may keep nothing, `navigator.locks` itself may throw: that is a refusal, too.
    Promise.reject(error).catch(lost);
  }

  return {
    release: () => {
      isOver = true;
      abort.abort();
      letGo();
    },
  };
}

/**
 * Report the names of the held locks that begin with `prefix`.
 *
 * @param {string} prefix
 * @param {(names: string) => void} onNames Gets a JSON array of strings, empty where the browser
 *   refuses; never called in a page that is going away.
 */
export function heldLocks(prefix, onNames) {
  /** @param {LockInfo[]} held */
  const report = (held) => {
    const names = held.map((lock) => lock.name ?? "").filter((name) => name.startsWith(prefix));
    onNames(JSON.stringify([...new Set(names)].sort()));
  };
  const ask = async () => (await navigator.locks.query()).held ?? [];
  ask().then(report, () => report([]));
}
