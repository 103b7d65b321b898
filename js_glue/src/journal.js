// @ts-check
/**
 * An append-only journal in IndexedDB: texts at the positions 1, 2, 3, …
 *
 * Rules that everything here obeys:
 * - A transaction issues all its requests and calls `commit()` in one task, so
 *   that it never needs its page to finish: an open one of a frozen page, even
 *   a read, blocks all other pages. What no page can help is that the system
 *   stops its process within that task: Chromium gives up after a minute.
 * - An answer comes only once the transaction is complete, or has failed.
 * - A position is written once (`add`, never `put`), so that of two writers who
 *   both want the next position the database itself turns one away.
 * - That is a transaction's last request: after `commit()` Firefox undoes it for
 *   the last one's failure alone, and completes it in spite of any other's.
 *
 * Failures are texts, "Name: message"; "" is success. "ConstraintError" means
 * that the position was taken.
 */

/**
 * Of what stands in the database. Raised whenever an older program could not read it, for the database
 * then turns that one away. 2: records carry a checksum; those of 1 are read as they are.
 */
const LAYOUT_VERSION = 2;
const RECORDS = "records";
/** Beside the positions: where the last record stands that discarded others. */
const START = 0;

/**
 * Who is told about every call: its number, its failure and its result.
 * Call 0 is the opening; -1 says that the journal was closed from outside.
 *
 * @callback OnAnswer
 * @param {number} call
 * @param {string} failure
 * @param {unknown} result
 * @returns {void}
 */

/**
 * @typedef {object} Journal
 * @property {(call: number) => void} load Answers with the JSON of [positions, texts], in order: all
 *   of them, or those from the last one on that discarded others.
 * @property {(call: number, position: number, text: string, discard: string, isStrict: boolean) => void} add
 *   Writes `text` at `position`, which must be free, and deletes the ranges in `discard` (a JSON
 *   array of [first, last], or ""): both or neither. `isStrict` waits for the disk.
 * @property {(call: number, position: number) => void} reaches Answers whether `position`, or any after
 *   it, is taken.
 * @property {() => void} close Nothing is answered afterwards; what is under way may still be written.
 */

/** Whether there is IndexedDB here; it may still refuse. */
export function hasJournals() {
  try {
    return typeof indexedDB !== "undefined";
  } catch {
    return false; // Firefox forbids even to ask where a page may keep nothing
  }
}

/**
 * @param {unknown} error
 * @returns {string}
 */
function describe(error) {
  if (typeof error === "string") return error;
  return error instanceof Error || error instanceof DOMException
    ? `${error.name}: ${error.message}`
    : `UnknownError: ${error}`;
}

/**
 * Give up on a request that waits for another page for longer than five seconds, in which this page was awake.
 *
 * A page that holds the database lets go when it is asked to. One that hangs does not, and then browsers
 * fire no `blocked` either; that event may also come while a page is letting go, so it says nothing.
 *
 * @param {() => void} giveUp
 * @returns {() => void} To be called when it is over.
 */
function beforeLong(giveUp) {
  let ticks = 0;
  let timer = setTimeout(function wait() {
    if (++ticks < 10) timer = setTimeout(wait, 500);
    else giveUp();
  }, 500);
  return () => clearTimeout(timer);
}

/**
 * Open a database, if it holds records.
 *
 * @param {string} name
 * @param {number | undefined} version Whichever it has if undefined.
 * @param {(request: IDBOpenDBRequest, oldVersion: number) => void} upgrade
 * @returns {Promise<IDBDatabase>}
 */
function openDatabase(name, version, upgrade) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    let isLate = false;
    const end = beforeLong(() => {
      isLate = true;
      reject(new DOMException("another page that hangs holds it open", "BlockedError"));
    });
    request.onupgradeneeded = (event) => upgrade(request, event.oldVersion);
    request.onerror = () => {
      end();
      reject(request.error);
    };
    request.onsuccess = () => {
      end();
      const database = request.result;
      if (!isLate && database.objectStoreNames.contains(RECORDS)) {
        resolve(database);
        return;
      }
      database.close();
      reject(new DOMException(`it has no object store "${RECORDS}"`, "LayoutError"));
    };
  });
}

/**
 * @param {IDBOpenDBRequest} request
 * @param {number} oldVersion
 */
function upgrade(request, oldVersion) {
  if (oldVersion === 0) request.result.createObjectStore(RECORDS);
}

/**
 * Return positions and texts as JSON. What is no text is "", and so is what stands at `start` if it is missing.
 *
 * @param {unknown} start Where the last record stands that discarded others, undefined if none has.
 * @param {unknown[]} positions
 * @param {unknown[]} values
 */
