/** All mails that Wrenn sends. */
import { type Mail, renderMail } from "./template.ts";

interface Person {
  readonly name: string;
}

interface Linked extends Person {
  readonly link: string;
  /** how long the link is good */
  readonly minutes: number;
}

interface OfTeam extends Person {
  readonly team: string;
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

export const MAILS = {
  activation: ({ name, link, minutes, hasPassword }: Linked & { readonly hasPassword: boolean }): Mail =>
    renderMail({
      subject: "Activate your account",
      name,
      paragraphs: [
        `somebody, probably you, signed up with this address. Confirm it within ${minutes} minutes.`,
        ...(hasPassword
          ? []
          : ["This address was signed up with before, with another password: choose one once you have confirmed it."]),
        "If it was not you, do nothing: no account comes of it.",
      ],
      button: { label: "Activate the account", link },
    }),

  passwordReset: ({ name, link, minutes }: Linked): Mail =>
    renderMail({
      subject: "Reset your password",
      name,
      paragraphs: [
        `somebody, probably you, asked for a new password of your account. The link is good for ${minutes} minutes and once.`,
        "If it was not you, do nothing: your password stays as it is.",
      ],
      button: { label: "Choose a new password", link },
    }),

  passwordResetDone: ({ name }: Person): Mail =>
    renderMail({
      subject: "Your password was reset",
      name,
      paragraphs: [
        "your account has a new password now, and everything that was signed in has been signed out.",
        "If it was not you, reset the password again and change the password of your mailbox.",
      ],
    }),

  passwordChanged: ({ name, added }: Person & { readonly added: boolean }): Mail =>
    renderMail({
      subject: added ? "A password was added to your account" : "Your password was changed",
      name,
      paragraphs: [
        added
          ? "your account has a password now: you can sign in with it and your address."
          : "the password of your account was changed, and your other sessions have been signed out.",
        "If it was not you, reset the password at once.",
      ],
    }),

  deletionScheduled: ({ name, purgeAt }: Person & { readonly purgeAt: Date }): Mail =>
    renderMail({
      subject: "Your account was deleted",
      name,
      paragraphs: [
        `as you asked, your account was closed. What is kept of it will be removed for good on ${day(purgeAt)}.`,
        "If it was not you, write to the administrator of the platform before then.",
      ],
    }),

  accountDeleted: ({ name }: Person): Mail =>
    renderMail({
      subject: "Your account is gone",
      name,
      paragraphs: ["your account and your personal data were removed for good. This is the last mail about it."],
    }),

  teamCreated: ({ name, team, link }: OfTeam & { readonly link: string }): Mail =>
    renderMail({
      subject: `Your team ${team}`,
      name,
      paragraphs: [`you created the team ${team} and are its owner.`],
      button: { label: "Open the team", link },
    }),

  addedToTeam: ({ name, team, by, link }: OfTeam & { readonly by: string; readonly link: string }): Mail =>
    renderMail({
      // Only the name of the team is of so few characters that it says nothing else.
      subject: `You are invited to the team ${team}`,
      name,
      paragraphs: [`${by} invites you to the team ${team}. You are in it when you accept.`],
      button: { label: "See the invitation", link },
    }),
};
