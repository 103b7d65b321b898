// @ts-check

/**
 * Lend this page's WebRTC to the workers of its origin, which have none, for as long as the page is there.
 *
 * @returns {Promise<() => void>} Ends it, and what was lent.
 */
export async function lendPeerConnections() {
  return (await import("../src/peer_connection.js")).lendPeerConnections();
}
