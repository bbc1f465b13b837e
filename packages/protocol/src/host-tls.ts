/** What both ends of the connection between the control plane and a host agent know of each other's certificates. */

/** Common name in the certificate of the control plane; a host's is its wire id. */
export const CONTROL_PLANE_NAME = "wrenn-cp";

/** @param fingerprint256 as Node writes it, with colons. Returns 64 hex digits */
export function fingerprintHex(fingerprint256: string): string {
  return fingerprint256.replaceAll(":", "").toLowerCase();
}
