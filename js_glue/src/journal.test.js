// @ts-check
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { IDBDatabase, IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { deleteJournal, hasJournals, listJournals, openJournal } from "./journal.js";

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
  assert.match((await client.add(2, "late"))[0], /^InvalidStateError: /);
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
  for (const [version, name] of /** @type {const} */ ([
    [2, "VersionError"],
    [1, "LayoutError"],
  ])) {
    await new Promise((resolve) => {
      const request = indexedDB.open(name, version);
      request.onsuccess = () => resolve(request.result.close());
    });
    assert.match((await new Client(name).opened)[0], new RegExp(`^${name}: `));
  }
  assert.equal(await listJournals(""), '["LayoutError","VersionError"]');
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
