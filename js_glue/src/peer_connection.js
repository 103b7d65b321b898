// @ts-check
/**
 * One channel to a page in another browser: reliable, ordered, encrypted.
 *
 * Two pages open one connection each and carry to the other what theirs wants
 * signalled, in any order, some of it perhaps lost. Offers that cross each other
 * are settled by perfect negotiation: the polite end takes its own back. The
 * channel has the same number at both ends, so that neither can open another.
 */

/**
 * @typedef {object} Connection
 * @property {(text: string) => void} signal Take in what the other end wanted signalled.
 * @property {(text: string) => number} send Send one message, at most 64 KiB of UTF-8; returns how
 *   many bytes wait to be sent, or -1 if the channel is not open.
 * @property {() => string} statistics What was measured lately, as a JSON object; asks for more.
 * @property {() => void} close Ends it at both ends, once what was sent has arrived or cannot; nothing
 *   is reported afterwards.
 */

/**
 * What happens, with up to two texts: "signal" (what the other end has to get), "gathered" (all
 * ways to this page are signalled), "open" (this and the other certificate's fingerprint),
 * "message" (a text; "" for what is none), "low" (little waits to be sent) and "closed" (why),
 * which is the last.
 *
 * @typedef {(event: "signal" | "gathered" | "open" | "message" | "low" | "closed",
 *   text: string, other: string) => void} OnEvent
 */

const LOW_BYTES = 256 * 1024;
const MAX_EARLY = 64;
const PATIENCE_MS = 1000;
const GONE_MS = 8_000;
const FLUSH_MS = 2000;

/** Whether there are such connections here: workers have none. */
export function hasPeerConnections() {
  return typeof RTCPeerConnection !== "undefined";
}

/**
 * Why the browser does not take a configuration, "" if it does.
 *
 * @param {string} configuration
 */
export function whyRefused(configuration) {
  try {
    new RTCPeerConnection(JSON.parse(configuration)).close();
    return "";
  } catch (error) {
    return reason(error);
  }
}

/**
 * The fingerprints in a description, in one order and one spelling.
 *
 * @param {string | undefined} sdp
 */
export function fingerprints(sdp) {
  const lines = (sdp ?? "").match(/^a=fingerprint:.*$/gm) ?? [];
  const all = lines.map((line) => line.slice("a=fingerprint:".length).trim().toLowerCase());
  return [...new Set(all)].sort().join(",");
}

/** @param {unknown} error */
const reason = (error) => String(error).slice(0, 300);

/**
 * Open one end of a connection.
 *
 * @param {boolean} isPolite The other end is not.
 * @param {boolean} isFirst Whether to make an offer at once; the other end waits for it.
 * @param {string} configuration An RTCConfiguration in JSON.
 * @param {string} farewell The last message, if the page goes away with the channel open.
 * @param {OnEvent} onEvent
 * @returns {Connection}
 */
