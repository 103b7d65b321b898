// @ts-check
/**
 * Keys that never leave the browser, derived from a secret, and texts sealed with them.
 *
 * HKDF-SHA-256 and AES-256-GCM. A sealed text is base64 of 12 random bytes and the ciphertext.
 */

/**
 * @typedef {object} Sealer
 * @property {(text: string, context: string) => Promise<string>} seal
 * @property {(sealed: string, context: string) => Promise<string | undefined>} open Undefined if it was not
 *   sealed with this key, in this context.
 */

/** Whether there is cryptography here: insecure origins have none. */
export function hasCrypto() {
  return typeof crypto === "object" && typeof crypto.subtle === "object";
}

/**
 * Derive 32 bytes, as hex.
 *
 * @param {string} secret
 * @param {string} salt
 * @param {string} info
 */
export async function deriveHex(secret, salt, info) {
  const encoder = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), "HKDF", false, ["deriveBits"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: encoder.encode(salt), info: encoder.encode(info) };
  const bytes = new Uint8Array(await crypto.subtle.deriveBits(how, key, 256));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Derive a key that seals and opens; nothing can read it.
 *
 * @param {string} secret
 * @param {string} salt
 * @param {string} info
 * @returns {Promise<Sealer>}
 */
export async function deriveSealer(secret, salt, info) {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const raw = await crypto.subtle.importKey("raw", encoder.encode(secret), "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: encoder.encode(salt), info: encoder.encode(info) };
  const cipher = { name: "AES-GCM", length: 256 };
  const key = await crypto.subtle.deriveKey(how, raw, cipher, false, ["encrypt", "decrypt"]);

  /** @param {Uint8Array} iv @param {string} context */
  const inContext = (iv, context) => ({ name: "AES-GCM", iv, additionalData: encoder.encode(context) });

  return {
    seal: async (text, context) => {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const bytes = await crypto.subtle.encrypt(inContext(iv, context), key, encoder.encode(text));
      let binary = "";
      for (const byte of [...iv, ...new Uint8Array(bytes)]) binary += String.fromCharCode(byte);
      return btoa(binary);
    },
    open: async (sealed, context) => {
      try {
        const bytes = Uint8Array.from(atob(sealed), (character) => character.charCodeAt(0));
        const how = inContext(bytes.subarray(0, 12), context);
        return decoder.decode(await crypto.subtle.decrypt(how, key, bytes.subarray(12)));
      } catch {
        return undefined;
      }
    },
  };
}
