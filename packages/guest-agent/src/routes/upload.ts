/** `POST /files`: writes a file as one step. It is either the old or the new one, whatever happens on the way. */
import { randomBytes } from "node:crypto";
import { chmod, chown, lstat, mkdir, open, realpath, rename, rm, stat } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { WrennError } from "@wrenn/protocol/errors";
import type { Agent } from "../agent.ts";
import { sendJson } from "../http/respond.ts";
import type { RouteHandler } from "../http/router.ts";
import type { User } from "../system/users.ts";
import { fileTarget, toFileError } from "./file-target.ts";

const NEW_FILE_MODE = 0o644;

export function uploadRoute(agent: Pick<Agent, "users" | "settings">): RouteHandler {
  return async (request, response, query) => {
    requireBytes(request);
    const { path, user } = fileTarget(agent, query);
    try {
      await makeParents(dirname(path), user);
      await replaceFile(await followLinks(path), user, request);
    } catch (error) {
      throw toFileError(path, error);
    }
    sendJson(response, 200, [{ path, name: basename(path), type: "file" }]);
  };
}

function requireBytes(request: IncomingMessage): void {
  const type = request.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== undefined && type !== "application/octet-stream") {
    throw new WrennError("unsupported_media_type", "the Content-Type must be application/octet-stream");
  }
}

/** Makes the folders that are missing; they belong to the user. */
async function makeParents(folder: string, user: User): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await chown(made, user.uid, user.gid);
}

/** Where the bytes go: through a symbolic link to its target, as writing in place would. */
async function followLinks(path: string): Promise<string> {
  const isLink = (await lstat(path).catch(() => undefined))?.isSymbolicLink();
  return isLink ? realpath(path) : path;
}

async function replaceFile(path: string, user: User, source: IncomingMessage): Promise<void> {
  const old = await stat(path).catch(() => undefined);
  if (old?.isDirectory()) throw new WrennError("invalid_request", `"${path}" is a directory`);
  if (old !== undefined && !old.isFile()) {
    throw new WrennError("invalid_request", `"${path}" is not a regular file`);
  }
  const temporary = join(dirname(path), `.wrenn-upload-${randomBytes(6).toString("hex")}`);
  const file = await open(temporary, "wx", NEW_FILE_MODE);
  try {
    await pipeline(source, file.createWriteStream());
    await chown(temporary, user.uid, user.gid);
    await chmod(temporary, old === undefined ? NEW_FILE_MODE : old.mode & 0o7777);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
