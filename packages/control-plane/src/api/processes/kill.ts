/** DELETE /v1/capsules/{id}/processes/{selector}: sends a signal to a process and all of its group. */

import { killQuerySchema } from "@wrenn/protocol/rest/processes";
import { parseSignal } from "@wrenn/protocol/signals";
import { z } from "zod";
import { withGuest } from "../../capsules/guest.ts";
import { parseSelector, signalProcess } from "../../capsules/processes.ts";
import { team } from "../access.ts";
import { processParams } from "../capsules/params.ts";
import { GUEST_ERRORS, guestCall } from "../guest-call.ts";
import { errors, type Route } from "../route.ts";

const SIGKILL = 9;

/** Whoever asks for what is no signal wants the process gone. */
function signalOf(text: string): number {
  try {
    return parseSignal(text);
  } catch {
    return SIGKILL;
  }
}

export const killProcess: Route = (app, { capsules }) => {
  app.route({
    method: "DELETE",
    url: "/v1/capsules/:id/processes/:selector",
    config: { access: team("capsules:use"), audit: { resource: "sandbox", action: "kill_process", later: true } },
    schema: {
      operationId: "killProcess",
      tags: ["Processes"],
      summary: "Send a signal to a process and its children",
      params: processParams,
      querystring: killQuerySchema,
      response: { 204: z.undefined().describe("The signal is sent"), ...errors(...GUEST_ERRORS) },
    },
    handler: async (request, reply) => {
      const call = guestCall(request, reply);
      const signal = signalOf(request.query.signal);
      const process = parseSelector(request.params.selector);
      await withGuest(capsules, call, (guest) => signalProcess(guest, process, signal, { signal: call.signal }));
      return reply.code(204).send();
    },
  });
};
