/**
 * All kinds of background work. A new one is a file beside this one that exports a job made by `defineJob`, and a line here.
 * What it needs besides the database goes into `JobDeps`.
 */
import type { JobType } from "./define.ts";
import { purgeAccounts } from "./purge-accounts.ts";
import { purgeDeliveries } from "./purge-deliveries.ts";
import { purgeIdempotencyKeys } from "./purge-idempotency-keys.ts";
import { purgeInvitations } from "./purge-invitations.ts";
import { purgeEndedSessions } from "./purge-sessions.ts";
import { purgeUsage } from "./purge-usage.ts";
import { reencrypt } from "./reencrypt.ts";
import { rollUpUsage } from "./roll-up-usage.ts";
import { sendMail } from "./send-mail.ts";
import { sendResetLink } from "./send-reset-link.ts";

export const JOBS: readonly JobType[] = [
  rollUpUsage,
  purgeUsage,
  purgeEndedSessions,
  purgeAccounts,
  purgeDeliveries,
  sendMail,
  sendResetLink,
  reencrypt,
  purgeIdempotencyKeys,
  purgeInvitations,
];
