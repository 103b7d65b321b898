// Drives one Firefox with puppeteer-core, for a program that writes commands to stdin and reads answers and
// events from stdout, each a line of JSON. Both end when stdin does.
// Usage: node driver.mjs DIRECTORY_WITH_NODE_MODULES LAUNCH_OPTIONS
//
// A command is {id, on, call, with}: call a method of the browser (`on` is 0) or of a page (its number).
// It is answered with {id, value} or {id, error}. Events are {page, event, text}.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [directory, options] = process.argv.slice(2);
const puppeteer = createRequire(`${directory}/package.json`)("puppeteer-core").default;
const browser = await puppeteer.launch({ browser: "firefox", ...JSON.parse(options) });

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** What commands may be called on, each at its number. */
const targets = [{ newPage, processes }];

async function newPage(type) {
  const page = await browser.newPage({ type });
  page.setDefaultTimeout(0); // who waits for the answer has a deadline of its own
  const number = targets.push(page) - 1;
  const tell = (event, text) => say({ page: number, event, text });
  page.on("console", (message) => tell(message.type(), message.text()));
  page.on("pageerror", (error) => tell("error", String(error)));
  page.on("close", () => tell("gone", ""));
  return number;
}

/** The title and the process of every tab, which only the browser's own windows know. */
async function processes() {
  const send = async (method, params) => (await browser.connection.send(method, params)).result;
  const { contexts } = await send("browsingContext.getTree", { "moz:scope": "chrome", maxDepth: 0 });
  const tabs = "gBrowser.browsers.map((tab) => [tab.contentTitle, tab.browsingContext.currentWindowGlobal?.osPid])";
  const found = [];
  for (const { context } of contexts) {
    const expression = `JSON.stringify(${tabs})`;
    const { result } = await send("script.evaluate", { expression, target: { context }, awaitPromise: false });
    found.push(...JSON.parse(result.value));
  }
  return found;
}

async function run({ id, on, call, with: words }) {
  try {
    const value = await targets[on][call](...words);
    say({ id, value: call === "newPage" || call === "evaluate" || on === 0 ? value : null });
  } catch (error) {
    say({ id, error: String(error?.message ?? error) });
  }
}

createInterface({ input: process.stdin })
  .on("line", (line) => run(JSON.parse(line)))
  .on("close", () => browser.close());
say({ id: 0, value: browser.process().pid });
