// @ts-check
/**
 * A WebSocket: text in, text out. It connects once.
 */

/**
 * @typedef {object} Socket
 * @property {(text: string) => void} send Lost unless it is open.
 * @property {() => void} close Nothing is reported afterwards.
 */

/**
 * Connect to `url`.
 *
 * @param {string} url
 * @param {number} longest Texts with more characters are passed over, as is what is not text.
 * @param {(event: "open" | "text" | "closed", text: string) => void} onEvent "closed" comes once, with why:
 *   also when it never opened. Never called before this has returned.
 * @returns {Socket}
 */
export function openSocket(url, longest, onEvent) {
  /** @type {WebSocket | undefined} */
  let socket;
  let isOver = false;

  /** @param {string} why */
  const end = (why) => {
    if (isOver) return;
    isOver = true;
    onEvent("closed", why);
  };

  try {
    socket = new WebSocket(url);
  } catch (error) {
    // A page served over https is refused an unencrypted socket.
    Promise.resolve().then(() => end(String(error)));
  }
  if (socket !== undefined) {
    const opening = socket;
    opening.onopen = () => onEvent("open", "");
    opening.onmessage = ({ data }) => {
      if (typeof data === "string" && data.length <= longest) onEvent("text", data);
    };
    // Browsers do not tell pages why a connection failed, only that it did: 1006.
    opening.onclose = ({ code, reason }) => end(`closed with code ${code}${reason && `: ${reason}`}`);
  }

  return {
    send: (text) => {
      if (socket?.readyState === 1) socket.send(text);
    },
    close: () => {
      isOver = true;
      if (socket === undefined) return;
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    },
  };
}
