/** What `wrenn cp` copies from and to: a path here, a path in a capsule, or this command's own stdin or stdout. */
import { basename } from "node:path/posix";
import { WrennError } from "@wrenn/protocol/errors";

export type Endpoint =
  | { readonly at: "here"; readonly path: string }
  | { readonly at: "capsule"; readonly id: string; readonly path: string }
  | { readonly at: "pipe" };

/** What stands before the first colon names a capsule, unless a slash comes first: `./a:b` is a file here. */
export function parseEndpoint(text: string): Endpoint {
  if (text === "-") return { at: "pipe" };
  const match = /^([^/:]+):(.*)$/s.exec(text);
  if (match !== null && !text.startsWith(".")) {
    const [, id = "", path = ""] = match;
    return { at: "capsule", id, path: path === "" ? "." : path };
  }
  if (text === "") throw new WrennError("invalid_request", "a path is empty");
  return { at: "here", path: text };
}

/** The name under which something is put into a folder; empty for paths like `a/.`, of which only the content is copied. */
export function nameOf(path: string): string {
  const name = basename(path);
  return name === "." || name === ".." || name === "~" ? "" : name;
}

/** Where something ends up that is copied into a folder. */
export function inside(folder: string, name: string): string {
  if (name === "") return folder;
  return folder.endsWith("/") ? `${folder}${name}` : `${folder}/${name}`;
}

/** A path in a capsule as a program there takes it that is started in the home directory. */
export function forProgram(path: string): string {
  const fromHome = path === "~" ? "." : path.startsWith("~/") ? path.slice(2) : path;
  return fromHome.startsWith("/") ? fromHome : `./${fromHome}`;
}
