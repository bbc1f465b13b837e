import { describe, expect, it } from "vitest";
import { MAILS } from "./mails.ts";

const EVIL = `<img src=x onerror="alert('1')">&`;
const LINK = `https://wrenn.example.com/?a=1&b="`;

const ALL = {
  activation: MAILS.activation({ name: EVIL, link: LINK, minutes: 30, hasPassword: false }),
  passwordReset: MAILS.passwordReset({ name: EVIL, link: LINK, minutes: 15 }),
  passwordResetDone: MAILS.passwordResetDone({ name: EVIL }),
  passwordChanged: MAILS.passwordChanged({ name: EVIL, added: false }),
  deletionScheduled: MAILS.deletionScheduled({ name: EVIL, purgeAt: new Date("2026-01-16T12:00:00Z") }),
  accountDeleted: MAILS.accountDeleted({ name: EVIL }),
  teamCreated: MAILS.teamCreated({ name: EVIL, team: EVIL, link: LINK }),
  addedToTeam: MAILS.addedToTeam({ name: EVIL, team: EVIL, by: EVIL, link: LINK }),
} satisfies Record<keyof typeof MAILS, unknown>;

it("mail about an activation asks for a password only where none is set", () => {
  const text = (hasPassword: boolean) => MAILS.activation({ name: "Ann", link: LINK, minutes: 30, hasPassword }).text;
  expect([text(true), text(false)].map((one) => one.includes("choose one"))).toEqual([false, true]);
});

it("an invitation says what its sender calls themselves in no subject", () => {
  const by = "Prize Office";
  expect(MAILS.addedToTeam({ name: "Ann", team: "Core", by, link: LINK }).subject).not.toContain(by);
});

describe.each(Object.entries(ALL))("the mail %s", (_name, { subject, text, html, link }) => {
  it("has a subject of one line, and the name in both forms, as text only", () => {
    expect(subject).toMatch(/^\S.*\S$/);
    expect(text).toContain(`Hello ${EVIL},`);
    expect(html).toContain("Hello &lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;,");
    expect(html).not.toContain("<img");
  });

  it("has its link in both forms", () => {
    expect(text.includes(LINK)).toBe(link !== undefined);
    expect(html.includes('href="https://wrenn.example.com/?a=1&amp;b=&quot;"')).toBe(link !== undefined);
  });
});

it("says until when an account is kept, and whether a password is the first", () => {
  expect(ALL.deletionScheduled.text).toContain("2026-01-16");
  expect(MAILS.passwordChanged({ name: "Ann", added: true }).subject).not.toBe(ALL.passwordChanged.subject);
});

it("keeps a team's name in the line of the subject", () => {
  expect(MAILS.teamCreated({ name: "Ann", team: "a\r\nBcc: b@example.com", link: LINK }).subject).toBe(
    "Your team a Bcc: b@example.com",
  );
});
