import { createLogger } from "@wrenn/runtime/logger";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Mailbox } from "../testing/mailbox.ts";
import { type Letter, Mailer, MailRefused } from "./mailer.ts";
import { MAILS } from "./mails.ts";
import type { SmtpConfig } from "./smtp.ts";

const NO_TRANSACTION = undefined as never;
const MAIL = MAILS.activation({
  name: "Ann",
  link: "https://wrenn.example.com/activate?token=abc",
  minutes: 30,
  hasPassword: true,
});
const LETTER: Letter = { to: "ann@example.com", mail: MAIL };

describe("the mailer", () => {
  const logger = createLogger("test", "silent");
  const log = { info: vi.spyOn(logger, "info"), warn: vi.spyOn(logger, "warn") };
  const posted: Letter[] = [];
  afterEach(() => {
    posted.length = 0;
    vi.clearAllMocks();
  });

  const mailer = (smtp: SmtpConfig | undefined) =>
    new Mailer({
      smtp,
      logger,
      outbox: { ready: async () => {}, post: async (_transaction, letter) => void posted.push(letter) },
    });

  it("sends text and HTML", async () => {
    await using mailbox = await Mailbox.open();
    await mailer(mailbox.smtp).deliver(LETTER);
    const { raw, link, subject } = await mailbox.take("ann@example.com", /./);
    expect(subject).toBe("Activate your account");
    expect(link).toBe("https://wrenn.example.com/activate?token=abc");
    expect(raw).toMatch(/^From: Wrenn <wrenn@example\.com>/m);
    expect(raw).toContain("Content-Type: text/plain");
    expect(raw).toContain("Content-Type: text/html");
    expect(raw).toContain('<a href="https://wrenn.example.com/activate?token=abc"');
  });

  it("signs in where it has a user and a password", async () => {
    const users: string[] = [];
    await using mailbox = await Mailbox.open({
      authOptional: false,
      onAuth: ({ username = "", password }, _session, done) => {
        users.push(`${username} ${password}`);
        done(null, { user: username });
      },
    });
    await mailer({ ...mailbox.smtp, auth: { user: "u", pass: "p" } }).deliver(LETTER);
    await mailbox.take("ann@example.com", /./);
    expect(users).toEqual(["u p"]);
  });

  it("tells no server its password in clear text, unless it may", async () => {
    const users: string[] = [];
    await using mailbox = await Mailbox.open({
      onAuth: ({ username = "" }, _session, done) => {
        users.push(username);
        done(null, { user: username });
      },
    });
    const smtp = { ...mailbox.smtp, auth: { user: "u", pass: "p" } };
    await expect(mailer({ ...smtp, tls: "required" }).deliver(LETTER)).rejects.toThrow();
    expect(users).toEqual([]);
    await mailer({ ...smtp, tls: "off" }).deliver(LETTER);
    await mailbox.take("ann@example.com", /./);
    expect(users).toEqual(["u"]);
  });

  it("says of what was not taken whether it may be later", async () => {
    let responseCode = 451;
    await using mailbox = await Mailbox.open({
      onRcptTo: (_address, _session, done) => done(Object.assign(new Error("not now"), { responseCode })),
    });
    await expect(mailer(mailbox.smtp).deliver(LETTER)).rejects.not.toBeInstanceOf(MailRefused);
    responseCode = 550;
    await expect(mailer(mailbox.smtp).deliver(LETTER)).rejects.toBeInstanceOf(MailRefused);
  });

  it("prints the link where there is no mail server, and never where there is one", async () => {
    await mailer(undefined).send(NO_TRANSACTION, "ann@example.com", MAIL);
    expect(log.info).toHaveBeenCalledWith({
      event: "mail_not_sent",
      to: "ann@example.com",
      subject: "Activate your account",
      link: "https://wrenn.example.com/activate?token=abc",
    });
    expect(posted).toEqual([]);
    vi.clearAllMocks();
    await using mailbox = await Mailbox.open();
    await mailer(mailbox.smtp).send(NO_TRANSACTION, "ann@example.com", MAIL);
    expect(posted).toEqual([LETTER]);
    await mailer(mailbox.smtp).deliver(LETTER);
    expect(JSON.stringify([...log.info.mock.calls, ...log.warn.mock.calls])).not.toContain("abc");
  });
});
