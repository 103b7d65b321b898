// @ts-check
// Counts what this page holds open, in `held`: it runs before anything else does.

globalThis.held = { channels: 0, workers: 0, databases: 0, timers: 0 };

/**
 * @param {string} name Of a class.
 * @param {string} end Of the method that ends what it makes.
 * @param {string} kind
 */
function count(name, end, kind) {
  const ended = new WeakSet();
  globalThis[name] = class extends globalThis[name] {
    /** @param {...any} parameters */
    constructor(...parameters) {
      super(...parameters);
      globalThis.held[kind] += 1;
    }

    [end]() {
      if (!ended.has(this)) globalThis.held[kind] -= 1;
      ended.add(this);
      super[end]();
    }
  };
}

count("BroadcastChannel", "close", "channels");
count("Worker", "terminate", "workers");

const { open } = IDBFactory.prototype;
IDBFactory.prototype.open = function (...parameters) {
  const request = open.apply(this, parameters);
  request.addEventListener("success", () => {
    globalThis.held.databases += 1;
  });
  return request;
};
const { close } = IDBDatabase.prototype;
const closed = new WeakSet();
IDBDatabase.prototype.close = function () {
  if (!closed.has(this)) globalThis.held.databases -= 1;
  closed.add(this);
  close.call(this);
};

const { setTimeout, clearTimeout } = globalThis;
const waiting = new Set();
globalThis.setTimeout = (task, delay, ...parameters) => {
  const id = setTimeout(() => {
    waiting.delete(id);
    globalThis.held.timers = waiting.size;
    task(...parameters);
  }, delay);
  waiting.add(id);
  globalThis.held.timers = waiting.size;
  return id;
};
globalThis.clearTimeout = (id) => {
  waiting.delete(id);
  globalThis.held.timers = waiting.size;
  clearTimeout(id);
};
