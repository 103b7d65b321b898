// @ts-check
/**
 * A named channel between all pages and workers of one origin.
 *
 * Delivery goes on while a page is hidden, and even while it is frozen: the
 * callback runs in the message event itself.
 */

/**
 * @typedef {object} Channel
 * @property {(text: string) => void} post Hand `text` to all other ends; one sender's texts stay in order.
 * @property {() => void} close Hear and send nothing more.
 */

/**
 * Join the channel `name`.
 *
 * @param {string} name
 * @param {(text: string) => void} onText What is not text is not ours, and passed over.
 * @returns {Channel}
 */
export function openChannel(name, onText) {
  const channel = new BroadcastChannel(name);
  channel.onmessage = (event) => {
    if (typeof event.data === "string") onText(event.data);
  };
  return {
    post: (text) => channel.postMessage(text),
    close: () => {
      channel.onmessage = null;
      channel.close();
    },
  };
}