function columns(start, positions, values) {
  const texts = values.map((value) => (typeof value === "string" ? value : ""));
  if (Number.isInteger(start) && !positions.includes(start)) {
    const place = positions.filter((position) => Number(position) < Number(start)).length;
    positions.splice(place, 0, start);
    texts.splice(place, 0, "");
  }
  return JSON.stringify([positions, texts]);
}

/**
 * Say why a request failed, "" if none did by itself: others are torn down with it, or with the transaction.
 *
 * @param {IDBRequest[]} requests
 */
function whyFailed(requests) {
  const errors = requests.map((request) => (request.readyState === "done" ? request.error : null));
  const error = errors.find((one) => one && one.name !== "AbortError");
  return error ? describe(error) : "";
}

/**
 * Wait for requests whose transaction is complete: once told to commit, Chromium says so before it
 * has read those of its values that are larger than 64 KiB.
 *
 * @param {IDBRequest[]} requests
 * @param {() => void} then
 */
function whenDone(requests, then) {
  const pending = requests.find((request) => request.readyState === "pending");
  if (pending) pending.onsuccess = pending.onerror = () => whenDone(requests, then);
  else then();
}

/**
 * Run one transaction and answer when it is over.
 *
 * @param {IDBDatabase} database
 * @param {IDBTransactionMode} mode
 * @param {boolean} isStrict
 * @param {(store: IDBObjectStore) => IDBRequest[]} issue Issues every request.
 * @param {(failure: string, results: unknown[]) => void} answer
 */
function transact(database, mode, isStrict, issue, answer) {
  /** @type {IDBRequest[]} */
  let requests = [];
  try {
    const durability = isStrict ? "strict" : "relaxed";
    const transaction = database.transaction(RECORDS, mode, { durability });
    const finish = () => {
      const failure = whyFailed(requests);
      answer(failure, failure ? [] : requests.map((request) => request.result));
    };
    transaction.oncomplete = () => whenDone(requests, finish);
    // A request knows best: to Firefox any transaction that was told to commit ends in AbortError.
    transaction.onabort = () => answer(whyFailed(requests) || describe(transaction.error), []);
    try {
      requests = issue(transaction.objectStore(RECORDS));
      transaction.commit();
    } catch (error) {
      transaction.onabort = null;
      transaction.abort();
      throw error;
    }
  } catch (error) {
    // Later, like every other answer: a caller need not expect one before its call returns.
    queueMicrotask(() => answer(describe(error), []));
  }
}

class OpenJournal {
  /** @type {IDBDatabase | null} */
  #database = null;
  #isClosed = false;
  /** @type {OnAnswer} */
  #onAnswer;

  /**
   * @param {string} name
   * @param {OnAnswer} onAnswer
   */
  constructor(name, onAnswer) {
    this.#onAnswer = onAnswer;
    openDatabase(name, LAYOUT_VERSION, upgrade).then(
      (database) => this.#opened(database),
      (error) => this.#answer(0, describe(error)),
    );
  }

  /** @param {number} call */
  load(call) {
    // Two transactions, for one that waits for its own first result would stay open meanwhile.
    // What is discarded between them has a successor, which the second one sees.
    this.#read(
      call,
      (store) => [store.get(START)],
      ([start]) => {
        const range = IDBKeyRange.lowerBound(Number.isInteger(start) && start > START ? start : START + 1);
        this.#read(
          call,
          (store) => [store.getAllKeys(range), store.getAll(range)],
          ([positions, texts]) => this.#answer(call, "", columns(start, positions, texts)),
        );
      },
    );
  }

  /**
   * @param {number} call
   * @param {number} position
   * @param {string} text
   * @param {string} discard
   * @param {boolean} isStrict
   */
  add(call, position, text, discard, isStrict) {
    /** @param {IDBObjectStore} store */
    const issue = (store) => {
      /** @type {IDBRequest[]} */
      const requests = [];
      for (const [first, last] of discard ? JSON.parse(discard) : []) {
        requests.push(store.delete(IDBKeyRange.bound(first, last)));
      }
      if (discard) requests.push(store.put(position, START));
      return [...requests, store.add(text, position)];
    };
    this.#run(call, "readwrite", isStrict, issue, () => this.#answer(call, ""));
  }

  /**
   * @param {number} call
   * @param {number} position
   */
  reaches(call, position) {
    this.#read(
      call,
      (store) => [store.getKey(IDBKeyRange.lowerBound(position))],
      ([taken]) => this.#answer(call, "", taken !== undefined),
    );
  }

  close() {
    this.#isClosed = true;
    this.#database?.close();
    this.#database = null;
  }

  /** @param {IDBDatabase} database */
  #opened(database) {
    if (this.#isClosed) {
      database.close();
      return;
    }
    this.#database = database;
    database.onversionchange = ({ newVersion }) =>
      this.#closedFromOutside(
        newVersion === null
          ? "VersionChangeError: another page deletes it"
          : "OutdatedError: a page with a newer version of this package changes its layout",
      );
    database.onclose = () => this.#closedFromOutside("ClosedError: the browser removed it");
    this.#answer(0, "");
  }

  /** @param {string} reason */
  #closedFromOutside(reason) {
    this.#database?.close();
    this.#database = null;
    this.#answer(-1, reason);
  }

  /**
   * @param {number} call
   * @param {string} failure
   * @param {unknown} [result]
   */
  #answer(call, failure, result) {
    if (!this.#isClosed) this.#onAnswer(call, failure, result);
  }

  /**
   * @param {number} call
   * @param {(store: IDBObjectStore) => IDBRequest[]} issue
   * @param {(results: any[]) => void} succeed
   */
  #read(call, issue, succeed) {
    this.#run(call, "readonly", false, issue, succeed);
  }

  /**
   * @param {number} call
   * @param {IDBTransactionMode} mode
   * @param {boolean} isStrict
   * @param {(store: IDBObjectStore) => IDBRequest[]} issue
   * @param {(results: any[]) => void} succeed
   */
  #run(call, mode, isStrict, issue, succeed) {
    if (!this.#database) {
      queueMicrotask(() => this.#answer(call, "ClosedError: the journal is closed"));
      return;
    }
    transact(this.#database, mode, isStrict, issue, (failure, results) => {
      if (failure) this.#answer(call, failure);
      else succeed(results);
    });
  }
}

