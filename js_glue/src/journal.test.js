// @ts-check
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { IDBDatabase, IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { deleteJournal, dumpJournal, hasJournals, keepStored, listJournals, openJournal } from "./journal.js";

/** A journal whose calls are promises: what Python makes of it, in small. */
class Client {
  /** @type {Map<number, (answer: [string, any]) => void>} */
  #waiting = new Map();
  #calls = 0;
  /** @type {string[]} */
  closings = [];

  /** @param {string} name */
  constructor(name) {
    this.opened = this.#wait(0);
    this.journal = openJournal(name, (call, failure, result) => {
      if (call === -1) this.closings.push(failure);
      else this.#waiting.get(call)?.([failure, result]);
    });
  }

  /**
   * @param {number} call
   * @returns {Promise<[string, any]>}
   */
  #wait(call) {
    return new Promise((resolve) => this.#waiting.set(call, resolve));
  }

  /** @param {(call: number) => void} verb */
  ask(verb) {
    const answer = this.#wait(++this.#calls);
    verb(this.#calls);
    return answer;
  }

  /** @returns {Promise<[string, any]>} */
  load = async () => {
    const [failure, text] = await this.ask((call) => this.journal.load(call));
    return [failure, text && JSON.parse(text)];
  };
  /** @param {number} position */
  reaches = (position) => this.ask((call) => this.journal.reaches(call, position));
  /**
   * @param {number} position
   * @param {string} text
   */
  add = (position, text, discard = "") =>
    this.ask((call) => this.journal.add(call, position, text, discard, true));
}

/** @param {string} name */
async function open(name) {
  const client = new Client(name);
  assert.deepEqual(await client.opened, ["", undefined]);
  return client;
}

/**
 * @param {(transaction: IDBTransaction, mode: IDBTransactionMode) => void} meddle Gets every new transaction.
 * @param {() => Promise<void>} work
 */
async function withTransactions(meddle, work) {
  const begin = IDBDatabase.prototype.transaction;
  IDBDatabase.prototype.transaction = function (/** @type {any} */ ...args) {
    const transaction = /** @type {any} */ (begin).apply(this, args);
    meddle(transaction, args[1]);
    return transaction;
  };
  try {
    await work();
  } finally {
    IDBDatabase.prototype.transaction = begin;
  }
}

beforeEach(() => Object.assign(globalThis, { indexedDB: new IDBFactory(), IDBKeyRange }));

test("what was added is there, in order, for every page", async () => {
  const [one, two] = [await open("x"), await open("x")];
  assert.deepEqual(await one.load(), ["", [[], []]]);
  assert.deepEqual(await one.add(1, "first"), ["", undefined]);
  assert.deepEqual(await two.add(2, "second"), ["", undefined]);
  assert.deepEqual(await one.load(), [
    "",
    [
      [1, 2],
      ["first", "second"],
    ],
  ]);
});

test("a position is written once, and the loser's whole transaction is undone", async () => {
  const [one, two] = [await open("x"), await open("x")];
  await one.add(1, "old");
  const [won, lost] = await Promise.all([one.add(2, "mine"), two.add(2, "yours", "[[1,1]]")]);
  assert.equal(won[0], "");
  assert.match(lost[0], /^ConstraintError: /);
  assert.deepEqual((await two.load())[1], [
    [1, 2],
    ["old", "mine"],
  ]);
});

test("adding discards ranges in the same transaction", async () => {
  const client = await open("x");
  for (let position = 1; position <= 6; position++) await client.add(position, `${position}`);
  await client.add(7, "all", "[[1,2],[4,6]]");
  for (const [position, isTaken] of Object.entries([false, false, true, false, false, false, true])) {
    const [failure] = await client.add(Number(position) + 1, "");
    assert.match(failure, isTaken ? /^ConstraintError: / : /^$/);
  }
});

test("loading begins at the last record that discarded others, however much was kept below it", async () => {
  const client = await open("x");
  for (let position = 1; position <= 3; position++) await client.add(position, `${position}`);
  await client.add(4, "all", "[[1,1]]");
  await client.add(5, "5");
  assert.deepEqual((await client.load())[1], [
    [4, 5],
    ["all", "5"],
  ]);
});

test("one can ask how far it reaches, whatever was discarded on the way", async () => {
  const client = await open("x");
  for (let position = 1; position <= 3; position++) await client.add(position, "", "[[1,2]]");
  assert.deepEqual(await client.reaches(1), ["", true]);
  assert.deepEqual(await client.reaches(3), ["", true]);
  assert.deepEqual(await client.reaches(4), ["", false]);
});

test("every transaction commits in the task that began it", async () => {
  const client = await open("x");
  const commits = new Set();
  await withTransactions(
    (transaction, mode) => {
      const commit = transaction.commit.bind(transaction);
      transaction.commit = () => {
        commits.add(mode);
        commit();
      };
    },
    async () => {
      const answers = [client.load(), client.add(1, "a"), client.reaches(1)];
      assert.deepEqual([...commits].sort(), ["readonly", "readwrite"]);
      await Promise.all(answers);
    },
  );
});

test("where a committed transaction is undone for its last request alone, a position taken undoes all", async () => {
  const [one, two] = [await open("x"), await open("x")];
  for (let position = 1; position <= 3; position++) await one.add(position, `${position}`);
  /** What Firefox does after `commit()`. @param {IDBTransaction} transaction */
  const likeFirefox = (transaction) => {
    /** @type {IDBRequest[]} */
    const requests = [];
    for (const verb of /** @type {const} */ (["add", "put", "delete"])) {
      const store = /** @type {any} */ (transaction.objectStore("records"));
      const issue = store[verb].bind(store);
      store[verb] = (/** @type {any} */ ...args) => {
        const request = issue(...args);
        requests.push(request);
        request.onerror = (/** @type {Event} */ event) => {
          if (request !== requests.at(-1)) event.preventDefault();
        };
        return request;
      };
    }
    /** @type {DOMException | null} */
    let error = null;
    Object.defineProperty(transaction, "error", {
      get: () => error,
      set: (cause) => (error = cause && new DOMException("", "AbortError")),
    });
  };
  await withTransactions(likeFirefox, async () => {
    assert.match((await two.add(3, "late", "[[1,2]]"))[0], /^ConstraintError: /);
    assert.match((await two.add(3, "late"))[0], /^ConstraintError: /);
  });
  assert.deepEqual((await one.load())[1], [
    [1, 2, 3],
    ["1", "2", "3"],
  ]);
});

test("a transaction that completes although a request failed is a failure", async () => {
  const client = await open("x");
  await client.add(1, "first");
  const forgiving = (/** @type {any} */ transaction) =>
    transaction.addEventListener("error", (/** @type {Event} */ event) => event.preventDefault());
  await withTransactions(forgiving, async () => {
    assert.match((await client.add(1, "second"))[0], /^ConstraintError: /);
  });
});

test("a request that cannot even be issued fails alone and leaves no transaction open", async () => {
  const client = await open("x");
  const [failure] = await client.add(NaN, "nowhere");
  assert.match(failure, /^DataError: /);
  assert.deepEqual(await client.add(1, "first"), ["", undefined]);
});

test("a deleted journal tells its open ends, which then answer with a failure", async () => {
  const client = await open("x");
  await client.add(1, "gone");
  assert.equal(await deleteJournal("x"), "");
  assert.match(client.closings.join(), /^VersionChangeError: /);
  assert.match((await client.add(2, "late"))[0], /^ClosedError: /);
  assert.deepEqual((await (await open("x")).load())[1], [[], []]);
});

test("a closed journal answers nothing more, but what was under way is written", async () => {
  const client = await open("x");
  const unanswered = client.add(1, "last");
  client.journal.close();
  assert.deepEqual((await (await open("x")).load())[1], [[1], ["last"]]);
  assert.equal(await Promise.race([unanswered, Promise.resolve("nothing")]), "nothing");
});

test("closing before it has opened leaves nothing open", async () => {
  new Client("x").journal.close();
  await open("x").then((client) => client.journal.close());
  assert.equal(await deleteJournal("x"), "");
});

test("a newer or foreign layout is refused and kept", async () => {
  for (const [version, error] of /** @type {const} */ ([
    [3, "VersionError"],
    [2, "LayoutError"],
    [1, "LayoutError"],
  ])) {
    (await make(`${version}`, version, () => {})).close();
    assert.match((await new Client(`${version}`).opened)[0], new RegExp(`^${error}: `));
  }
  assert.equal(await listJournals(""), '["1","2","3"]');
});

/**
 * Make a database by hand.
 *
 * @param {string} name
 * @param {number} version
 * @param {(store: IDBObjectStore) => void} fill Gets the store of the records, if it takes one.
 * @returns {Promise<IDBDatabase>}
 */
function make(name, version, fill) {
  return new Promise((resolve) => {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = () => fill.length > 0 && fill(request.result.createObjectStore("records"));
    request.onsuccess = () => resolve(request.result);
  });
}

test("the first layout is brought to the present one with all that it holds", async () => {
  const old = await make("x", 1, (store) => {
    store.add("first", 1);
    store.add("fourth", 4);
    store.put(4, 0);
  });
  let asked = 0;
  old.onversionchange = () => {
    asked++;
    old.close();
  };
  const client = await open("x");
  assert.equal(asked, 1);
  assert.deepEqual((await client.load())[1], [[4], ["fourth"]]);
  assert.deepEqual(await client.add(5, "fifth"), ["", undefined]);
  assert.deepEqual(JSON.parse(await dumpJournal("x")).columns[0], [1, 4, 5]);
});

test("a page with this layout lets go when a newer one comes, and says what to do", async () => {
  const client = await open("x");
  (await make("x", 3, () => {})).close();
  assert.match(client.closings.join(), /^OutdatedError: /);
  assert.match((await new Client("x").opened)[0], /^VersionError: /);
});

/** @param {() => Promise<void>} work */
async function withTimers(work) {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    await work();
  } finally {
    mock.timers.reset();
  }
}

/** Let everything happen that is under way. */
async function settle() {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("whoever waits for a page that hangs is told after a while, and goes on once that page lets go", async () => {
  const hanging = await make("x", 1, (store) => store.add("first", 1));
  await withTimers(async () => {
    const early = new Client("x");
    let isOver = false;
    early.opened.then(() => (isOver = true));
    for (let tick = 0; tick < 9; tick++) {
      mock.timers.tick(tick === 4 ? 60_000 : 500); // a page that is blocked itself learns nothing by that
      await settle();
    }
    assert.equal(isOver, false);
    mock.timers.tick(500);
    assert.match((await early.opened)[0], /^BlockedError: .*hangs/);
    hanging.close();
    await settle();
    const late = new Client("x");
    await settle();
    assert.deepEqual(await late.opened, ["", undefined]);
    assert.deepEqual((await late.load())[1], [[1], ["first"]]);
    assert.deepEqual(early.closings, []);
  });
});

test("deleting what a page that hangs holds open ends with an error, and is done once that page lets go", async () => {
  const hanging = await make("x", 1, (store) => store.add("first", 1));
  await withTimers(async () => {
    const deletion = deleteJournal("x");
    await settle();
    for (let tick = 0; tick < 10; tick++) mock.timers.tick(500);
    assert.match(await deletion, /^BlockedError: .*hangs/);
    const next = new Client("x");
    await settle();
    hanging.close();
    await settle();
    assert.deepEqual(await next.opened, ["", undefined]);
    assert.deepEqual((await next.load())[1], [[], []]);
  });
});

test("the record that a journal begins with is missed, and what is no text is nothing", async () => {
  for (const [name, start, columns] of /** @type {const} */ ([
    ["a", 4, [[4, 5], ["", "fifth"]]], // prettier-ignore
    ["b", 9, [[9], [""]]], // prettier-ignore
    ["c", "?", [[1, 5, 6, 7], ["first", "fifth", "", ""]]], // prettier-ignore
  ])) {
    const database = await make(name, 2, (store) => {
      for (const [position, value] of /** @type {const} */ ([
        [0, start],
        [1, "first"],
        [5, "fifth"],
        ...(name === "c" ? /** @type {const} */ ([[6, 10n], [7, {}]]) : []), // prettier-ignore
      ])) {
        store.add(value, position);
      }
    });
    database.close();
    assert.deepEqual((await (await open(name)).load())[1], columns);
  }
});

test("a dump has all there is, whatever its layout and keys, and stands for what is missing", async () => {
  (await make("x", 7, (store) => {
    for (const [key, value] of /** @type {const} */ ([
      [0, 4],
      [1, "first"],
      [5, "fifth"],
      [6, 10n],
      ["a", "foreign"],
    ])) {
      store.add(value, key);
    }
  })).close(); // prettier-ignore
  assert.deepEqual(JSON.parse(await dumpJournal("x")), {
    failure: "",
    columns: [
      [1, 4, 5, 6, "a"],
      ["first", "", "fifth", "", "foreign"],
    ],
  });
  assert.equal(await deleteJournal("x"), "");
  assert.deepEqual(JSON.parse(await dumpJournal("x")), { failure: "", columns: null });
  assert.equal(await listJournals(""), "[]");
});

test("a dump goes on after a record that the browser cannot read", async () => {
  const client = await open("x");
  for (let position = 1; position <= 3; position++) await client.add(position, `${position}`);
  const broken = { readyState: "done", error: new DOMException("cannot read it", "NotReadableError") };
  await withTransactions(
    (transaction) => {
      const store = /** @type {any} */ (transaction.objectStore("records"));
      const get = store.get.bind(store);
      store.get = (/** @type {any} */ key) => (key === 2 ? broken : get(key));
    },
    async () => {
      assert.deepEqual(JSON.parse(await dumpJournal("x")).columns[1], ["1", "", "3"]);
    },
  );
});

test("the browser is asked once to keep what is stored, and not where it would ask the user", () => {
  let asked = 0;
  const storage = { persist: async () => asked++ };
  const { navigator } = globalThis;
  for (const userAgent of ["Mozilla/5.0 Gecko/20100101 Firefox/153.0", "(KHTML, like Gecko) Chrome/156.0"]) {
    Object.defineProperty(globalThis, "navigator", { value: { userAgent }, configurable: true });
    keepStored();
    Object.defineProperty(globalThis, "navigator", { value: { userAgent, storage }, configurable: true });
    keepStored();
    keepStored();
    assert.equal(asked, userAgent.includes("Firefox") ? 0 : 1);
  }
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
});

test("what a page is forbidden to do is a failure like others", async () => {
  const denied = () => {
    throw new DOMException("access is denied", "SecurityError");
  };
  Object.assign(globalThis, { indexedDB: { open: denied, deleteDatabase: denied } });
  assert.match((await new Client("x").opened)[0], /^SecurityError: /);
  assert.match(await deleteJournal("x"), /^SecurityError: /);
  assert.match(JSON.parse(await dumpJournal("x")).failure, /^SecurityError: /);
});

test("where it is forbidden even to ask for IndexedDB there is none", async () => {
  Object.defineProperty(globalThis, "indexedDB", {
    get: () => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    },
    configurable: true,
  });
  assert.equal(hasJournals(), false);
  assert.match((await new Client("x").opened)[0], /^SecurityError: /);
  Object.defineProperty(globalThis, "indexedDB", { value: undefined, configurable: true, writable: true });
});

test("journals are listed by prefix", async () => {
  for (const name of ["a:2", "a:1", "b:1"]) await open(name);
  assert.equal(await listJournals("a:"), '["a:1","a:2"]');
});

test("without IndexedDB everything says so", async () => {
  Reflect.deleteProperty(globalThis, "indexedDB");
  assert.equal(hasJournals(), false);
  assert.match(await deleteJournal("x"), /^NotSupportedError: /);
  assert.match((await new Client("x").opened)[0], /^ReferenceError: /);
});
