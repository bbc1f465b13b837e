/** Paths as byte strings: each character is one byte, because file names on Linux need not be UTF-8. */

export function toBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** As the functions of node:fs take a path that need not be UTF-8. */
export function asPath(bytes: string): Buffer {
  return Buffer.from(bytes, "latin1");
}

/** For messages: what is not UTF-8 becomes U+FFFD. */
export function toText(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}
