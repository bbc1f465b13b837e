/** POST /v1/capsules/{id}/exec: runs a command to its end, or starts one and leaves it. */

import { WrennError } from "@wrenn/protocol/errors";
import type { Id } from "@wrenn/protocol/ids";
import { LIMITS } from "@wrenn/protocol/limits";
import { backgroundExecSchema, type ExecResult, execResultSchema, execSchema } from "@wrenn/protocol/rest/processes";
import { execInBackground, execInCapsule, type ExecResult as Result } from "../../capsules/exec.ts";
import { newTag } from "../../capsules/processes.ts";
import { team } from "../access.ts";
import { GUEST_ERRORS, guestCall } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";
import { capsuleParams } from "./params.ts";

/** @throws invalid_request for what is not base64 */
function inputOf(text: string | undefined, encoding: "utf-8" | "base64"): Buffer | undefined {
  if (text === undefined) return undefined;
  if (encoding === "base64" && !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw new WrennError("invalid_request", "stdin is not base64");
  }
  return Buffer.from(text, encoding);
}

function toResult(id: Id<"capsule">, cmd: string, result: Result): ExecResult {
  return {
    sandbox_id: id,
    cmd,
    stdout: result.stdout,
    stderr: result.stderr,
    exit_code: result.exitCode,
    ...(result.signal === 0 ? {} : { signal: result.signal }),
    duration_ms: result.durationMs,
    encoding: result.encoding,
  };
}

export const execCapsule: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules/:id/exec",
    config: { access: team("capsules:use"), audit: { resource: "sandbox", action: "exec", later: true } },
    schema: {
      operationId: "execCapsule",
      tags: ["Processes"],
      summary: "Run a command and wait for its end, or leave it in the background",
      params: capsuleParams,
      body: execSchema,
      response: { 200: execResultSchema, 202: backgroundExecSchema, ...errors(...GUEST_ERRORS, "exec_timeout") },
    },
    handler: async (request, reply) => {
      const { timeout_sec: timeout, background, stdin: text, stdin_encoding: encoding, ...command } = request.body;
      const call = guestCall(request, reply);
      const stdin = inputOf(text, encoding);
      if (!background) {
        const timeoutSec = timeout ?? LIMITS.execTimeoutSec.default;
        return toResult(call.id, command.cmd, await execInCapsule(capsules, call, { ...command, stdin, timeoutSec }));
      }
      const tag = command.tag ?? newTag("proc");
      const pid = await execInBackground(capsules, call, { ...command, stdin, tag, timeoutSec: timeout ?? 0 });
      return reply.code(202).send({ sandbox_id: call.id, cmd: command.cmd, pid, tag });
    },
  });
};
