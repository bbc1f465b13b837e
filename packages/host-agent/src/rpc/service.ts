/** HostAgentService: turns messages into operations and back, and nothing else. */
import { cpus, totalmem } from "node:os";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { toConnectError } from "@wrenn/protocol/connect-errors";
import { WrennError } from "@wrenn/protocol/errors";
import type { CreateSandboxRequest, ExecStreamRequest, HostAgentService } from "@wrenn/protocol/gen/hostagent_pb";
import { parseId } from "@wrenn/protocol/ids";
import { LIMITS } from "@wrenn/protocol/limits";
import { freeSpaceMb } from "../disk/overlay.ts";
import type { HostContext } from "../host.ts";
import { createMachine } from "../machines/create.ts";
import { destroyMachine } from "../machines/destroy.ts";
import { execInMachine } from "../machines/exec.ts";
import { watchMachines } from "../machines/watch.ts";
import { AGENT_VERSION } from "../version.ts";
import { execMessage, sandboxInfo, watchMessage } from "./messages.ts";

/** A reader learns within this time that the stream is dead. */
const KEEPALIVE_MS = 15_000;

export function hostAgentService(host: HostContext): ServiceImpl<typeof HostAgentService> {
  return {
    getHost: unary(() => describeHost(host)),
    createSandbox: unary((request: CreateSandboxRequest) => create(host, request)),
    destroySandbox: unary(async ({ sandboxId }: { sandboxId: string }) => {
      await destroyMachine(host, parseId("capsule", sandboxId));
      return {};
    }),
    listSandboxes: unary(() => ({ sandboxes: host.machines.list().map(sandboxInfo) })),
    watchSandboxes: stream(async function* (_request: unknown, { signal }) {
      for await (const event of watchMachines(host.machines, KEEPALIVE_MS, signal)) yield watchMessage(event);
    }),
    execStream: stream(async function* (request: ExecStreamRequest, { signal }) {
      const { sandboxId, cmd, args, envs, cwd, user, timeoutSec } = request;
      if (cmd === "") throw new WrennError("invalid_request", "cmd must not be empty");
      const wanted = { cmd, args, envs, cwd, user, timeoutSec };
      for await (const event of execInMachine(host, parseId("capsule", sandboxId), wanted, signal))
        yield execMessage(event);
    }),
    getConsole: unary(async ({ sandboxId }: { sandboxId: string }) => {
      const { live } = host.machines.running(parseId("capsule", sandboxId));
      return { console: await live.vm.console() };
    }),
  };
}

async function create(host: HostContext, request: CreateSandboxRequest) {
  const { template, templateId, teamId, timeoutSec, defaultUser, defaultEnv } = request;
  const { machine, phases } = await createMachine(host, {
    id: parseId("capsule", request.sandboxId),
    template,
    templateId,
    teamId,
    vcpus: within("vcpus", request.vcpus, LIMITS.vcpus),
    memoryMb: within("memory_mb", request.memoryMb, LIMITS.memoryMb),
    timeoutSec,
    defaultUser,
    defaultEnv,
  });
  const { sandboxId, status, hostIp, metadata } = sandboxInfo(machine);
  return { sandboxId, status, hostIp, metadata, phases: Object.entries(phases).map(([name, ms]) => ({ name, ms })) };
}

function within(name: string, value: number, { min, max }: { min: number; max: number }): number {
  if (value >= min && value <= max) return value;
  throw new WrennError("invalid_request", `${name} is ${value} and must be from ${min} to ${max}`);
}

async function describeHost(host: HostContext) {
  const { vmm, version, accelerator } = host.driver.capabilities;
  return {
    agentVersion: AGENT_VERSION,
    vmm,
    vmmVersion: version,
    accelerator,
    cpuCores: cpus().length,
    memoryMb: BigInt(Math.floor(totalmem() / 1024 / 1024)),
    diskFreeMb: BigInt(await freeSpaceMb(host.layout.dir)),
    arch: process.arch,
    templates: host.templates.names,
  };
}

/** The one place where failures of this service become Connect errors. */
function unary<Request, Response>(handle: (request: Request) => Response | Promise<Response>) {
  return async (request: Request): Promise<Response> => {
    try {
      return await handle(request);
    } catch (error) {
      throw toConnectError(error);
    }
  };
}

function stream<Request, Response>(handle: (request: Request, context: HandlerContext) => AsyncGenerator<Response>) {
  return async function* (request: Request, context: HandlerContext): AsyncGenerator<Response> {
    try {
      yield* handle(request, context);
    } catch (error) {
      throw toConnectError(error);
    }
  };
}
