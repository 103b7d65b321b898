// @ts-check
/**
 * The three columns: paints cards where they belong and turns gestures into actions.
 *
 * It keeps the elements of cards that stay, so that focus, selection and open editors
 * survive every change, and lets cards glide to where another tab has put them.
 */

import { CardView } from "./card.js";
import { find, prefersStillness, setText } from "./dom.js";
import { enableDragging } from "./drag.js";
import { announce, toast } from "./notices.js";

/**
 * @typedef {import("./last_known.js").Card} Card
 * @typedef {import("./last_known.js").Cards} Cards
 * @typedef {import("./card.js").Act} Act
 * @typedef {{action: any, why: "changed" | "deleted" | "failed", card: Card | null, message: string}} Refusal
 */

const GLIDE = { duration: 220, easing: "cubic-bezier(.2, .8, .2, 1)" };
const APPEAR = { duration: 180, easing: "ease-out" };

export class Board {
  /**
   * @param {HTMLElement} root
   * @param {Act} act Does what the person asked for.
   */
  constructor(root, act) {
    this.root = root;
    this.act = act;
    /** @type {Map<string, CardView>} */
    this.views = new Map();
    this.arrangement = "";
    /** @type {Map<string, {title: string, list: HTMLElement, count: HTMLElement, input: HTMLInputElement}>} */
    this.columns = new Map();
    for (const section of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-column]"))) {
      this.addColumn(section);
    }
    root.addEventListener("click", (event) => this.useTool(event));
    root.addEventListener("keydown", (event) => this.useKey(event));
    enableDragging(root, (id, column, before) => this.move(id, column, before));
    this.setLive(false);
  }

  /** @param {HTMLElement} section */
  addColumn(section) {
    const name = section.dataset.column ?? "";
    const input = /** @type {HTMLInputElement} */ (find(section, "input"));
    const [title, list, count] = [
      find(section, "h2").textContent ?? "",
      find(section, "ol"),
      find(section, ".count"),
    ];
    this.columns.set(name, { title, list, count, input });
    find(section, "form").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (!text || !this.isLive) return;
      input.value = "";
      this.act({ do: "add", column: name, text });
    });
  }

  /**
   * Take gestures, or only show cards.
   *
   * @param {boolean} isLive
   */
  setLive(isLive) {
    this.isLive = isLive;
    this.root.classList.toggle("live", isLive);
    this.root.setAttribute("aria-busy", String(!isLive));
    // Typing ahead into the composers is fine: they are sent once the board is live.
    for (const list of this.root.querySelectorAll("ol")) list.inert = !isLive;
    for (const button of this.root.querySelectorAll(".composer button")) {
      /** @type {HTMLButtonElement} */ (button).disabled = !isLive;
    }
  }

  /**
   * Show these cards and no others.
   *
   * @param {Cards} cards
   * @param {string[]} [pending] Ids of cards that the room has yet to decide about.
   */
  show(cards, pending = []) {
    const arrangement = JSON.stringify(
      Object.entries(cards).map(([id, card]) => [id, card.column, card.order]),
    );
    const isRearranged = arrangement !== this.arrangement;
    this.arrangement = arrangement;
    // To ask where elements are makes the browser lay the page out at once: only if something is to move.
    const places = isRearranged ? this.measure() : null;
    this.updateViews(cards, new Set(pending));
    if (isRearranged) this.arrangeAll(cards);
    this.glide(places);
  }

  /** @param {Cards} cards */
  arrangeAll(cards) {
    const focused = document.activeElement;
    for (const [name, { list, count }] of this.columns) {
      const ids = columnIds(cards, name);
      this.arrange(list, ids);
      setText(count, ids.length ? String(ids.length) : "");
    }
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.root.contains(focused)) {
      focused.focus({ preventScroll: true }); // an element that moves in the tree loses the focus
    }
  }

  /**
   * Make a view for every card, and drop those of deleted cards unless someone types there.
   *
   * @param {Cards} cards
   * @param {Set<string>} pending
   */
  updateViews(cards, pending) {
    for (const [id, card] of Object.entries(cards)) {
      let view = this.views.get(id);
      if (!view) this.views.set(id, (view = new CardView(id, card, this.act)));
      view.update(card, pending.has(id));
    }
    for (const [id, view] of this.views) {
      if (Object.hasOwn(cards, id)) continue;
      if (view.isEdited) view.lose();
      else {
        view.element.remove();
        this.views.delete(id);
      }
    }
  }

  /**
   * Put the cards into this order by moving as few elements as need be.
   *
   * @param {HTMLElement} list
   * @param {string[]} ids
   */
  arrange(list, ids) {
    let next = list.firstElementChild;
    for (const id of ids) {
      while (next && this.views.get(idOf(next))?.isGone) next = next.nextElementSibling;
      const element = this.views.get(id)?.element;
      if (element === next) next = next?.nextElementSibling ?? null;
      else if (element) list.insertBefore(element, next);
    }
  }

  /** @returns {Map<string, DOMRect> | null} Where the cards are, or null if nobody would see them glide. */
  measure() {
    if (!this.isLive || document.hidden || prefersStillness()) return null;
    return new Map([...this.views].map(([id, view]) => [id, view.element.getBoundingClientRect()]));
  }

  /** @param {Map<string, DOMRect> | null} places */
  glide(places) {
    if (!places) return;
    for (const [id, { element }] of this.views) {
      const before = places.get(id);
      const after = element.getBoundingClientRect();
      const [x, y] = [(before?.left ?? 0) - after.left, (before?.top ?? 0) - after.top];
      if (!before) element.animate({ opacity: [0, 1], scale: [0.96, 1] }, APPEAR);
      else if (Math.abs(x) > 1 || Math.abs(y) > 1)
        element.animate({ translate: [`${x}px ${y}px`, "0 0"] }, GLIDE);
    }
  }

  /**
   * Say why a change was not made, and give its text back.
   *
   * @param {Refusal} refusal
   */
  refuse({ action, why, card, message }) {
    const view = this.views.get(action.id);
    view?.refuse();
    const because = why === "failed" ? message : `Another tab has just ${why} that card.`;
    if (action.do === "edit" && view) {
      if (why === "failed") toast(`Not saved: ${because}`);
      if (card) view.update(card, false);
      else view.lose();
      view.edit({ text: action.text, isConflict: why === "changed" });
    } else if (action.do === "add") {
      this.giveBack(action.column, action.text);
      toast(`Not added: ${because}`);
    } else if (action.do === "move") toast(`Not moved: ${because}`);
    else if (action.do === "delete" && why !== "deleted") toast(`Not deleted: ${because} Have a look first.`);
    else if (action.do !== "delete") {
      const text = action.text ?? action.card?.text;
      toast(`Not saved: “${text}”. ${because}`, { label: "Add it as new", run: () => this.addAgain(text) });
    }
  }

  /** @param {string} text */
  addAgain(text) {
    const [column] = this.columns.keys();
    this.act({ do: "add", column, text });
  }

  /**
   * @param {string} column
   * @param {string} text
   */
  giveBack(column, text) {
    const input = this.columns.get(column)?.input;
    if (input) input.value = input.value ? `${text} ${input.value}` : text;
  }

  /** @param {Event} event */
  useTool(event) {
    const button = /** @type {Element} */ (event.target).closest("[data-tool]");
    const view = button && this.views.get(idOf(button));
    if (!view) return;
    const tool = button.getAttribute("data-tool") ?? "";
    if (tool === "delete") this.delete(view);
    else this.shift(view, tool);
  }

  /** @param {KeyboardEvent} event */
  useKey(event) {
    const target = /** @type {Element} */ (event.target);
    const view = target.matches(".text") ? this.views.get(idOf(target)) : undefined;
    if (!view || event.altKey || event.ctrlKey || event.metaKey) return;
    const direction = event.key.startsWith("Arrow") ? event.key.slice("Arrow".length).toLowerCase() : "";
    if (direction && event.shiftKey) this.shift(view, direction);
    else if (direction) this.neighbour(view, direction)?.focus();
    else if (event.key === "Delete") this.delete(view);
    else return;
    event.preventDefault();
  }

  /**
   * Move a card one step.
   *
   * @param {CardView} view
   * @param {string} direction
   */
  shift(view, direction) {
    const ids = this.shownIds(view.card.column);
    const position = ids.indexOf(view.id);
    const sideways = direction === "left" || direction === "right";
    const column = sideways ? this.columnBeside(view, direction) : view.card.column;
    if (!column || (direction === "up" && position === 0)) return;
    if (direction === "down" && position === ids.length - 1) return;
    const before =
      direction === "up" ? ids[position - 1] : direction === "down" ? ids[position + 2] : undefined;
    this.move(view.id, column, before ?? null);
  }

  /**
   * @param {string} id
   * @param {string} column
   * @param {string | null} before The card above which it goes; null is the end.
   */
  move(id, column, before) {
    const view = this.views.get(id);
    const ids = this.shownIds(column);
    const staysPut = before === id || (ids.includes(id) && (ids[ids.indexOf(id) + 1] ?? null) === before);
    if (!view || staysPut) return;
    this.act({ do: "move", id, column, before });
    view.element.scrollIntoView({ block: "nearest" });
    const { title } = this.columns.get(column) ?? { title: "" };
    const shown = this.shownIds(column);
    announce(`${view.card.text}: now in ${title}, ${shown.indexOf(id) + 1} of ${shown.length}`);
  }

  /** @param {CardView} view */
  delete(view) {
    const { id, card } = view;
    const heir = this.neighbour(view, "down") ?? this.neighbour(view, "up");
    const hadFocus = view.element.contains(document.activeElement);
    if (view.isEdited) view.close();
    this.act({ do: "delete", id });
    if (hadFocus) (heir ?? this.columns.get(card.column)?.input)?.focus();
    toast(`Deleted “${shorten(card.text)}”.`, {
      label: "Undo",
      run: () => this.act({ do: "put", id, card }),
    });
  }

  /**
   * @param {CardView} view
   * @param {string} direction
   * @returns {CardView | undefined}
   */
  neighbour(view, direction) {
    const position = this.shownIds(view.card.column).indexOf(view.id);
    if (direction === "up" || direction === "down") {
      return this.views.get(this.shownIds(view.card.column)[position + (direction === "up" ? -1 : 1)] ?? "");
    }
    const ids = this.shownIds(this.columnBeside(view, direction) ?? "");
    return this.views.get(ids[Math.min(position, ids.length - 1)] ?? "");
  }

  /**
   * @param {CardView} view
   * @param {string} direction
   */
  columnBeside(view, direction) {
    const names = [...this.columns.keys()];
    return names[names.indexOf(view.card.column) + (direction === "left" ? -1 : 1)];
  }

  /** @param {string} column */
  shownIds(column) {
    return [...(this.columns.get(column)?.list.children ?? [])].map(idOf);
  }
}

/**
 * The ids of a column's cards from top to bottom, as `cards.column_ids` orders them in Python.
 *
 * @param {Cards} cards
 * @param {string} column
 */
function columnIds(cards, column) {
  const inColumn = Object.entries(cards).filter(([, card]) => card.column === column);
  inColumn.sort(([idA, a], [idB, b]) => compare(a.order, b.order) || compare(idA, idB));
  return inColumn.map(([id]) => id);
}

/**
 * @param {string} a
 * @param {string} b
 */
function compare(a, b) {
  return a < b ? -1 : Number(a > b);
}

/** @param {Element} element */
function idOf(element) {
  return element.closest("[data-id]")?.getAttribute("data-id") ?? "";
}

/** @param {string} text */
function shorten(text) {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
