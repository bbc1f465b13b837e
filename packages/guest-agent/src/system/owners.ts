/** The names of user and group ids, from the machine's own /etc/passwd and /etc/group. */
import { join } from "node:path";
import { fileVersion, readIfPresent } from "./users.ts";

export interface Owners {
  /** the id itself where it has no name */
  userName(uid: number): string;
  groupName(gid: number): string;
}

/** A function that reads the names again when the files have changed. @param root folder that stands for `/` */
export function ownersOf(root: string): () => Owners {
  const users = namesIn(join(root, "etc/passwd"));
  const groups = namesIn(join(root, "etc/group"));
  return () => {
    const [userNames, groupNames] = [users(), groups()];
    return {
      userName: (uid) => userNames.get(uid) ?? (uid === 0 ? "root" : String(uid)),
      groupName: (gid) => groupNames.get(gid) ?? (gid === 0 ? "root" : String(gid)),
    };
  };
}

function namesIn(path: string): () => ReadonlyMap<number, string> {
  let names = new Map<number, string>();
  let version = "";
  return () => {
    const now = fileVersion(path);
    if (now !== version) names = parseNames(readIfPresent(path));
    version = now;
    return names;
  };
}

/** Both files begin with `name:password:id`. The first name of an id counts. Lines that are not entries are skipped. */
export function parseNames(text: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [name = "", , id = ""] = line.split(":", 3);
    if (name !== "" && /^\d{1,10}$/.test(id) && !names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
}
