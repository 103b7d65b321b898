// @ts-check
/**
 * The errors of the Python package, as classes of JavaScript. An error's `name` is the Python class's, where
 * that is one to be caught; a finer kind has the name of what it is a kind of.
 */

/** Anything that the package throws on purpose. */
export class WebraftError extends Error {}
/** The package was called wrongly, or at the wrong time. */
export class LocalProtocolError extends WebraftError {}
/** An argument cannot be right, whatever the state. */
export class BadArgumentError extends LocalProtocolError {}
/** Options that contradict each other, or that this environment cannot honour. */
export class ConfigError extends WebraftError {}
/** A peer, a channel or a store sent nonsense: counted and logged, never a crash. */
export class RemoteProtocolError extends WebraftError {}
/** The command was certainly not appended, because no leader could be reached. */
export class NotLeaderError extends WebraftError {
  /** @type {string | null} The address of the server that may lead. */
  leaderHint = null;
}
/** The command may or may not take effect; only reading the state can tell. */
export class OutcomeUnknownError extends WebraftError {}
/** More uncommitted bytes are waiting than allowed; nothing was appended. */
export class OverloadedError extends WebraftError {}
/** An operation of a patch could not apply; the document is untouched, everywhere alike. */
export class PatchConflictError extends WebraftError {
  /** @type {Record<string, any> | null} The operation that failed. */
  op = null;
  /** @type {string | null} Its JSON Pointer. */
  path = null;
}
/** Two clusters with data of their own met; they never merge by themselves. */
export class ClusterConflictError extends WebraftError {
  /** @type {string | null} The other cluster, for `yieldTo`. */
  clusterId = null;
}
/** The store is missing, full, broken or lost; the message says which. */
export class StorageError extends WebraftError {}
/** Another runner of the same server took the store over; this one stops. */
export class FencedError extends StorageError {}
/** A channel could not be opened, or broke while in use. */
export class TransportError extends WebraftError {}
/** A peer could not prove that it belongs to the room. */
export class AuthenticationError extends WebraftError {}

/** @type {Map<string, typeof WebraftError>} */
const kinds = new Map(
  Object.entries({
    WebraftError,
    LocalProtocolError,
    BadArgumentError,
    ConfigError,
    RemoteProtocolError,
    NotLeaderError,
    OutcomeUnknownError,
    OverloadedError,
    PatchConflictError,
    ClusterConflictError,
    StorageError,
    FencedError,
    TransportError,
    AuthenticationError,
  }),
);
const finer = new Set([BadArgumentError, FencedError]);
for (const [name, kind] of kinds) {
  if (finer.has(kind)) continue;
  // Written down, since tools that shorten programs rename classes.
  Object.defineProperty(kind.prototype, "name", { value: name, configurable: true, writable: true });
}

/**
 * Make the Error that stands for an exception of Python's.
 *
 * @param {string} text Its classes' names, its own first, its message, and what it carries.
 * @param {Error} [cause]
 * @returns {Error}
 * @internal
 */
export function makeError(text, cause) {
  const { names, message, ...fields } = JSON.parse(text);
  const Kind = names.map((/** @type {string} */ name) => kinds.get(name)).find(Boolean) ?? Error;
  const error = Object.assign(new Kind(message, cause && { cause }), fields);
  if (Kind === Error) error.name = names[0];
  return error;
}
