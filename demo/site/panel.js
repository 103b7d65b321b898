// @ts-check
/** Who leads, what this tab does in the room, and what happened lately. */

import { WORTH_A_WORD_MS } from "./card.js";
import { byId, create, prefersStillness, setText } from "./dom.js";
import { announce } from "./notices.js";

/**
 * @typedef {object} Picture
 * @property {import("./last_known.js").Cards} cards
 * @property {string[]} pending
 * @property {{role: string, tab: string, tabs: string[], term: number, commit_index: number, storage: string,
 *   members: Record<string, string>, missing: string[]}} status
 * @property {string | null} leading_tab
 * @property {number | null} leads_since
 * @property {number | null} last_write_ms
 * @property {{at: number, text: string}[]} events
 * @property {string} invitation A link, "" for a board of this browser alone.
 */

/** Stands for a leading tab where another browser leads, whose tabs nobody here knows. */
const ELSEWHERE = "elsewhere";

const STORAGES = new Map([
  ["indexeddb", "IndexedDB"],
  ["memory", "memory only"],
]);

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** What a tab is called. @param {string} tab */
function shortId(tab) {
  return tab.slice(0, 4);
}

/** @param {string | null} tab */
function leaderIn(tab) {
  if (tab === null) return "No tab leads just now";
  return tab === ELSEWHERE ? "Another browser leads" : `Tab ${shortId(tab)} leads`;
}

/** @param {string} leadingTab @param {string} tab */
function leaderFact(leadingTab, tab) {
  if (leadingTab === ELSEWHERE) return "in another browser";
  return shortId(leadingTab) + (leadingTab === tab ? " (this tab)" : "");
}

/** How many browsers share the board, and who is missed. @param {Picture["status"]} status */
function browsers({ members, missing }) {
  const count = Object.keys(members).length;
  return missing.length ? `${count}, waiting for ${missing.length}` : String(count);
}

export class Panel {
  /** @param {string} room */
  constructor(room) {
    this.room = room;
    this.opened = Date.now();
    this.tabsShown = "";
    this.eventsShown = "";
    /** @type {string | null | undefined} Undefined before the first picture. */
    this.leadingTab = undefined;
    this.waiting = "";
  }

  /** @param {Picture} picture */
  show(picture) {
    this.showLeader(picture);
    this.showTabs(picture);
    this.showFacts(picture);
    this.showEvents(picture);
    this.showWaiting(picture.pending.length);
  }

  /** @param {number} count */
  showWaiting(count) {
    const element = byId("waiting");
    this.waiting = count ? `${count} ${count === 1 ? "card" : "cards"} pending` : "";
    if (!this.waiting || element.textContent) setText(element, this.waiting);
    else setTimeout(() => setText(element, this.waiting), WORTH_A_WORD_MS);
  }

  /** @param {Picture} picture */
  showLeader({ leading_tab: tab, leads_since: since, status }) {
    const isHere = tab === status.tab;
    const who = isHere ? "This tab leads" : leaderIn(tab);
    const when =
      since === null ? `since before ${clock.format(this.opened)}` : `since ${clock.format(since)}`;
    setText(byId("leads"), who);
    const waits = status.missing.length ? "waiting for another browser" : "another is taking over";
    setText(byId("leads-since"), tab === null ? waits : when);
    document.title = `${isHere ? "★ " : ""}${this.room} · webraft`;
    const strip = byId("lead");
    strip.classList.toggle("here", isHere);
    strip.classList.toggle("nobody", tab === null);
    if (this.leadingTab !== undefined && this.leadingTab !== tab) {
      announce(who);
      if (!prefersStillness()) strip.animate({ outlineColor: ["var(--accent)", "transparent"] }, 1600);
    }
    this.leadingTab = tab;
  }

  /** @param {Picture} picture */
  showTabs({ leading_tab: leadingTab, status }) {
    const key = JSON.stringify([leadingTab, status.tab, status.tabs]);
    if (key === this.tabsShown) return;
    this.tabsShown = key;
    const others = status.tabs.filter((tab) => tab !== status.tab).sort();
    const items = [status.tab, ...others].map((tab) => {
      const item = create("li", shortId(tab));
      const marks = [...(tab === leadingTab ? ["leads"] : []), ...(tab === status.tab ? ["this tab"] : [])];
      if (marks.length) item.append(create("small", marks.join(", ")));
      item.classList.toggle("leads", tab === leadingTab);
      return item;
    });
    byId("tabs").replaceChildren(...items);
  }

  /** @param {Picture} picture */
  showFacts({ leading_tab: leadingTab, last_write_ms: lastWrite, status }) {
    const facts = {
      leader: leadingTab === null ? "none" : leaderFact(leadingTab, status.tab),
      tab: shortId(status.tab),
      role: status.role,
      term: status.term,
      commit: status.commit_index,
      tabs: status.tabs.length,
      browsers: browsers(status),
      storage: STORAGES.get(status.storage) ?? status.storage,
      write:
        lastWrite === null
          ? "none yet"
          : `${lastWrite < 10 ? lastWrite.toFixed(1) : lastWrite.toFixed(0)} ms`,
    };
    for (const [name, value] of Object.entries(facts)) setText(byId(`fact-${name}`), String(value));
  }

  /** @param {Picture} picture */
  showEvents({ events }) {
    const key = JSON.stringify(events);
    if (key === this.eventsShown) return;
    this.eventsShown = key;
    const items = [...events].reverse().map(({ at, text }) => {
      const item = document.createElement("li");
      const time = create("time", clock.format(at));
      time.setAttribute("datetime", new Date(at).toISOString());
      item.append(time, create("span", text));
      return item;
    });
    byId("events").replaceChildren(...items);
  }
}
