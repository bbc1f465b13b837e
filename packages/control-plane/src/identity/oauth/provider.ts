/** Where users sign in with an account of theirs elsewhere. */

/** Why signing in so failed, as the dashboard reads it. */
export type OAuthFailure =
  | "access_denied"
  | "invalid_state"
  | "missing_code"
  | "exchange_failed"
  | "db_error"
  | "account_deactivated"
  | "no_account"
  | "email_taken"
  | "already_linked"
  | "internal_error";

/** An account elsewhere. */
export interface ExternalAccount {
  /** the provider's own id, which outlives changes of the account's name */
  readonly subject: string;
  /** trimmed and in lower case; the provider has seen that it is the user's */
  readonly email: string;
  readonly name: string;
}

export interface OAuthProvider {
  /** Where the browser is sent. @param verifier of PKCE */
  authorizationUrl(state: string, verifier: string): string;
  /** Whose code it is. @throws anything when the provider does not say */
  identify(code: string, verifier: string): Promise<ExternalAccount>;
}
