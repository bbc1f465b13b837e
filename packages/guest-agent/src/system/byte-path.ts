/**
 * Paths as the kernel has them: bytes. A name need not be UTF-8, and one that was read as text could not be opened again. A
 * byte path is a string with one character for each byte, so that it can be joined, compared and kept like any string.
 */
declare const bytes: unique symbol;
export type BytePath = string & { readonly [bytes]: true };

/** The byte path of a text. */
export function bytePath(text: string): BytePath {
  return Buffer.from(text).toString("latin1") as BytePath;
}

/** What a client is shown: bytes that are not UTF-8 become U+FFFD. */
export function textOf(path: BytePath): string {
  return Buffer.from(path, "latin1").toString();
}

/** As the functions of `node:fs` take it. */
export function onDisk(path: BytePath): Buffer {
  return Buffer.from(path, "latin1");
}

/** The path of what has this name in the folder. */
export function within(folder: BytePath, name: BytePath): BytePath {
  return (folder.endsWith("/") ? folder + name : `${folder}/${name}`) as BytePath;
}
