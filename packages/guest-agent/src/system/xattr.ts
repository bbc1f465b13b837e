/** Extended attributes of files. Node has no functions for them. */
import koffi from "koffi";
import { errnoName, libc } from "./libc.ts";

const callList = libc.func("long listxattr(const void *path, void *list, size_t size)");
const callGet = libc.func("long getxattr(const void *path, const char *name, void *value, size_t size)");
const callListOfLink = libc.func("long llistxattr(const void *path, void *list, size_t size)");
const callGetOfLink = libc.func("long lgetxattr(const void *path, const char *name, void *value, size_t size)");
const callRemove = libc.func("int fremovexattr(int fd, const char *name)");
const callSet = libc.func("int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)");

/** The most the kernel keeps: XATTR_LIST_MAX and XATTR_SIZE_MAX. */
const MAX_BYTES = 65_536;
let shared: Buffer | undefined;

/**
 * The attributes whose names begin with the prefix, without it. Empty for a file that has none or keeps them secret.
 * @param options follow: of what a symbolic link at the path leads to, not of the link
 */
export function readAttributes(path: Buffer, prefix: string, { follow }: { follow: boolean }): Record<string, string> {
  const [list, get] = follow ? [callList, callGet] : [callListOfLink, callGetOfLink];
  shared ??= Buffer.allocUnsafeSlow(MAX_BYTES);
  const terminated = Buffer.concat([path, Buffer.alloc(1)]);
  const listed = list(terminated, shared, MAX_BYTES);
  if (listed <= 0) return {};
  const attributes: Record<string, string> = {};
  const names = shared.toString("utf8", 0, listed).split("\0");
  for (const name of names.filter((each) => each.startsWith(prefix))) {
    const length = get(terminated, name, shared, MAX_BYTES);
    if (length >= 0) attributes[name.slice(prefix.length)] = shared.toString("utf8", 0, length);
  }
  return attributes;
}

/** @throws an error with the `code` of the operating system */
export function setAttribute(descriptor: number, name: string, value: Buffer): void {
  if (callSet(descriptor, name, value, value.length, 0) === 0) return;
  const code = errnoName(koffi.errno());
  throw Object.assign(new Error(`fsetxattr failed: ${code}`), { code });
}

/** Without effect when there is none, or it cannot be removed. */
export function removeAttribute(descriptor: number, name: string): void {
  callRemove(descriptor, name);
}
