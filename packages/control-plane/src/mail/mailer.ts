/** Sends mails, in the background: no request waits for a mail server or fails because of one. */
import type { Logger } from "@wrenn/runtime/logger";
import { createTransport, type Transporter } from "nodemailer";
import type { Queries } from "../db/database.ts";
import type { SmtpConfig } from "./smtp.ts";
import type { Mail } from "./template.ts";

const TIMEOUT_MS = 30_000;
const IMPLICIT_TLS_PORT = 465;
/** From here on the server says that it will never take the mail, or its sender or receiver. */
const PERMANENT = 500;
/** What nodemailer calls refusals of these; all others, of a password or of TLS, may be the configuration's fault. */
const OF_THE_MAIL = new Set(["EENVELOPE", "EMESSAGE"]);

/** The mail server will never take the mail. */
export class MailRefused extends Error {
  override readonly name = "MailRefused";
}

/** A mail and whom it is for. */
export interface Letter {
  readonly to: string;
  readonly mail: Mail;
}

/** Where letters wait for the mail server. */
export interface Outbox {
  /** Resolves when letters can be posted. @throws database_unavailable when that takes too long */
  ready(): Promise<void>;
  /** Keeps a letter, as part of a transaction, until `deliver` has taken it. @throws database_unavailable at once when it is not ready */
  post(queries: Queries, letter: Letter): Promise<void>;
}

export interface MailerOptions {
  readonly smtp: SmtpConfig | undefined;
  readonly logger: Logger;
  readonly outbox: Outbox;
}

export class Mailer {
  readonly #options: MailerOptions;
  readonly #transport: Transporter | undefined;

  constructor(options: MailerOptions) {
    this.#options = options;
    this.#transport = options.smtp && transportTo(options.smtp);
  }

  /** To be waited for before each transaction that sends a mail, so that none waits within it. @throws database_unavailable */
  async ready(): Promise<void> {
    if (this.#transport !== undefined) await this.#options.outbox.ready();
  }

  /**
   * The mail is sent when the transaction is committed, however the process ends. Without a mail server the log says where its
   * link leads: then that is the only way to get it.
   */
  async send(queries: Queries, to: string, mail: Mail): Promise<void> {
    const { logger, outbox } = this.#options;
    const { subject, link } = mail;
    if (this.#transport === undefined) logger.info({ event: "mail_not_sent", to, subject, link });
    else await outbox.post(queries, { to, mail });
  }

  /** Hands it to the mail server. @throws MailRefused when trying again is no use */
  async deliver({ to, mail: { subject, text, html } }: Letter): Promise<void> {
    const { smtp, logger } = this.#options;
    try {
      await this.#transport?.sendMail({ from: smtp?.from, to, subject, text, html });
      logger.info({ event: "mail_sent", subject });
    } catch (error) {
      const { code = "", responseCode = 0, message } = error as NodeJS.ErrnoException & { responseCode?: number };
      if (!OF_THE_MAIL.has(code) || responseCode < PERMANENT) throw error;
      throw new MailRefused(`the mail server will not take "${subject}": ${message}`, { cause: error });
    }
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
