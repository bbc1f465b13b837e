/** Whom operations are for, as the OpenAPI document says it: to programs and to people. */
import type { Access, Role } from "@wrenn/protocol/access";

export const SECURITY_SCHEMES = {
  apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
  session: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
  hostToken: { type: "apiKey", in: "header", name: "X-Host-Token" },
} as const;

const ANYONE: Access = { who: "anyone" };

const ROLE_AND_ABOVE: Readonly<Record<Role, string>> = {
  owner: "the owner of the team",
  admin: "the owner and the admins of the team",
  member: "members of the team",
};

/** Alternatives: any one of them is enough. */
export function securityOf({ who }: Access = ANYONE): Partial<Record<keyof typeof SECURITY_SCHEMES, string[]>>[] {
  switch (who) {
    case "anyone":
      return [];
    case "team":
      return [{ apiKey: [] }, { session: [] }];
    case "host":
      return [{ hostToken: [] }];
    default:
      return [{ session: [] }];
  }
}

/** @returns a sentence */
export function audienceOf(access: Access = ANYONE): string {
  switch (access.who) {
    case "anyone":
      return "For anyone, without credentials.";
    case "team":
      return `For API keys with the scope \`${access.scope}\`, and members of the team who are signed in.`;
    case "user":
      return "For everyone who is signed in.";
    case "member":
      return `For ${ROLE_AND_ABOVE[access.role]}, signed in.`;
    case "admin":
      return "For administrators of the platform, signed in.";
    case "host":
      return "For hosts, with the token that they were given.";
  }
}
