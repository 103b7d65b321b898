// @ts-check
/** The board as this browser last saw it, readable before Python runs; a memory, not the truth. */

/**
 * @typedef {{text: string, column: string, order: string}} Card
 * @typedef {Record<string, Card>} Cards
 */

/**
 * @param {string} room
 * @returns {{cards: Cards, index: number} | null} Null if there is none that can be read.
 */
export function readLastKnown(room) {
  try {
    const mirror = JSON.parse(localStorage.getItem(`webraft:room:${room}`) ?? "null");
    const entries = Object.entries(mirror.data.cards).filter(([, card]) => isCard(card));
    return { cards: Object.fromEntries(entries), index: Number(mirror.index) || 0 };
  } catch {
    // Nothing there, nothing legible, or no localStorage at all: the room itself will tell.
    return null;
  }
}

/**
 * @param {any} value
 * @returns {value is Card}
 */
function isCard(value) {
  return [value?.text, value?.column, value?.order].every((field) => typeof field === "string");
}
