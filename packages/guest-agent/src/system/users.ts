/** The users of the machine, read from its own /etc/passwd and /etc/group: the agent's C library is not the machine's. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** all group ids, the primary one among them */
  readonly groups: readonly number[];
  readonly home: string;
  readonly shell: string;
}

/** Whose entry names none. */
const DEFAULT_SHELL = "/bin/sh";
/** Images made from nothing have no user files, but they have root. */
const ROOT: User = { name: "root", uid: 0, gid: 0, groups: [0], home: "/root", shell: DEFAULT_SHELL };

/** Parses the two files. Lines that are not entries are skipped. */
export function parseUsers(passwd: string, group: string): Map<string, User> {
  const memberships = group.split("\n").map((line) => {
    const [, , gid = "", members = ""] = line.split(":");
    return { gid, members: members.split(",") };
  });
  const users = new Map<string, User>();
  for (const line of passwd.split("\n")) {
    const [name = "", , uid = "", gid = "", , home = "", shell = ""] = line.split(":");
    if (name === "" || !isId(uid) || !isId(gid)) continue;
    const joined = memberships.filter((entry) => isId(entry.gid) && entry.members.includes(name));
    const groups = [...new Set([Number(gid), ...joined.map((entry) => Number(entry.gid))])];
    const user = { name, uid: Number(uid), gid: Number(gid), groups, home: home || "/", shell: shell || DEFAULT_SHELL };
    users.set(name, user);
  }
  return users;
}

function isId(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) < 0xffff_ffff;
}

export class Users {
  readonly #passwd: string;
  readonly #group: string;
  #users = new Map<string, User>();
  #version = "";

  /** @param root folder that stands for `/` */
  constructor(root: string) {
    this.#passwd = join(root, "etc/passwd");
    this.#group = join(root, "etc/group");
  }

  /** @throws invalid_request when there is no such user */
  find(name: string): User {
    const version = fileVersion(this.#passwd) + fileVersion(this.#group);
    if (version !== this.#version) {
      this.#users = parseUsers(readIfPresent(this.#passwd), readIfPresent(this.#group));
      this.#version = version;
    }
    const user = this.#users.get(name) ?? (name === ROOT.name ? ROOT : undefined);
    if (user === undefined) throw new WrennError("invalid_request", `there is no user "${name}"`);
    return user;
  }
}

export function fileVersion(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? "-" : `${stats.ino}:${stats.size}:${stats.mtimeMs};`;
}

export function readIfPresent(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? "" : readFileSync(path, "utf8");
}
