/**
 * Lend this page's WebRTC to the workers of its origin, which have none, for as long as the page is there.
 *
 * @returns {Promise<() => void>} Ends it, and what was lent.
 */
export function lendPeerConnections(): Promise<() => void>;
