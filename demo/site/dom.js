// @ts-check
/** The few words every part of the page needs for elements: finding, cloning, filling in. */

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {ParentNode} parent
 * @param {string} selector
 * @returns {T}
 */
export function find(parent, selector) {
  const element = parent.querySelector(selector);
  if (!element) throw new Error(`nothing here matches ${selector}`);
  return /** @type {T} */ (element);
}

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} templateId
 * @returns {T}
 */
export function cloneTemplate(templateId) {
  const template = /** @type {HTMLTemplateElement} */ (byId(templateId));
  return /** @type {T} */ (template.content.firstElementChild?.cloneNode(true));
}

/**
 * Write a text, but leave the element alone if it says that already.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {string} tag
 * @param {string} text
 */
export function create(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

export function prefersStillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
