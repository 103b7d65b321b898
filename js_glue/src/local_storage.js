// @ts-check
/**
 * Small texts that the next page of this origin can read before anything has booted.
 *
 * Workers have no such storage, and a page may be forbidden to touch it.
 * Failures are texts, "Name: message"; "" is success.
 */

/** @returns {Storage} */
function storage() {
  if (typeof localStorage === "undefined") {
    throw new DOMException(
      "there is no localStorage here: pages have it, workers do not",
      "NotSupportedError",
    );
  }
  return localStorage;
}

/**
 * @param {() => void} work
 * @returns {string}
 */
function attempt(work) {
  try {
    work();
    return "";
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : `Error: ${error}`;
  }
}

/** Why localStorage cannot be used here, or "". */
export function whyUnusable() {
  return attempt(() => storage().getItem(""));
}

/**
 * @param {string} key
 * @returns {string | undefined} Undefined too where there is no storage.
 */
export function readText(key) {
  /** @type {string | null} */
  let text = null;
  attempt(() => (text = storage().getItem(key)));
  return text ?? undefined;
}

/**
 * @param {string} key
 * @param {string} text
 */
export function writeText(key, text) {
  return attempt(() => storage().setItem(key, text));
}

/** @param {string} key */
export function removeText(key) {
  return attempt(() => storage().removeItem(key));
}
