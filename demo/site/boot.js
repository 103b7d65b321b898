// @ts-check
/** From an empty page to Python: the runtime, then the packages, then this page's own program. */

const PROGRAM = ["__init__.py", "order.py", "cards.py", "history.py", "page.py"];

/**
 * @typedef {"runtime" | "packages" | "room"} Stage
 * @typedef {{refuse: (text: string) => void, show: (text: string) => void}} View
 * @typedef {{act: (actionText: string) => void}} Page
 */

/** Starting went wrong; `stage` says how far it had come. */
export class BootError extends Error {
  /**
   * @param {Stage} stage
   * @param {unknown} cause
   */
  constructor(stage, cause) {
    const { message = String(cause) } = /** @type {{message?: string}} */ (cause ?? {});
    super(message, { cause });
    this.name = "BootError";
    this.stage = stage;
    /** The Python class, where it was Python that failed. */
    this.type = /** @type {{type?: string} | undefined} */ (cause)?.type ?? "";
  }
}

/**
 * Start Python, join the room and hand over the page.
 *
 * @param {{room: string, storage: string, signaling: string, secret: string}} address
 * @param {View} view What Python may do with the page.
 * @param {(stage: Stage) => void} onStage Told as each stage begins.
 * @returns {Promise<Page>}
 */
export async function boot(address, view, onStage) {
  /** @type {Stage} */
  let stage = "runtime";
  const enter = (/** @type {Stage} */ next) => onStage((stage = next));
  try {
    enter("runtime");
    const files = Promise.all([wheelUrls(), programTexts()]);
    files.catch(() => {}); // reported below, once the runtime is there
    // Where this one is missing, Pyodide waits for ever instead of saying so.
    await get(pageUrl("pyodide/pyodide.asm.wasm"), { method: "HEAD" });
    const { loadPyodide } = await import(pageUrl("pyodide/pyodide.mjs"));
    const pyodide = await loadPyodide({ indexURL: pageUrl("pyodide/") });
    enter("packages");
    const [wheels, program] = await files;
    await install(pyodide, wheels, program);
    enter("room");
    const { room, storage, signaling, secret } = address;
    return await pyodide.pyimport("board.page").start(room, storage, view, signaling, secret);
  } catch (error) {
    throw new BootError(stage, error);
  }
}

/**
 * @param {any} pyodide
 * @param {string[]} wheels In the order in which they depend on one another.
 * @param {string[]} program The texts of PROGRAM's files.
 */
async function install(pyodide, wheels, program) {
  /** @type {string[]} */
  const problems = [];
  await pyodide.loadPackage(wheels, {
    messageCallback: () => {},
    errorCallback: (/** @type {string} */ problem) => problems.push(problem),
  });
  if (problems.length) throw new Error(problems.join("\n"));
  pyodide.FS.mkdirTree("board");
  program.forEach((text, position) => pyodide.FS.writeFile(`board/${PROGRAM[position]}`, text));
  pyodide.pyimport("importlib").invalidate_caches();
  pyodide.pyimport("board.page"); // so that a broken package is told from a room that cannot be joined
}

async function wheelUrls() {
  const index = pageUrl("wheels/index.json");
  /** @type {string[]} */
  const urls = await (await get(index)).json();
  return urls.map((url) => new URL(url, index).href);
}

function programTexts() {
  return Promise.all(PROGRAM.map(async (file) => (await get(pageUrl(`board/${file}`))).text()));
}

/**
 * @param {string} url
 * @param {RequestInit} [options]
 */
async function get(url, options) {
  const response = await fetch(url, options);
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${response.statusText}`);
  return response;
}

/** @param {string} path Relative to the page, so that the site may live in any directory. */
function pageUrl(path) {
  return new URL(path, document.baseURI).href;
}
