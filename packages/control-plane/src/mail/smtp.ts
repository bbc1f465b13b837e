/** How the mail server is reached. */

/** `opportunistic` begins TLS where the server offers it, which somebody in between can take away. */
export const SMTP_TLS = ["required", "opportunistic", "off"] as const;

export interface SmtpConfig {
  readonly host: string;
  /** 465 begins with TLS, whatever `tls` is */
  readonly port: number;
  readonly tls: (typeof SMTP_TLS)[number];
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
  /** address, or `Name <address>` */
  readonly from: string;
}