export function openPeerConnection(isPolite, isFirst, configuration, farewell, onEvent) {
  const pc = new RTCPeerConnection(JSON.parse(configuration));
  const ending = new AbortController();
  /** @type {RTCDataChannel | undefined} */
  let channel;
  /** @type {RTCIceCandidateInit[]} */
  let early = [];
  /** @type {string[]} */
  const unheard = [];
  let identities = "";
  let isOffering = false;
  let isAnswering = false;
  let doing = Promise.resolve();
  let described = Promise.resolve();
  let figures = "{}";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let restart;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let giveUp;

  const beQuiet = () => {
    ending.abort();
    clearTimeout(restart);
    clearTimeout(giveUp);
    if (channel) channel.onmessage = channel.onclose = null;
    pc.onnegotiationneeded = pc.onicecandidate = pc.onconnectionstatechange = null;
  };
  /** @param {string} why */
  const fail = (why) => {
    if (ending.signal.aborted) return;
    beQuiet();
    pc.close();
    onEvent("closed", why, "");
  };
  /** @param {object} what */
  const say = (what) => {
    if (!ending.signal.aborted) onEvent("signal", JSON.stringify(what), "");
  };

  const openChannel = () => {
    if (channel) return;
    const opened = pc.createDataChannel("link", { negotiated: true, id: 0 });
    channel = opened;
    opened.bufferedAmountLowThreshold = LOW_BYTES;
    const { signal } = ending;
    opened.addEventListener("bufferedamountlow", () => onEvent("low", "", ""), { signal });
    opened.onmessage = ({ data }) => {
      const text = typeof data === "string" ? data : "";
      if (identities) onEvent("message", text, "");
      else unheard.push(text);
    };
    opened.onclose = () => fail("the other end closed the channel");
    const onOpen = () => {
      // The channel may be open before the description that opened it is to be seen here.
      if (pc.localDescription && pc.remoteDescription) announce();
      else described.then(announce, () => {});
    };
    opened.addEventListener("open", onOpen, { signal });
  };
  const announce = () => {
    if (ending.signal.aborted) return;
    identities = JSON.stringify(ends());
    onEvent("open", ...ends());
    for (const text of unheard.splice(0)) if (!ending.signal.aborted) onEvent("message", text, "");
  };
  /** @returns {[string, string]} */
  const ends = () => [fingerprints(pc.localDescription?.sdp), fingerprints(pc.remoteDescription?.sdp)];

  const offer = async () => {
    isOffering = true;
    try {
      await pc.setLocalDescription();
      say({ description: pc.localDescription });
    } catch (error) {
      fail(reason(error));
    } finally {
      isOffering = false;
    }
  };
  /** @param {RTCSessionDescriptionInit} description */
  const describe = async (description) => {
    const isOffer = description.type === "offer";
    const isReady = !isOffering && (pc.signalingState === "stable" || isAnswering);
    if (isOffer && !isReady && !isPolite) return;
    if (!isOffer && pc.signalingState !== "have-local-offer") return; // late, or doubled
    isAnswering = !isOffer;
    try {
      await pc.setRemoteDescription(description);
    } finally {
      isAnswering = false;
    }
    if (identities && identities !== JSON.stringify(ends())) throw new Error("another certificate");
    if (isOffer) {
      openChannel(); // now it needs no offer of its own
      await pc.setLocalDescription();
      say({ description: pc.localDescription });
    }
    const waiting = early;
    early = [];
    for (const candidate of waiting) await reach(candidate);
  };
  /** @param {RTCIceCandidateInit} candidate */
  const reach = async (candidate) => {
    try {
      await pc.addIceCandidate(candidate);
    } catch {
      if (early.length < MAX_EARLY) early.push(candidate); // it overtook its description
    }
  };
  /** @param {string} text */
  const take = async (text) => {
    if (ending.signal.aborted) return;
    const { description, candidate } = JSON.parse(text);
    if (description) await (described = describe(description));
    else if (candidate) await reach(candidate);
  };

  pc.onnegotiationneeded = offer;
  pc.onicecandidate = ({ candidate }) => {
    if (candidate?.candidate) say({ candidate });
    else if (!candidate) onEvent("gathered", "", "");
  };
  pc.onconnectionstatechange = () => {
    const state = pc.connectionState;
    // Before it was ever open, the other end may only be slow to begin.
    if (state === "failed" && identities) fail("no way to the other end");
    else if (state === "disconnected") {
      restart ??= setTimeout(() => pc.restartIce(), PATIENCE_MS);
      giveUp ??= setTimeout(() => fail("the other end was not heard any more"), GONE_MS);
    } else if (state === "connected") {
      clearTimeout(restart);
      clearTimeout(giveUp);
      restart = giveUp = undefined;
    }
  };

  /** @param {EventTarget | undefined} target @param {string} event @param {() => void} react */
  const on = (target, event, react) => target?.addEventListener(event, react, { signal: ending.signal });
  const changed = () => {
    if (identities) pc.restartIce();
  };
  on(globalThis, "online", changed);
  on(Reflect.get(navigator, "connection"), "change", changed);
  on(globalThis, "pagehide", () => {
    if (channel?.readyState === "open") channel.send(farewell);
    fail("this page went away");
  });
  if (isFirst) openChannel();

  return {
    signal: (text) => {
      doing = doing.then(() => take(text)).catch((error) => fail(reason(error)));
    },
    send: (text) => {
      if (channel?.readyState !== "open") return -1;
      channel.send(text);
      return channel.bufferedAmount;
    },
    statistics: () => {
      pc.getStats().then(
        (stats) => (figures = JSON.stringify(summary(stats))),
        () => {},
      );
      return figures;
    },
    close: () => {
      beQuiet();
      if (channel?.readyState !== "open") return pc.close();
      channel.onclose = () => pc.close();
      channel.close(); // when it has sent what waits
      setTimeout(() => pc.close(), FLUSH_MS);
    },
  };
}

