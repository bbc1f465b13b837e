/** Sends mails, in the background: no request waits for a mail server or fails because of one. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "@wrenn/runtime/logger";
import { createTransport, type Transporter } from "nodemailer";
import type { Background } from "../background.ts";
import type { SmtpConfig } from "./smtp.ts";
import type { Mail } from "./template.ts";

const TIMEOUT_MS = 30_000;
const IMPLICIT_TLS_PORT = 465;
/** Pauses before the second and the third attempt. */
const RETRY_AFTER_MS = [10_000, 30_000];
/** From here on the server says that it will never take the mail. */
const PERMANENT = 500;

interface MailerOptions {
  readonly smtp: SmtpConfig | undefined;
  readonly logger: Logger;
  readonly background: Background;
  readonly retryAfterMs?: readonly number[];
}

export class Mailer implements Disposable {
  readonly #options: MailerOptions;
  readonly #transport: Transporter | undefined;
  readonly #stop = new AbortController();

  constructor(options: MailerOptions) {
    this.#options = options;
    this.#transport = options.smtp && transportTo(options.smtp);
  }

  /** Returns at once. Without a mail server the log says where the mail's link leads: then that is the only way to get it. */
  send(to: string, mail: Mail): void {
    const { logger, background } = this.#options;
    const { subject, link } = mail;
    if (this.#transport === undefined) logger.info({ event: "mail_not_sent", to, subject, link });
    else background.run("mail_failed", () => this.#deliver(to, mail));
  }

  async #deliver(to: string, { subject, text, html }: Mail): Promise<void> {
    const { smtp, logger, retryAfterMs = RETRY_AFTER_MS } = this.#options;
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#transport?.sendMail({ from: smtp?.from, to, subject, text, html });
        logger.info({ event: "mail_sent", subject });
        return;
      } catch (error) {
        const { responseCode = 0, message } = error as Error & { responseCode?: number };
        const pause = retryAfterMs[attempt];
        const over = pause === undefined || responseCode >= PERMANENT || this.#stop.signal.aborted;
        logger.warn({ event: over ? "mail_lost" : "mail_delayed", subject, attempt: attempt + 1, reason: message });
        if (over) return;
        // The end of the process is one more reason to try now.
        await sleep(pause, undefined, { signal: this.#stop.signal }).catch(() => {});
      }
    }
  }

  /** Mails that wait for another attempt get it now, and no more. */
  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}

function transportTo({ host, port, tls, auth }: SmtpConfig): Transporter {
  return createTransport({
    host,
    port,
    secure: port === IMPLICIT_TLS_PORT,
    requireTLS: tls === "required",
    ignoreTLS: tls === "off",
    ...(auth === undefined ? {} : { auth }),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}
