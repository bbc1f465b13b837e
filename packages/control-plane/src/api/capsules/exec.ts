/** POST /v1/capsules/{id}/exec: runs a command to its end. */
import { WrennError } from "@wrenn/protocol/errors";
import { parseId } from "@wrenn/protocol/ids";
import { execResultSchema, execSchema } from "@wrenn/protocol/rest/capsules";
import { execInCapsule } from "../../capsules/exec.ts";
import { clientSignal, errors, type Route } from "../route.ts";
import { capsuleParams } from "./params.ts";

export const execCapsule: Route = (app, { capsules }) => {
  app.route({
    method: "POST",
    url: "/v1/capsules/:id/exec",
    schema: {
      operationId: "execCapsule",
      tags: ["Capsules"],
      summary: "Run a command and wait for its end",
      params: capsuleParams,
      body: execSchema,
      response: { 200: execResultSchema, ...errors(400, 404, 409, 413, 501, 502) },
    },
    handler: async (request, reply) => {
      const id = parseId("capsule", request.params.id);
      const { timeout_sec: timeoutSec, background, ...command } = request.body;
      if (background) throw new WrennError("not_implemented", "background commands are not available yet");
      const signal = clientSignal(reply);
      const result = await execInCapsule(capsules, request.caller.teamId, id, { ...command, timeoutSec }, signal);
      return {
        sandbox_id: id,
        cmd: command.cmd,
        stdout: result.stdout,
        stderr: result.stderr,
        exit_code: result.exitCode,
        ...(result.signal === 0 ? {} : { signal: result.signal }),
        duration_ms: result.durationMs,
        encoding: result.encoding,
      };
    },
  });
};
