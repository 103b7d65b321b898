// @ts-check
/**
 * One wake-up at a time, punctual in hidden pages too.
 *
 * A hidden page's own timers run once a second, later once a minute; those of
 * a dedicated worker do not slow down, nor do its messages. Where no worker
 * can be had, the page's own timers serve; within a worker they are punctual.
 */

/**
 * @typedef {object} Ticker
 * @property {(delayMs: number) => void} set Tick once after `delayMs`, in place of any earlier wish.
 * @property {() => void} close
 */

const WORKER = `let timer;
onmessage = (event) => {
  clearTimeout(timer);
  timer = setTimeout(() => postMessage(event.data), event.data.delayMs);
};`;

/** @returns {Worker | null} */
function startWorker() {
  if (typeof Worker === "undefined" || typeof document === "undefined") return null;
  const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
  try {
    return new Worker(url, { name: "ticker" });
  } catch {
    return null; // forbidden by the page's content security policy
  } finally {
    setTimeout(() => URL.revokeObjectURL(url), 10_000); // once it has certainly been read
  }
}

/**
 * Start a ticker.
 *
 * @param {() => void} onTick Runs once per `set`, never for one that was replaced.
 * @returns {Ticker}
 */
export function openTicker(onTick) {
  let worker = startWorker();
  let wish = 0;
  let isPending = false;
  let delayMs = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {number} of */
  const tick = (of) => {
    if (!isPending || of !== wish) return;
    isPending = false;
    onTick();
  };
  const arm = () => {
    const of = wish;
    if (worker) worker.postMessage({ delayMs, of });
    else {
      clearTimeout(timer);
      timer = setTimeout(() => tick(of), delayMs);
    }
  };
  if (worker) {
    worker.onmessage = (event) => tick(event.data.of);
    // Some browsers tell only now that the policy forbids it.
    worker.onerror = () => {
      worker = null;
      if (isPending) arm();
    };
  }

  return {
    set: (delay) => {
      wish += 1;
      isPending = true;
      delayMs = delay;
      arm();
    },
    close: () => {
      isPending = false;
      clearTimeout(timer);
      worker?.terminate();
    },
  };
}

/**
 * Run `callback` at the end of this turn of the event loop: in frozen pages, too.
 *
 * @param {() => void} callback
 */
export function callSoon(callback) {
  Promise.resolve().then(() => callback());
}
