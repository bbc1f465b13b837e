/** Requests for a new password, whether there is such an account or not. Whose addresses they are is nobody's business: they are stored encrypted. */
import { z } from "zod";
import type { Encryption } from "../encryption.ts";
import { type ResetRequest, sendResetLink as send } from "../identity/password-reset.ts";
import { defineJob } from "./define.ts";
import type { Jobs } from "./jobs.ts";
import type { Sealed } from "./sealed.ts";

export const RESET_REQUESTS = {
  job: "send-reset-link",
  field: "request",
  owner: "password-reset",
} as const satisfies Sealed;

export const sendResetLink = defineJob({
  name: RESET_REQUESTS.job,
  data: z.object({ request: z.string() }),
  // Over an hour in all.
  retries: { limit: 12, delaySec: 5, maxDelaySec: 600 },
  timeoutSec: 60,
  // Anybody may ask for anything.
  keepSec: 3600,
  run: (deps, { request }) =>
    send(deps, JSON.parse(deps.encryption.decrypt(request, RESET_REQUESTS.owner)) as ResetRequest),
});

/** Keeps the request as a job. @throws database_unavailable */
export async function postResetRequest(jobs: Jobs, encryption: Encryption, request: ResetRequest): Promise<void> {
  await jobs.ready();
  await jobs.send(sendResetLink, { request: encryption.encrypt(JSON.stringify(request), RESET_REQUESTS.owner) });
}
