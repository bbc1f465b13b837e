/** What a file is called until it is whole. Such names are not shown by watches. */
import { randomBytes } from "node:crypto";

const PREFIX = ".wrenn-upload-";

export function temporaryName(): string {
  return PREFIX + randomBytes(6).toString("hex");
}

export function isTemporaryName(name: string): boolean {
  return name.startsWith(PREFIX);
}
