import { createLogger } from "@wrenn/runtime/logger";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Background } from "../background.ts";
import { Mailbox } from "../testing/mailbox.ts";
import { until } from "../testing/until.ts";
import { Mailer } from "./mailer.ts";
import { MAILS } from "./mails.ts";
import type { SmtpConfig } from "./smtp.ts";

const MAIL = MAILS.activation({ name: "Ann", link: "https://wrenn.example.com/activate?token=abc", minutes: 30 });

describe("the mailer", () => {
  const logger = createLogger("test", "silent");
  const log = { info: vi.spyOn(logger, "info"), warn: vi.spyOn(logger, "warn") };
  let background: Background;

  beforeEach(() => {
    background = new Background(logger);
  });
  afterEach(async () => {
    await background[Symbol.asyncDispose]();
    vi.clearAllMocks();
  });

  const logged = (event: string) => log.warn.mock.calls.some(([line]) => (line as { event: string }).event === event);
  const mailer = (smtp: SmtpConfig | undefined, retryAfterMs = [0, 0]) =>
    new Mailer({ smtp, logger, background, retryAfterMs });

  it("sends text and HTML", async () => {
    await using mailbox = await Mailbox.open();
    mailer(mailbox.smtp).send("ann@example.com", MAIL);
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
    mailer({ ...mailbox.smtp, auth: { user: "u", pass: "p" } }).send("ann@example.com", MAIL);
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
    mailer({ ...smtp, tls: "required" }).send("ann@example.com", MAIL);
    await until(() => logged("mail_lost"));
    expect(users).toEqual([]);
    mailer({ ...smtp, tls: "off" }).send("ann@example.com", MAIL);
    await mailbox.take("ann@example.com", /./);
    expect(users).toEqual(["u"]);
  });

  it("tries three times, and a mail that is refused for good once", async () => {
    let attempts = 0;
    let responseCode = 451;
    await using mailbox = await Mailbox.open({
      onRcptTo: (_address, _session, done) => {
        attempts++;
        done(Object.assign(new Error("not now"), { responseCode }));
      },
    });
    mailer(mailbox.smtp).send("ann@example.com", MAIL);
    await until(() => logged("mail_lost"));
    expect(attempts).toBe(3);
    responseCode = 550;
    mailer(mailbox.smtp).send("ann@example.com", MAIL);
    await until(() => attempts === 4);
    await background[Symbol.asyncDispose]();
    expect(attempts).toBe(4);
  });

  it("delivers a mail that waits for its next attempt when the process ends", async () => {
    let refused = false;
    await using mailbox = await Mailbox.open({
      onRcptTo: (_address, _session, done) => {
        const first = !refused;
        refused = true;
        done(first ? Object.assign(new Error("not now"), { responseCode: 451 }) : null);
      },
    });
    const sender = mailer(mailbox.smtp, [3_600_000, 0]);
    sender.send("ann@example.com", MAIL);
    await until(() => logged("mail_delayed"));
    sender[Symbol.dispose]();
    await background[Symbol.asyncDispose]();
    expect(mailbox.mails).toHaveLength(1);
  });

  it("prints the link where there is no mail server, and never where there is one", async () => {
    mailer(undefined).send("ann@example.com", MAIL);
    expect(log.info).toHaveBeenCalledWith({
      event: "mail_not_sent",
      to: "ann@example.com",
      subject: "Activate your account",
      link: "https://wrenn.example.com/activate?token=abc",
    });
    vi.clearAllMocks();
    await using mailbox = await Mailbox.open();
    mailer(mailbox.smtp).send("ann@example.com", MAIL);
    await mailbox.take("ann@example.com", /./);
    await background[Symbol.asyncDispose]();
    expect(JSON.stringify([...log.info.mock.calls, ...log.warn.mock.calls])).not.toContain("abc");
  });
});
