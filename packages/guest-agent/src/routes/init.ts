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
import { attempt } from "../log.ts";
import { applyInit, beginsAnotherLife } from "../settings.ts";
import { saveSettings } from "../settings-file.ts";
import { monotonicMs } from "../system/clock.ts";
import { parseInit } from "./init-body.ts";

const MIB = 1024n * 1024n;

/** @param connections all that this server has accepted and that are open */
export function initRoute(agent: Agent, connections: ReadonlySet<Socket>): RouteHandler {
  return async (request, response) => {
    const init = parseInit(await readJsonBody(request, LIMITS.jsonBodyBytes));
    const another = beginsAnotherLife(agent.settings, init);
    begin(agent, init);
    if (another) leaveConnections(agent, connections, request.socket);
    dress(agent, init);
    changeDisk(agent, init);
    response.writeHead(204, { [AGENT_REVISION_HEADER]: AGENT_REVISION }).end();
    // A correction of the clock alone changes none.
    if (init.sandboxId === undefined && init.accessToken === undefined) return;
    attempt("save settings", () => saveSettings(agent.root, agent.settings));
  };
}

/** What no capsule can be without. The clock comes first: every millisecond before it is an error of the clock. */
function begin(agent: Agent, init: GuestInit): void {
  const { kernel } = agent;
  if (init.clockOffsetMs !== undefined) kernel.setClock(monotonicMs() + init.clockOffsetMs);
  else if (init.timestampMs !== undefined) kernel.setClock(init.timestampMs);
  if (init.entropy !== undefined) kernel.addEntropy(Buffer.from(init.entropy, "base64"));
  agent.settings = applyInit(agent.settings, init);
}

/**
 * What programs of the capsule can read about it, in memory: /etc/machine-id is mounted from there. Programs can stand in the
 * way of it, too, which must not keep a capsule from coming back. Every capsule waits for this, and in a fresh clone each
 * piece of code runs for the first time: nothing is written that is right already.
 */
function dress({ kernel, root }: Agent, init: GuestInit): void {
  const { hostname: name, sandboxId, templateId, generation, machineId } = init;
  if (name !== undefined && name !== hostname()) attempt("host name", () => kernel.setHostname(name));
  const folder = join(root, "run/wrenn");
  writeIdentity(join(folder, ".WRENN_SANDBOX_ID"), sandboxId);
  writeIdentity(join(folder, ".WRENN_TEMPLATE_ID"), templateId);
  writeIdentity(join(folder, "generation"), generation?.toString());
  writeIdentity(join(folder, "machine-id"), machineId && `${machineId}\n`);
}

function writeIdentity(path: string, text: string | undefined): void {
  if (text !== undefined) attempt("identity", () => writeFileSync(path, text));
}

/** The host has to know when a disk is not as large as it says, or takes what there is no room for; the rest can wait. */
function changeDisk({ kernel }: Agent, { growDisk, diskSizeMb = 0, diskFull }: GuestInit): void {
  if (growDisk === true) kernel.growRootDisk(BigInt(diskSizeMb) * MIB);
  if (diskFull === true) kernel.reserveRootDisk(true);
  if (diskFull === false) attempt("disk reserve", () => kernel.reserveRootDisk(false));
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
  // A kernel of the operator's may lack the modules; the capsule works without.
  attempt("reset connections", () => kernel.resetConnections(own.localPort ?? 0));
}
