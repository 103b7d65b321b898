// @ts-check
/**
 * An append-only journal in IndexedDB: texts at the positions 1, 2, 3, …
 *
 * Rules that everything here obeys:
 * - A transaction issues all its requests and calls `commit()` in one task, so
 *   that it never needs its page to finish: an open one of a frozen page, even
 *   a read, blocks all other pages.
 * - An answer comes only once the transaction is complete, or has failed.
 * - A position is written once (`add`, never `put`), so that of two writers who
 *   both want the next position the database itself turns one away.
 * - That is a transaction's last request: after `commit()` Firefox undoes it for
 *   the last one's failure alone, and completes it in spite of any other's.
 *
 * Failures are texts, "Name: message"; "" is success. "ConstraintError" means
 * that the position was taken.
 */

const LAYOUT_VERSION = 1;
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
  return typeof indexedDB !== "undefined";
}

/**
 * @param {unknown} error
 * @returns {string}
 */
function describe(error) {
  return error instanceof Error || error instanceof DOMException
    ? `${error.name}: ${error.message}`
    : `UnknownError: ${error}`;
}

/**
 * Open the database and make its layout where it is new.
 *
 * @param {string} name
 * @returns {Promise<IDBDatabase>}
 */
function openDatabase(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, LAYOUT_VERSION);
    let isRefused = false;
    request.onupgradeneeded = () => request.result.createObjectStore(RECORDS);
    request.onblocked = () => {
      isRefused = true;
      reject(new DOMException("another page holds an older layout open", "BlockedError"));
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const database = request.result;
      if (isRefused) database.close();
      else if (database.objectStoreNames.contains(RECORDS)) resolve(database);
      else {
        database.close();
        reject(new DOMException(`it has no object store "${RECORDS}"`, "LayoutError"));
      }
    };
  });
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
    openDatabase(name).then(
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
        const range = IDBKeyRange.lowerBound(start > START ? start : START + 1);
        this.#read(
          call,
          (store) => [store.getAllKeys(range), store.getAll(range)],
          (columns) => this.#answer(call, "", JSON.stringify(columns)),
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
    database.onversionchange = () =>
      this.#closedFromOutside("VersionChangeError: it is being deleted or changed by another page");
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
      queueMicrotask(() => this.#answer(call, "InvalidStateError: the journal is closed"));
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
 * Delete a journal; its open ends elsewhere are told that they were closed from outside.
 *
 * @param {string} name
 * @returns {Promise<string>} The failure, or "".
 */
export function deleteJournal(name) {
  return new Promise((resolve) => {
    if (!hasJournals()) {
      resolve("NotSupportedError: there is no IndexedDB here");
      return;
    }
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve("");
    request.onerror = () => resolve(describe(request.error));
    request.onblocked = () =>
      resolve("BlockedError: another page holds it open; it goes once that page lets go");
  });
}
