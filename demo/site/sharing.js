// @ts-check
/** Boards that several browsers share: their secret, and the link that invites to one. */

import { byId } from "./dom.js";
import { readLastKnown } from "./last_known.js";

const SECRET_BYTES = 18;
const COPIED_MS = 2000;

/**
 * Give a board that is to be shared its secret, the same one each time.
 *
 * Nobody's link opens a board that this browser has already to others: it has to bring the secret
 * that the board has, or mean one that is not here yet.
 *
 * @param {import("./address.js").Address} address
 * @returns {import("./address.js").Address | null} Null if the link means another board of that name.
 */
export function withSecret(address) {
  if (!address.signaling) return { ...address, secret: "", cluster: "" };
  const key = `webraft-board:secret:${address.room}`;
  const known = read(key);
  const isKnown = known !== "" || readLastKnown(address.room) !== null;
  if (address.secret && isKnown && address.secret !== known) return null;
  const secret = address.secret || known || newSecret();
  write(key, secret);
  return { ...address, secret };
}

/** Offer the link that invites others, once it is known. @param {string} link */
export function showInvitation(link) {
  const input = /** @type {HTMLInputElement} */ (byId("invitation"));
  if (input.value === link) return;
  input.value = link;
  byId("share").hidden = false;
}

/** Have the button copy the link; where that is forbidden, it is selected, to be copied by hand. */
export function prepareInvitation() {
  const input = /** @type {HTMLInputElement} */ (byId("invitation"));
  const button = byId("copy-invitation");
  const label = button.textContent;
  button.addEventListener("click", async () => {
    input.select();
    try {
      await navigator.clipboard.writeText(input.value);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = label), COPIED_MS);
  });
}

function newSecret() {
  const bytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_");
}

/** @param {string} key */
function read(key) {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return ""; // nothing is kept here, so nothing can be given away
  }
}

/** @param {string} key @param {string} value */
function write(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // The address has it as well.
  }
}
