/** `POST /init`: makes a restored machine itself again. Everything is checked before anything is changed. */
import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { GuestInit } from "@wrenn/protocol/guest-http";
import { LIMITS } from "@wrenn/protocol/limits";
import type { Agent } from "../agent.ts";
import { readJsonBody } from "../http/body.ts";
import type { RouteHandler } from "../http/router.ts";
import { applyInit } from "../settings.ts";
import { parseInit } from "./init-body.ts";

export function initRoute(agent: Agent): RouteHandler {
  return async (request, response) => {
    initialize(agent, parseInit(await readJsonBody(request, LIMITS.jsonBodyBytes)));
    response.writeHead(204).end();
  };
}

/**
 * Every capsule waits for this, and in a fresh clone each piece of code runs for the first time: nothing is written that
 * is right already. The clock comes first: every millisecond before it is an error of the clock.
 */
function initialize(agent: Agent, init: GuestInit): void {
  const { kernel, root } = agent;
  if (init.timestampMs !== undefined) kernel.setClock(init.timestampMs);
  if (init.entropy !== undefined) kernel.addEntropy(Buffer.from(init.entropy, "base64"));
  if (init.hostname !== undefined && init.hostname !== hostname()) kernel.setHostname(init.hostname);
  writeIdentity(join(root, "run/wrenn"), init);
  agent.settings = applyInit(agent.settings, init);
}

/** What programs of the capsule can read about it, in memory: /etc/machine-id is mounted from there. */
function writeIdentity(folder: string, { sandboxId, templateId, generation, machineId }: GuestInit): void {
  if (sandboxId !== undefined) writeFileSync(join(folder, ".WRENN_SANDBOX_ID"), sandboxId);
  if (templateId !== undefined) writeFileSync(join(folder, ".WRENN_TEMPLATE_ID"), templateId);
  if (generation !== undefined) writeFileSync(join(folder, "generation"), String(generation));
  if (machineId !== undefined) writeFileSync(join(folder, "machine-id"), `${machineId}\n`);
}
