// @ts-check
/**
 * Dragging a card with a mouse, a pen or a finger.
 *
 * A mouse may take the card anywhere, a finger only by its grip, so that a board can
 * still be scrolled. A copy follows the pointer, a line shows where the card would go.
 */

const THRESHOLD_PX = 5;
const EDGE_PX = 56;
const SCROLL_PX = 12;

/**
 * @param {HTMLElement} root
 * @param {(id: string, column: string, before: string | null) => void} drop
 */
export function enableDragging(root, drop) {
  root.addEventListener("pointerdown", (event) => {
    const card = grabbedCard(event);
    if (card) new Drag(root, card, event, drop);
  });
}

/**
 * @param {PointerEvent} event
 * @returns {HTMLElement | null}
 */
function grabbedCard(event) {
  const target = /** @type {Element} */ (event.target);
  if (!event.isPrimary || event.button !== 0 || target.closest(".tools, .editor")) return null;
  if (event.pointerType === "touch" && !target.closest(".grip")) return null;
  return target.closest(".card");
}

class Drag {
  /**
   * @param {HTMLElement} root
   * @param {HTMLElement} card
   * @param {PointerEvent} event
   * @param {(id: string, column: string, before: string | null) => void} drop
   */
  constructor(root, card, event, drop) {
    this.root = root;
    this.card = card;
    this.drop = drop;
    this.start = { x: event.clientX, y: event.clientY };
    this.pointer = this.start;
    /** @type {HTMLElement | null} */
    this.ghost = null;
    /** @type {{column: string, before: string | null} | null} */
    this.target = null;
    this.listening = new AbortController();
    const { signal } = this.listening;
    addEventListener("pointermove", (moved) => this.follow(moved), { signal });
    addEventListener("pointerup", () => this.finish(true), { signal });
    addEventListener("pointercancel", () => this.finish(false), { signal });
    addEventListener("blur", () => this.finish(false), { signal });
    addEventListener("keydown", (pressed) => pressed.key === "Escape" && this.finish(false), { signal });
  }

  /** @param {PointerEvent} event */
  follow(event) {
    this.pointer = { x: event.clientX, y: event.clientY };
    const [x, y] = [this.pointer.x - this.start.x, this.pointer.y - this.start.y];
    if (!this.ghost && Math.hypot(x, y) < THRESHOLD_PX) return;
    if (!this.ghost) this.lift();
    event.preventDefault();
    this.ghost?.style.setProperty("translate", `${x}px ${y}px`);
    this.aim();
  }

  lift() {
    const { left, top, width } = this.card.getBoundingClientRect();
    this.ghost = /** @type {HTMLElement} */ (this.card.cloneNode(true));
    delete this.ghost.dataset.id;
    this.ghost.classList.add("ghost");
    this.ghost.inert = true;
    Object.assign(this.ghost.style, { left: `${left}px`, top: `${top}px`, width: `${width}px` });
    document.body.append(this.ghost);
    document.documentElement.classList.add("dragging");
    this.card.classList.add("lifted");
    this.scrollAtEdges();
  }

  scrollAtEdges() {
    if (!this.ghost) return;
    if (this.pointer.y < EDGE_PX) scrollBy(0, -SCROLL_PX);
    else if (this.pointer.y > innerHeight - EDGE_PX) scrollBy(0, SCROLL_PX);
    this.aim();
    requestAnimationFrame(() => this.scrollAtEdges());
  }

  /** Find the gap under the pointer and show it. */
  aim() {
    this.clearAim();
    const section = this.sectionUnderPointer();
    const list = section?.querySelector("ol");
    if (!section || !list) return;
    const cards = [...list.children].filter((card) => card !== this.card);
    const next = cards.find((card) => {
      const { top, height } = card.getBoundingClientRect();
      return this.pointer.y < top + height / 2;
    });
    this.target = { column: section.dataset.column ?? "", before: next?.getAttribute("data-id") ?? null };
    if (next) next.classList.add("drop-above");
    else list.classList.add("drop-at-end");
  }

  /** @returns {HTMLElement | null} */
  sectionUnderPointer() {
    const { x, y } = this.pointer;
    for (const section of /** @type {NodeListOf<HTMLElement>} */ (
      this.root.querySelectorAll("[data-column]")
    )) {
      const { left, right, top, bottom } = section.getBoundingClientRect();
      if (x >= left && x < right && y >= top && y < bottom) return section;
    }
    return null;
  }

  clearAim() {
    this.target = null;
    for (const marked of this.root.querySelectorAll(".drop-above, .drop-at-end")) {
      marked.classList.remove("drop-above", "drop-at-end");
    }
  }

  /** @param {boolean} isDropped */
  finish(isDropped) {
    const { target, ghost } = this;
    this.listening.abort();
    this.clearAim();
    this.card.classList.remove("lifted");
    document.documentElement.classList.remove("dragging");
    ghost?.remove();
    this.ghost = null;
    if (!ghost) return;
    swallowClick();
    if (isDropped && target) this.drop(this.card.dataset.id ?? "", target.column, target.before);
  }
}

/** Keep the release of the button that ends a drag from also being a click on the card. */
function swallowClick() {
  const swallow = (/** @type {Event} */ event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", swallow, { capture: true }));
}
