/** `POST /init`: makes a restored machine itself again. Everything is checked before anything is changed. */
import { writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { AGENT_REVISION, AGENT_REVISION_HEADER, type GuestInit } from "@wrenn/protocol/guest-http";
import { LIMITS } from "@wrenn/protocol/limits";
import type { Agent } from "../agent.ts";
import { readJsonBody } from "../http/body.ts";
import type { RouteHandler } from "../http/router.ts";
import { logError } from "../log.ts";
import { applyInit, beginsAnotherLife } from "../settings.ts";
import { saveSettings } from "../settings-file.ts";
import { monotonicMs } from "../system/clock.ts";
import { parseInit } from "./init-body.ts";

/** @param connections all that this server has accepted and that are open */
export function initRoute(agent: Agent, connections: ReadonlySet<Socket>): RouteHandler {
  return async (request, response) => {
    const init = parseInit(await readJsonBody(request, LIMITS.jsonBodyBytes));
    const another = beginsAnotherLife(agent.settings, init);
    initialize(agent, init);
    if (another) leaveConnections(agent, connections, request.socket);
    response.writeHead(204, { [AGENT_REVISION_HEADER]: AGENT_REVISION }).end();
    // A correction of the clock alone changes none.
    if (init.sandboxId !== undefined || init.accessToken !== undefined) saveSettings(agent.root, agent.settings);
  };
}

/**
 * Every capsule waits for this, and in a fresh clone each piece of code runs for the first time: nothing is written that
 * is right already. The clock comes first: every millisecond before it is an error of the clock.
 */
function initialize(agent: Agent, init: GuestInit): void {
  const { kernel, root } = agent;
  if (init.clockOffsetMs !== undefined) kernel.setClock(monotonicMs() + init.clockOffsetMs);
  else if (init.timestampMs !== undefined) kernel.setClock(init.timestampMs);
  if (init.entropy !== undefined) kernel.addEntropy(Buffer.from(init.entropy, "base64"));
  if (init.hostname !== undefined && init.hostname !== hostname()) kernel.setHostname(init.hostname);
  writeIdentity(join(root, "run/wrenn"), init);
  if (init.growDisk === true) kernel.growRootDisk();
  if (init.diskFull !== undefined) kernel.reserveRootDisk(init.diskFull);
  agent.settings = applyInit(agent.settings, init);
}

/** What programs of the capsule can read about it, in memory: /etc/machine-id is mounted from there. */
function writeIdentity(folder: string, { sandboxId, templateId, generation, machineId }: GuestInit): void {
  if (sandboxId !== undefined) writeFileSync(join(folder, ".WRENN_SANDBOX_ID"), sandboxId);
  if (templateId !== undefined) writeFileSync(join(folder, ".WRENN_TEMPLATE_ID"), templateId);
  if (generation !== undefined) writeFileSync(join(folder, "generation"), String(generation));
  if (machineId !== undefined) writeFileSync(join(folder, "machine-id"), `${machineId}\n`);
}

/**
 * Nobody is at the other end of the connections that a restore brings along, and a program that reads from one would wait
 * for ever. The host connects to the capsule's ports when it has the answer, so they end before it: some 20 ms under an
 * emulated CPU.
 */
function leaveConnections({ kernel }: Agent, connections: ReadonlySet<Socket>, own: Socket): void {
  for (const connection of connections) {
    if (connection !== own) connection.destroy();
  }
  try {
    kernel.resetConnections(own.localPort ?? 0);
  } catch (error) {
    // A kernel of the operator's may lack the modules; the capsule works without.
    logError("reset connections", error);
  }
}
