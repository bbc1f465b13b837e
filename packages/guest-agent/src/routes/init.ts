/** `POST /init`: makes a restored machine itself again. Everything is checked before anything is changed. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GuestInit } from "@wrenn/protocol/guest-http";
import { LIMITS } from "@wrenn/protocol/limits";
import type { Agent } from "../agent.ts";
import { readJsonBody } from "../http/body.ts";
import type { RouteHandler } from "../http/router.ts";
import { logError } from "../log.ts";
import { applyInit } from "../settings.ts";
import { parseInit } from "./init-body.ts";

export function initRoute(agent: Agent): RouteHandler {
  return async (request, response) => {
    initialize(agent, parseInit(await readJsonBody(request, LIMITS.jsonBodyBytes)));
    response.writeHead(204).end();
  };
}

/** The clock comes first: every millisecond before it is an error of the clock. */
function initialize(agent: Agent, init: GuestInit): void {
  const { kernel, root } = agent;
  if (init.timestampMs !== undefined) kernel.setClock(init.timestampMs);
  if (init.entropy !== undefined) kernel.addEntropy(Buffer.from(init.entropy, "base64"));
  if (init.hostname !== undefined) kernel.setHostname(init.hostname);
  writeIdentity(join(root, "run/wrenn"), init);
  if (init.sandboxId !== undefined) writeMachineId(join(root, "etc/machine-id"), init.sandboxId);
  agent.settings = applyInit(agent.settings, init);
}

/** What programs of the capsule can read about it. */
function writeIdentity(folder: string, { sandboxId, templateId, generation }: GuestInit): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, ".WRENN_SANDBOX"), "true");
  if (sandboxId !== undefined) writeFileSync(join(folder, ".WRENN_SANDBOX_ID"), sandboxId);
  if (templateId !== undefined) writeFileSync(join(folder, ".WRENN_TEMPLATE_ID"), templateId);
  if (generation !== undefined) writeFileSync(join(folder, "generation"), String(generation));
}

/** Not fatal: an image may have no /etc, or a read-only one. */
function writeMachineId(file: string, sandboxId: string): void {
  try {
    writeFileSync(file, `${createHash("sha256").update(sandboxId).digest("hex").slice(0, 32)}\n`);
  } catch (error) {
    logError("machine-id", error);
  }
}
