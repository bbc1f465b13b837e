/** What the methods of the service share: who asks for what, and how it is described to them. */
import type { IncomingHttpHeaders } from "node:http";
import type { Agent } from "../agent.ts";
import { basicUser } from "../http/basic-user.ts";
import { type BytePath, bytePath } from "../system/byte-path.ts";
import { findCaller } from "../system/caller.ts";
import { aboutFile } from "../system/file-errors.ts";
import { asUser } from "../system/impersonate.ts";
import { Inotify } from "../system/inotify.ts";
import { type Owners, ownersOf } from "../system/owners.ts";
import { resolveUserPath } from "../system/paths.ts";
import type { User } from "../system/users.ts";

/** A path as its client means it. */
export interface Place {
  readonly user: User;
  /** absolute, without `.` and `..` */
  readonly text: string;
  readonly path: BytePath;
}

export class FilesystemContext {
  readonly #agent: Pick<Agent, "users" | "settings">;
  /** names of owners as they are now */
  readonly owners: () => Owners;
  readonly inotify = new Inotify();

  constructor(agent: Pick<Agent, "root" | "users" | "settings">) {
    this.#agent = agent;
    this.owners = ownersOf(agent.root);
  }

  /** @throws unauthorized for an unknown user, invalid_request for a path that cannot be one */
  place(path: string, headers: IncomingHttpHeaders): Place {
    const user = findCaller(this.#agent, basicUser(headers));
    const text = resolveUserPath(path, user.home);
    return { user, text, path: bytePath(text) };
  }

  /** Runs `body` as the user of the place. @throws errors of the file system as those of the registry */
  asUser<T>({ user, text }: Place, body: () => T): T {
    return aboutFile(text, () => asUser(user, body));
  }
}