/**
 * Open the journal `name`, making an empty one where there is none.
 *
 * @param {string} name
 * @param {OnAnswer} onAnswer
 * @returns {Journal}
 */
export function openJournal(name, onAnswer) {
  return new OpenJournal(name, onAnswer);
}

/**
 * List the journals whose names begin with `prefix`.
 *
 * @param {string} prefix
 * @returns {Promise<string>} A JSON array of strings, sorted. Rejects where it cannot be known.
 */
export async function listJournals(prefix) {
  const databases = await indexedDB.databases();
  const names = databases.map(({ name }) => name ?? "").filter((name) => name.startsWith(prefix));
  return JSON.stringify(names.sort());
}

/**
 * Read all that a journal holds, whatever its layout, and however damaged.
 *
 * @param {string} name
 * @returns {Promise<string>} The JSON of {failure, columns}: as from `load`, but all of them; null if there
 *   is no such journal.
 */
export async function dumpJournal(name) {
  let isMissing = false;
  /** @type {IDBDatabase | undefined} */
  let database;
  /** @type {(issue: (store: IDBObjectStore) => IDBRequest[]) => Promise<any[]>} */
  const read = (issue) =>
    new Promise((resolve, reject) =>
      transact(/** @type {IDBDatabase} */ (database), "readonly", false, issue, (failure, results) =>
        failure ? reject(failure) : resolve(results),
      ),
    );
  try {
    database = await openDatabase(name, undefined, (request) => {
      isMissing = true;
      request.transaction?.abort();
    });
    let [start, positions] = await read((store) => [store.get(START), store.getAllKeys()]);
    positions = positions.filter((/** @type {unknown} */ position) => position !== START);
    // One by one: it may be a single one that cannot be read.
    const values = positions.map((/** @type {IDBValidKey} */ position) =>
      read((store) => [store.get(position)]).then(
        ([value]) => value,
        () => "",
      ),
    );
    const text = columns(start, positions, await Promise.all(values));
    return JSON.stringify({ failure: "", columns: JSON.parse(text) });
  } catch (error) {
    return JSON.stringify({ failure: isMissing ? "" : describe(error), columns: null });
  } finally {
    database?.close();
  }
}

/**
 * Delete a journal; its open ends elsewhere are told that they were closed from outside.
 *
 * @param {string} name
 * @returns {Promise<string>} The failure, or "". Of a BlockedError the deletion is still to come.
 */
export function deleteJournal(name) {
  return new Promise((resolve) => {
    if (!hasJournals()) {
      resolve("NotSupportedError: there is no IndexedDB here");
      return;
    }
    /** @type {IDBOpenDBRequest} */
    let request;
    try {
      request = indexedDB.deleteDatabase(name);
    } catch (error) {
      resolve(describe(error));
      return;
    }
    const end = beforeLong(() =>
      resolve("BlockedError: another page that hangs holds it open; it goes once that page lets go"),
    );
    request.onsuccess = () => {
      end();
      resolve("");
    };
    request.onerror = () => {
      end();
      resolve(describe(request.error));
    };
  });
}

let hasAsked = false;

/** Ask the browser, once, to keep what is stored here when space is short. */
export function keepStored() {
  // Firefox would ask the user, amid whatever they do: there it is for the page to choose the moment.
  if (hasAsked || !navigator.storage?.persist || /\bGecko\//.test(navigator.userAgent)) return;
  hasAsked = true;
  navigator.storage.persist().catch(() => {});
}
