/** The one form of all mails: a greeting, a few sentences, perhaps a button, as text and as HTML. */

export interface MailParts {
  readonly subject: string;
  readonly name: string;
  readonly paragraphs: readonly string[];
  readonly button?: { readonly label: string; readonly link: string };
}

export interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** where its button leads */
  readonly link: string | undefined;
}

const FOOTER = "This mail was sent by Wrenn because of your account or something that was done to it.";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}

/** Names come from users: they never break out of their line or of the text around them. */
export function renderMail({ subject, name, paragraphs, button }: MailParts): Mail {
  const greeting = `Hello ${name},`;
  const action = button === undefined ? [] : [`${button.label}:\n${button.link}`];
  return {
    subject: oneLine(subject),
    text: `${[greeting, ...paragraphs, ...action, "--", FOOTER].join("\n\n")}\n`,
    html: toHtml([greeting, ...paragraphs], button),
    link: button?.link,
  };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function toHtml(paragraphs: readonly string[], button: MailParts["button"]): string {
  const lines = paragraphs.map((text) => `<p style="margin:0 0 16px">${escapeHtml(text)}</p>`);
  if (button !== undefined) {
    const [label, link] = [escapeHtml(button.label), escapeHtml(button.link)];
    lines.push(
      `<p style="margin:24px 0"><a href="${link}" style="background:#1a1a1a;color:#fff;padding:12px 20px;border-radius:6px;text-decoration:none">${label}</a></p>`,
      `<p style="margin:0 0 16px;color:#666;font-size:13px">Or open this address: ${link}</p>`,
    );
  }
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head>
<body style="margin:0;padding:24px;background:#f4f4f4">
<div style="max-width:520px;margin:0 auto;padding:32px;background:#fff;font:16px/1.5 sans-serif;color:#1a1a1a">
${lines.join("\n")}
<p style="margin:24px 0 0;color:#888;font-size:12px">${FOOTER}</p>
</div></body></html>
`;
}