/**
 * Lend this page's connections to workers of its origin, which have none, for as long as the page is there.
 * What they say in return stands with `borrowPeerConnection`.
 *
 * @returns {() => void} Ends it, and what was lent.
 */
export function lendPeerConnections() {
  const lender = crypto.randomUUID();
  const hall = new BroadcastChannel("lent-connections");
  const ending = new AbortController();
  const { signal } = ending;
  let isFrozen = false; // then it hears everything, and its connections do nothing
  globalThis.document?.addEventListener("freeze", () => (isFrozen = true), { signal });
  globalThis.document?.addEventListener("resume", () => (isFrozen = false), { signal });
  const hold = () => {
    hall.onmessage = ({ data }) => void (isFrozen || lend(String(data), lender, signal));
    return new Promise((resolve) => signal.addEventListener("abort", resolve));
  };
  // Whoever borrows waits for this lock: it is free once the page is gone.
  navigator.locks.request(`lent-connections:${lender}`, hold);
  return () => {
    hall.close();
    ending.abort();
  };
}

/**
 * @param {string} id Whose channel a worker listens to, and whose lock it holds.
 * @param {string} lender
 * @param {AbortSignal} signal
 */
function lend(id, lender, signal) {
  const line = new BroadcastChannel(`lent-connections:${id}`);
  const ending = new AbortController();
  /** @type {Connection | undefined} */
  let connection;
  let taken = 0;
  /** @param {(string | number)[]} words */
  const tell = (...words) => {
    if (!ending.signal.aborted) line.postMessage(words);
  };
  const end = () => {
    if (ending.signal.aborted) return;
    ending.abort();
    connection?.close();
    line.close();
  };
  /** @type {OnEvent} */
  const onEvent = (event, text, other) => {
    tell(event, text, other);
    if (event === "closed") end();
  };

  /** @type {Record<string, (...words: any[]) => void>} */
  const verbs = {
    take: (whose, isPolite, isFirst, configuration, farewell) => {
      const why = whose === lender && whyRefused(configuration);
      if (why) onEvent("closed", why, "");
      else if (whose !== lender) end();
      else connection = openPeerConnection(isPolite, isFirst, configuration, farewell, onEvent);
    },
    try: (whose, configuration) => {
      if (whose === lender) tell("tried", whyRefused(configuration));
      end();
    },
    signal: (text) => connection?.signal(text),
    // A page that offers too late hears what the worker and the page that lends say to each other.
    send: (text) => {
      if (!connection) return;
      taken += text.length;
      tell("waits", connection.send(text), taken);
    },
    statistics: () => void (connection && tell("statistics", connection.statistics())),
    close: end,
  };
  line.onmessage = ({ data: [verb, ...words] }) => verbs[verb]?.(...words);
  navigator.locks.request(`lent-connections:${id}`, { signal: ending.signal }, end).catch(() => {});
  const lendNoMore = () => (connection ? onEvent("closed", "the page lends no more", "") : end());
  signal.addEventListener("abort", lendNoMore, { signal: ending.signal });
  tell("offer", lender);
}

/** @param {RTCStatsReport} stats */
function summary(stats) {
  /** @type {Map<string, any>} */
  const all = new Map(/** @type {any} */ (stats));
  const transport = [...all.values()].find((one) => one.type === "transport");
  const pair =
    all.get(transport?.selectedCandidatePairId) ??
    [...all.values()].find((one) => one.type === "candidate-pair" && one.selected);
  if (!pair) return {};
  return {
    rtt_ms: pair.currentRoundTripTime * 1000,
    bytes_sent: pair.bytesSent,
    bytes_received: pair.bytesReceived,
    local: all.get(pair.localCandidateId)?.candidateType,
    remote: all.get(pair.remoteCandidateId)?.candidateType,
  };
}
