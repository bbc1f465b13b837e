/** A mail server on loopback that keeps what it is sent. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { SmtpConfig } from "../mail/smtp.ts";
import { until } from "./until.ts";

export interface Received {
  readonly to: string;
  readonly subject: string;
  /** headers and all parts, decoded */
  readonly raw: string;
  /** where the button leads, with the token in it; empty without a button */
  readonly link: string;
}

export class Mailbox implements AsyncDisposable {
  readonly mails: Received[] = [];
  readonly #server: SMTPServer;

  private constructor(options: SMTPServerOptions) {
    this.#server = new SMTPServer({
      disabledCommands: ["STARTTLS"],
      authOptional: true,
      allowInsecureAuth: true,
      onData: (stream, session, done) => {
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("end", () => {
          const to = session.envelope.rcptTo.map(({ address }) => address).join(", ");
          this.mails.push(toReceived(to, Buffer.concat(chunks).toString()));
          done();
        });
      },
      ...options,
    });
    // A client that breaks off is no matter of the test.
    this.#server.on("error", () => {});
  }

  static async open(options: SMTPServerOptions = {}): Promise<Mailbox> {
    const mailbox = new Mailbox(options);
    mailbox.#server.listen(0, "127.0.0.1");
    await once(mailbox.#server.server, "listening");
    return mailbox;
  }

  get smtp(): SmtpConfig {
    const { port } = this.#server.server.address() as AddressInfo;
    return { host: "127.0.0.1", port, tls: "opportunistic", auth: undefined, from: "Wrenn <wrenn@example.com>" };
  }

  /** The next mail to an address with a subject, which is taken out. */
  async take(to: string, subject: RegExp): Promise<Received> {
    const found = await until(() => this.mails.find((mail) => mail.to === to && subject.test(mail.subject)));
    this.mails.splice(this.mails.indexOf(found), 1);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function toReceived(to: string, raw: string): Received {
  const decoded = raw
    .replace(/=\r\n/g, "")
    .replace(/((?:=[0-9A-F]{2})+)/g, (hex) => Buffer.from(hex.replaceAll("=", ""), "hex").toString());
  const [, subject = ""] = /^Subject: (.*)$/m.exec(raw) ?? [];
  const [link = ""] = /https?:\/\/\S+/.exec(decoded.slice(decoded.indexOf("\r\n\r\n"))) ?? [];
  return { to, subject: subject.trim(), raw: decoded, link };
}
