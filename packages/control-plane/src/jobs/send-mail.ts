/** Mails on their way to the mail server. Their links are as good as a password, so they are stored encrypted. */
import { z } from "zod";
import type { Queries } from "../db/database.ts";
import type { Encryption } from "../encryption.ts";
import { type Letter, MailRefused } from "../mail/mailer.ts";
import { defineJob, Hopeless } from "./define.ts";
import type { Jobs } from "./jobs.ts";
import type { Sealed } from "./sealed.ts";

export const LETTERS = { job: "send-mail", field: "letter", owner: "mail" } as const satisfies Sealed;

export const sendMail = defineJob({
  name: LETTERS.job,
  data: z.object({ letter: z.string() }),
  // Over an hour in all.
  retries: { limit: 12, delaySec: 10, maxDelaySec: 600 },
  timeoutSec: 120,
  run: async ({ mailer, encryption }, { letter }) => {
    try {
      await mailer.deliver(JSON.parse(encryption.decrypt(letter, LETTERS.owner)) as Letter);
    } catch (error) {
      if (error instanceof MailRefused) throw new Hopeless(error.message, { cause: error });
      throw error;
    }
  },
});

/** Keeps the letter as a job. @throws database_unavailable */
export function postMail(jobs: Jobs, encryption: Encryption, queries: Queries, letter: Letter): Promise<void> {
  return jobs.send(sendMail, { letter: encryption.encrypt(JSON.stringify(letter), LETTERS.owner) }, queries);
}
