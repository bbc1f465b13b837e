/** GET /v1/capsules/{id}/processes: those that were started through the API and run. */

import type { ProcessInfo } from "@wrenn/protocol/gen/process_pb";
import { type Process, processListSchema } from "@wrenn/protocol/rest/processes";
import { listProcesses as list } from "../../capsules/processes.ts";
import { team } from "../access.ts";
import { capsuleParams } from "../capsules/params.ts";
import { GUEST_ERRORS, guestCall } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";

function toProcess({ pid, config, tag, pty, seq }: ProcessInfo): Process {
  const { cmd = "", args = [], cwd, user } = config ?? {};
  return {
    pid,
    ...(tag === undefined ? {} : { tag }),
    cmd,
    args,
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { user }),
    ...(pty === undefined ? {} : { pty }),
    ...(seq === undefined ? {} : { seq: Math.min(Number(seq), Number.MAX_SAFE_INTEGER) }),
  };
}

export const listProcesses: Route = (app, { capsules }) => {
  app.route({
    method: "GET",
    url: "/v1/capsules/:id/processes",
    config: { access: team("capsules:use") },
    schema: {
      operationId: "listProcesses",
      tags: ["Processes"],
      summary: "List the processes that were started through the API and run",
      params: capsuleParams,
      response: { 200: processListSchema, ...errors(...GUEST_ERRORS) },
    },
    handler: async (request, reply) => {
      const processes = await list(capsules, guestCall(request, reply));
      return { processes: processes.map(toProcess) };
    },
  });
};
