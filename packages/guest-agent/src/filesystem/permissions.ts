/** Modes as text, in the notation of Go's `os.FileMode`, which clients of envd expect. */
import { constants } from "node:fs";

const { S_IFMT, S_IFDIR, S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK } = constants;
const LETTERS = ["r", "w", "x", "r", "w", "x", "r", "w", "x"];
const SETUID = 0o4000;
const SETGID = 0o2000;
const STICKY = 0o1000;

/** `-rw-r--r--`, `drwxr-xr-x`, `Lrwxrwxrwx`; special bits are letters in front: `urwxr-xr-x`, `dtrwxrwxrwx`. */
export function formatMode(mode: number): string {
  const type = mode & S_IFMT;
  const front = [
    type === S_IFDIR && "d",
    type === S_IFLNK && "L",
    (type === S_IFBLK || type === S_IFCHR) && "D",
    type === S_IFIFO && "p",
    type === S_IFSOCK && "S",
    (mode & SETUID) !== 0 && "u",
    (mode & SETGID) !== 0 && "g",
    type === S_IFCHR && "c",
    (mode & STICKY) !== 0 && "t",
  ]
    .filter((letter) => letter !== false)
    .join("");
  const permissions = LETTERS.map((letter, index) => ((mode >> (8 - index)) & 1 ? letter : "-")).join("");
  return (front || "-") + permissions;
}
