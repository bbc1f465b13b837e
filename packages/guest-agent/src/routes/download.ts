/** `GET /files`: the bytes of a regular file. */
import { constants, type Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { WrennError } from "@wrenn/protocol/errors";
import type { Agent } from "../agent.ts";
import type { RouteHandler } from "../http/router.ts";
import { fileTarget, toFileError } from "./file-target.ts";

export function downloadRoute(agent: Pick<Agent, "users" | "settings">): RouteHandler {
  return async (_request, response, query) => {
    const { path } = fileTarget(agent, query);
    await using file = await openRegular(path).catch((error) => {
      throw toFileError(path, error);
    });
    const { size } = await file.stat();
    response.setHeader("content-type", "application/octet-stream");
    response.setHeader("content-disposition", `inline; filename*=UTF-8''${encodeURIComponent(basename(path))}`);
    // Files of /proc say that they are empty and are not: those are sent without a length.
    if (size > 0) response.setHeader("content-length", size);
    await pipeline(file.createReadStream({ autoClose: false, ...(size > 0 ? { end: size - 1 } : {}) }), response);
  };
}

/** Looked at before it is opened, since opening a device can have effects; again after, since it may have been replaced. */
async function openRegular(path: string) {
  requireRegular(path, await stat(path));
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    requireRegular(path, await file.stat());
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function requireRegular(path: string, stats: Stats): void {
  if (stats.isDirectory()) throw new WrennError("invalid_request", `"${path}" is a directory`);
  if (!stats.isFile()) throw new WrennError("invalid_request", `"${path}" is not a regular file`);
}
