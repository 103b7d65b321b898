// @ts-check
/**
 * One card on the board, and the editor that opens in its place.
 *
 * An editor belongs to the person who types: the room may change or delete the card
 * meanwhile, and the typed text stays until they save or cancel.
 */

import { cloneTemplate, find, setText } from "./dom.js";

/** A change is usually decided within a few milliseconds: only a wait is worth a word. */
export const WORTH_A_WORD_MS = 100;

/**
 * @typedef {import("./last_known.js").Card} Card
 * @typedef {(action: Record<string, unknown>) => void} Act
 */

export class CardView {
  /**
   * @param {string} id
   * @param {Card} card
   * @param {Act} act
   */
  constructor(id, card, act) {
    this.id = id;
    this.card = card;
    this.isGone = false;
    this.element = cloneTemplate("card-template");
    this.element.dataset.id = id;
    this.textButton = find(this.element, ".text");
    this.textButton.addEventListener("click", () => this.edit());
    this.mark = find(this.element, ".mark");
    this.mark.addEventListener("animationend", () => this.element.classList.remove("settled"));
    /** @type {ReturnType<typeof setTimeout> | undefined} The timer that runs while a change is pending but not yet marked so. */
    this.waitTimer = undefined;
    /** @type {Editor | null} */
    this.editor = null;
    this.act = act;
    this.update(card, false);
  }

  /** Whether someone types here, so that the card must stay whatever the room says. */
  get isEdited() {
    return this.editor !== null;
  }

  /**
   * Show the card as the room, or a change that is pending, has it.
   *
   * @param {Card} card
   * @param {boolean} isPending
   */
  update(card, isPending) {
    this.card = card;
    this.isGone = false;
    if (this.textButton.textContent !== card.text) this.showText(card.text);
    this.showPending(isPending);
    this.editor?.show(this);
  }

  /** @param {string} text */
  showText(text) {
    this.textButton.textContent = text;
    for (const tool of this.element.querySelectorAll("[data-tool]")) {
      tool.setAttribute("aria-label", `${tool.getAttribute("title")}: ${text}`);
    }
  }

  /** @param {boolean} isPending */
  showPending(isPending) {
    const { classList } = this.element;
    if (isPending === classList.contains("pending")) return;
    classList.toggle("pending", isPending);
    clearTimeout(this.waitTimer);
    if (isPending) {
      this.waitTimer = setTimeout(() => {
        classList.remove("settled");
        classList.add("waits");
        setText(this.mark, "pending");
      }, WORTH_A_WORD_MS);
    } else if (classList.contains("waits")) {
      classList.replace("waits", "settled");
      setText(this.mark, "committed");
    }
  }

  /** The room refused what was pending: nothing to be called committed. */
  refuse() {
    clearTimeout(this.waitTimer);
    this.element.classList.remove("pending", "waits");
  }

  /** The room has no such card any more, but somebody types in it. */
  lose() {
    this.isGone = true;
    this.refuse();
    this.editor?.show(this);
  }

  focus() {
    (this.editor?.textarea ?? this.textButton).focus();
  }

  /**
   * Open the editor.
   *
   * @param {{text: string, isConflict: boolean}} [draft] A text that the room refused; else the card's own.
   */
  edit(draft) {
    if (this.editor) return;
    this.editor = new Editor(draft?.text ?? this.card.text, this.card.text, draft?.isConflict ?? false);
    this.editor.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    this.editor.form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.cancel();
      else if (
        event.key === "Enter" &&
        !event.shiftKey &&
        !event.isComposing &&
        event.target === this.editor?.textarea
      ) {
        event.preventDefault();
        this.save();
      }
    });
    find(this.editor.form, "[data-cancel]").addEventListener("click", () => this.cancel());
    // A refused text comes back by itself: it must not snatch the focus from elsewhere.
    const mayFocus =
      !draft || document.activeElement === document.body || this.element.contains(document.activeElement);
    this.element.classList.add("edited");
    this.textButton.after(this.editor.form);
    this.editor.show(this);
    this.editor.grow();
    if (mayFocus) this.editor.focus();
  }

  save() {
    const editor = this.editor;
    const text = editor?.textarea.value.trim();
    if (!editor || !text) return;
    const { id, card, isGone } = this;
    this.close();
    if (isGone) this.act({ do: "put", id, card: { ...card, text } });
    else if (text !== editor.base) this.act({ do: "edit", id, base: editor.base, text });
  }

  cancel() {
    const { isGone } = this;
    this.close();
    if (isGone) this.element.remove();
  }

  close() {
    const hadFocus = this.element.contains(document.activeElement);
    this.editor?.form.remove();
    this.editor = null;
    this.element.classList.remove("edited");
    if (hadFocus) this.textButton.focus();
  }
}

class Editor {
  /**
   * @param {string} text What to begin with.
   * @param {string} base The card's text that the person sees: saving replaces that and no other.
   * @param {boolean} isConflict Whether the room has refused this text once.
   */
  constructor(text, base, isConflict) {
    this.base = base;
    this.isConflict = isConflict;
    this.form = /** @type {HTMLFormElement} */ (cloneTemplate("editor-template"));
    this.textarea = /** @type {HTMLTextAreaElement} */ (find(this.form, "textarea"));
    this.textarea.value = text;
    this.textarea.addEventListener("input", () => this.grow());
  }

  focus() {
    this.textarea.focus();
    this.textarea.setSelectionRange(this.textarea.value.length, this.textarea.value.length);
  }

  /** Be as high as the text. */
  grow() {
    this.textarea.style.height = "auto";
    this.textarea.style.height = `${this.textarea.scrollHeight}px`;
  }

  /**
   * Say what has become of the card meanwhile, and what saving would do.
   *
   * @param {CardView} view
   */
  show({ card, isGone }) {
    const [notice, save, cancel] = this.describe(card, isGone);
    const line = find(this.form, ".notice");
    line.hidden = notice === "";
    setText(line, notice);
    setText(find(this.form, "[type=submit]"), save);
    setText(find(this.form, "[data-cancel]"), cancel);
  }

  /**
   * @param {Card} card
   * @param {boolean} isGone
   * @returns {[notice: string, save: string, cancel: string]}
   */
  describe(card, isGone) {
    if (isGone) {
      return ["Another tab deleted this card. What you typed is still here.", "Put it back", "Let it go"];
    }
    if (this.isConflict) {
      const theirs = `Another tab changed this card first. It now says “${card.text}”.`;
      return [`${theirs} What you typed is still here.`, "Use mine", "Keep theirs"];
    }
    if (card.text !== this.base) {
      return [`Another tab has just changed this card to “${card.text}”.`, "Save", "Cancel"];
    }
    return ["", "Save", "Cancel"];
  }
}
