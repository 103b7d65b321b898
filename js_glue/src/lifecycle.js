// @ts-check
/** What happens to the page as a whole: hidden, frozen, put aside, and back. Workers have none of it. */

/** @typedef {"freeze" | "resume" | "pagehide" | "pageshow" | "hidden" | "visible"} LifecycleEvent */

/**
 * Report the page's lifecycle events as they happen.
 *
 * @param {(event: LifecycleEvent) => void} onEvent Runs in the event itself; "pageshow" comes only
 *   after a "pagehide", from the back/forward cache.
 * @returns {() => void} Ends it.
 */
export function watchLifecycle(onEvent) {
  if (typeof document === "undefined") return () => {};
  const ending = new AbortController();
  const { signal } = ending;
  document.addEventListener("freeze", () => onEvent("freeze"), { signal });
  document.addEventListener("resume", () => onEvent("resume"), { signal });
  document.addEventListener("visibilitychange", () => onEvent(document.visibilityState), {
    signal,
  });
  addEventListener("pagehide", () => onEvent("pagehide"), { signal });
  addEventListener(
    "pageshow",
    (event) => {
      if (event.persisted) onEvent("pageshow");
    },
    { signal },
  );
  return () => ending.abort();
}

/** Whether somebody may be looking; nobody looks at a worker. */
export function isVisible() {
  return typeof document !== "undefined" && document.visibilityState === "visible";
}

/** The page's address without its fragment, "" in a worker: it has only that of its script. */
export function pageUrl() {
  return typeof document === "undefined" ? "" : location.href.replace(/#.*$/, "");
}

/** The fragment of the page's address with its "#", "" where there is none. */
export function pageFragment() {
  return typeof location === "undefined" ? "" : location.hash;
}
