// @ts-check
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { isVisible, pageUrl, watchLifecycle } from "./lifecycle.js";

function providePage() {
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const view = new EventTarget();
  Object.assign(globalThis, {
    document: page,
    addEventListener: view.addEventListener.bind(view),
    location: { href: "https://example.org/a?b=c#d#e" },
  });
  return { page, view };
}

afterEach(() => {
  for (const name of ["document", "addEventListener", "location"]) Reflect.deleteProperty(globalThis, name);
});

test("every change is reported once, until the watch ends", () => {
  const { page, view } = providePage();
  /** @type {string[]} */
  const events = [];
  const end = watchLifecycle((event) => events.push(event));
  page.visibilityState = "hidden";
  page.dispatchEvent(new Event("visibilitychange"));
  page.dispatchEvent(new Event("freeze"));
  page.dispatchEvent(new Event("resume"));
  view.dispatchEvent(new Event("pagehide"));
  view.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  const expected = ["hidden", "freeze", "resume", "pagehide", "pageshow"];
  assert.deepEqual(events, expected);
  assert.equal(isVisible(), false);
  end();
  page.dispatchEvent(new Event("freeze"));
  view.dispatchEvent(new Event("pagehide"));
  assert.deepEqual(events, expected);
});

test("the first showing of a page is no return", () => {
  const { view } = providePage();
  watchLifecycle(() => assert.fail("it was never away"));
  view.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: false }));
});

test("a page's address is told without its fragment", () => {
  providePage();
  assert.equal(pageUrl(), "https://example.org/a?b=c");
});

test("a worker has no lifecycle, nobody looks at it, and its address is no page's", () => {
  Object.assign(globalThis, { location: { href: "blob:https://example.org/0815" } });
  watchLifecycle(() => assert.fail("nothing happens to a worker"))();
  assert.equal(isVisible(), false);
  assert.equal(pageUrl(), "");
});
