// @ts-check
/** What the page says in passing: to the eye as notes at its foot, to a screen reader in full. */

import { byId, cloneTemplate, find, setText } from "./dom.js";

const TOAST_MS = 9000;

/**
 * Say something to screen readers alone.
 *
 * @param {string} text
 */
export function announce(text) {
  setText(byId("announcer"), text);
}

/**
 * Show a note that goes away by itself, but not while someone points at it.
 *
 * @param {string} text
 * @param {{label: string, run: () => void}} [action]
 */
export function toast(text, action) {
  const element = cloneTemplate("toast-template");
  const button = find(element, ".action");
  setText(find(element, "span"), text);
  if (action) {
    button.hidden = false;
    setText(button, action.label);
    button.addEventListener("click", () => {
      element.remove();
      action.run();
    });
  }
  find(element, ".close").addEventListener("click", () => element.remove());
  byId("toasts").append(element);

  const goAway = () => {
    if (element.matches(":hover, :focus-within")) setTimeout(goAway, TOAST_MS / 3);
    else element.remove();
  };
  setTimeout(goAway, TOAST_MS);
}
