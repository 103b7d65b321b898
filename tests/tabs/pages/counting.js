// @ts-check
// Counts what a page holds of the browser's things that nobody collects while they are in use.
// Runs before anything else in the page; `holdings()` tells how many of each there are now.

{
  /** Things that end by being told to: each is here from its beginning until its end. */
  const live = {
    timeouts: new Set(),
    intervals: new Set(),
    channels: new Set(),
    workers: new Set(),
    databases: new Set(),
    urls: new Set(),
  };
  /** Things that end by being forgotten. @type {WeakRef<object>[]} */
  let aborts = [];
  /** What was posted on channels. @type {string[]} */
  let posted = [];

  const page = /** @type {any} */ (globalThis);
  const { setTimeout, setInterval, clearTimeout, BroadcastChannel, Worker, AbortController } = page;
  page.setTimeout = (
    /** @type {any} */ callback,
    /** @type {number} */ delay,
    /** @type {any[]} */ ...rest
  ) => {
    const run = () => {
      live.timeouts.delete(id);
      return typeof callback === "function" ? callback(...rest) : (0, eval)(callback);
    };
    const id = setTimeout(run, delay);
    live.timeouts.add(id);
    return id;
  };
  page.setInterval = (/** @type {any[]} */ ...args) => {
    const id = setInterval(...args);
    live.intervals.add(id);
    return id;
  };
  page.clearTimeout = page.clearInterval = (/** @type {number} */ id) => {
    live.timeouts.delete(id);
    live.intervals.delete(id);
    clearTimeout(id);
  };
  page.BroadcastChannel = class extends BroadcastChannel {
    constructor(/** @type {string} */ name) {
      super(name);
      live.channels.add(this);
    }
    postMessage(/** @type {any} */ message) {
      posted.push(message);
      super.postMessage(message);
    }
    close() {
      live.channels.delete(this);
      super.close();
    }
  };
  page.Worker = class extends Worker {
    constructor(/** @type {any[]} */ ...args) {
      super(...args);
      live.workers.add(this);
    }
    terminate() {
      live.workers.delete(this);
      super.terminate();
    }
  };
  page.AbortController = class extends AbortController {
    constructor() {
      super();
      aborts.push(new WeakRef(this));
    }
  };
  const { open } = IDBFactory.prototype;
  IDBFactory.prototype.open = function (name, version) {
    const request = version === undefined ? open.call(this, name) : open.call(this, name, version);
    request.addEventListener("success", () => live.databases.add(request.result), { once: true });
    return request;
  };
  const { close } = IDBDatabase.prototype;
  IDBDatabase.prototype.close = function () {
    live.databases.delete(this);
    close.call(this);
  };
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (blob) => {
    const url = createObjectURL.call(URL, blob);
    live.urls.add(url);
    return url;
  };
  URL.revokeObjectURL = (url) => {
    live.urls.delete(url);
    revokeObjectURL.call(URL, url);
  };

  page.holdings = () => {
    aborts = aborts.filter((one) => one.deref());
    /** @type {Record<string, number>} */
    const counts = { aborts: aborts.length };
    for (const [kind, set] of Object.entries(live)) counts[kind] = set.size;
    return counts;
  };
  /** Hand over what was posted since the last call. */
  page.takePosted = () => posted.splice(0);
}
