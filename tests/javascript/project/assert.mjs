// @ts-check
// As much of node:assert/strict as a page needs.

/**
 * @param {unknown} value
 * @param {string} [message]
 * @returns {asserts value}
 */
function ok(value, message = "it is not so") {
  if (!value) throw new Error(message);
}

/**
 * @param {unknown} actual
 * @param {unknown} expected
 */
function equal(actual, expected) {
  ok(Object.is(actual, expected), `${String(actual)} is not ${String(expected)}`);
}

/**
 * @param {unknown} actual
 * @param {unknown} expected Of what JSON carries, and `undefined`.
 */
function deepEqual(actual, expected) {
  const [seen, wanted] = [actual, expected].map((value) => JSON.stringify(value, ordered));
  equal(seen, wanted);
}

/**
 * @param {string} _key
 * @param {unknown} value
 */
function ordered(_key, value) {
  if (value === undefined) return "undefined";
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? Object.fromEntries(Object.entries(value).sort()) : value;
}

/**
 * @param {any} error
 * @param {{name?: string, message?: RegExp}} expected
 */
function check(error, { name, message }) {
  if (name !== undefined) equal(error.name, name);
  if (message !== undefined) ok(message.test(error.message), error.message);
}

/**
 * @param {() => unknown} call
 * @param {{name?: string, message?: RegExp}} expected
 */
function throws(call, expected) {
  try {
    call();
  } catch (error) {
    return check(error, expected);
  }
  throw new Error("nothing was thrown");
}

/**
 * @param {Promise<unknown>} promise
 * @param {{name?: string, message?: RegExp}} expected
 */
async function rejects(promise, expected) {
  const missing = new Error("it was not rejected");
  const error = await promise.then(
    () => missing,
    (error) => error,
  );
  if (error === missing) throw missing;
  check(error, expected);
}

/** @type {{ok: typeof ok, equal: typeof equal, deepEqual: typeof deepEqual, throws: typeof throws, rejects: typeof rejects}} */
const assert = { ok, equal, deepEqual, throws, rejects };
export default assert;
