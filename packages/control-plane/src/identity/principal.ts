/** Who sends a request. */
import type { Role, Scope } from "@wrenn/protocol/access";

export interface KeyPrincipal {
  readonly kind: "api_key";
  /** UUID */
  readonly keyId: string;
  readonly name: string;
  /** UUID */
  readonly teamId: string;
  /** null is everything that keys can do */
  readonly scopes: readonly Scope[] | null;
}

export interface UserPrincipal {
  readonly kind: "user";
  /** UUID */
  readonly userId: string;
  readonly email: string;
  readonly name: string;
  /** of the platform */
  readonly isAdmin: boolean;
  /** UUID */
  readonly sessionId: string;
  /** The team that the session is in, and the role there; undefined for who is in none, or not any more. */
  readonly membership: { readonly teamId: string; readonly role: Role } | undefined;
}

export interface HostPrincipal {
  readonly kind: "host";
  /** UUID; whether it is still one of the platform's is for the route to see */
  readonly hostId: string;
  /** of the certificate that was given along with the token; SHA-256, hex */
  readonly fingerprint: string;
}

export type Principal = KeyPrincipal | UserPrincipal | HostPrincipal;
