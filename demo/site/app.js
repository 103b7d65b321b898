// @ts-check
/**
 * The page from its first moment: paint what is known, start Python, go live.
 *
 * JavaScript paints and catches gestures; what they mean is Python's business, in board/.
 */

import { readAddress, writeAddress } from "./address.js";
import { Board } from "./board.js";
import { boot } from "./boot.js";
import { byId, setText } from "./dom.js";
import { ANOTHER_BOARD, explain, findObstacle } from "./failure.js";
import { readLastKnown } from "./last_known.js";
import { Panel } from "./panel.js";
import { prepareInvitation, showInvitation, withSecret } from "./sharing.js";

/** In percent, how far the bar creeps while each stage lasts: nobody knows how long that will be. */
const PROGRESS = { runtime: 64, packages: 84, room: 97 };

const NOTES = {
  runtime: "Starting Python in this page…",
  packages: "Installing the packages…",
  room: "Joining the room…",
};

/** After so long in one stage the page says that this is unusual. */
const SLOW_MS = 20_000;

const asked = readAddress(location.hash);
const shared = withSecret(asked);
const address = shared ?? asked;
if (address.signaling && shared) history.replaceState(null, "", writeAddress(address));
const panel = new Panel(address.room);
/** @type {import("./boot.js").Page | null} */
let page = null;
const board = new Board(byId("board"), (action) => page?.act(JSON.stringify(action)));

/** @param {import("./panel.js").Picture} picture */
function show(picture) {
  board.show(picture.cards, picture.pending);
  panel.show(picture);
  if (picture.invitation) showInvitation(picture.invitation);
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let slowTimer;

/** @param {import("./boot.js").Stage} stage */
function showStage(stage) {
  const items = [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-stage]"))];
  const position = items.findIndex((item) => item.dataset.stage === stage);
  items.forEach((item, at) => {
    item.classList.toggle("done", at < position);
    if (at === position) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
  const bar = byId("progress");
  bar.setAttribute("aria-valuenow", String(PROGRESS[stage]));
  bar.style.setProperty("--reached", `${PROGRESS[stage]}%`);
  const note = `${NOTES[stage]} ${lastKnownNote}`;
  setText(byId("boot-note"), note);
  clearTimeout(slowTimer);
  slowTimer = setTimeout(() => {
    setText(byId("boot-note"), `${note} This takes unusually long; reloading the page may help.`);
  }, SLOW_MS);
}

/** @param {import("./failure.js").Failure} failure */
function showFailure({ title, help, details, offersMemory }) {
  byId("boot").hidden = true;
  setText(byId("failure-title"), title);
  setText(byId("failure-help"), help);
  setText(byId("failure-message"), details);
  byId("failure-memory").hidden = !offersMemory;
  byId("failure").hidden = false;
}

/** Paint what this browser last saw of the room. @returns {string} What to say about it. */
function showLastKnown() {
  const known = readLastKnown(address.room);
  if (!known) return "";
  board.show(known.cards);
  byId("board").classList.add("last-known");
  return `Below is the last known board, as of change ${known.index}.`;
}

async function start() {
  const obstacle = shared ? findObstacle(address) : ANOTHER_BOARD;
  if (obstacle) {
    showFailure(obstacle);
    return;
  }
  const view = {
    show: (/** @type {string} */ text) => show(JSON.parse(text)),
    refuse: (/** @type {string} */ text) => board.refuse(JSON.parse(text)),
  };
  try {
    page = await boot(address, view, showStage);
  } catch (error) {
    showFailure(explain(error));
    return;
  } finally {
    clearTimeout(slowTimer);
  }
  byId("board").classList.remove("last-known");
  byId("boot").hidden = true;
  byId("lead").hidden = false;
  board.setLive(true);
}

setText(byId("room-name"), address.room);
/** @type {HTMLAnchorElement} */ (byId("open-tab")).href = writeAddress(address);
byId("failure-retry").addEventListener("click", () => location.reload());
byId("failure-memory").addEventListener("click", () => {
  location.hash = writeAddress({ ...address, storage: "memory" });
});
prepareInvitation();
addEventListener("hashchange", () => location.reload());
const lastKnownNote = showLastKnown();
start();
