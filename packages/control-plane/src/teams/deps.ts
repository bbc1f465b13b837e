/** What work on teams needs. */
import type { Role } from "@wrenn/protocol/access";
import type { Database, Queries } from "../db/database.ts";

/** What somebody is told by mail. */
export type TeamNotice =
  | { readonly event: "team_created" | "team_joined"; readonly to: string; readonly teamName: string }
  | {
      readonly event: "team_invited";
      /** the address, which may have no account */
      readonly to: string;
      readonly teamName: string;
      /** name of who asks */
      readonly invitedBy: string;
      readonly role: Role;
      readonly expiresAt: Date;
    };

export interface Teller {
  /** To be waited for before a transaction that tells. @throws database_unavailable */
  ready(): Promise<void>;
  /** Called in the transaction that does what it tells of. */
  tell(queries: Queries, notice: TeamNotice): Promise<void>;
}

export interface TeamDeps {
  readonly db: Database;
  /** Without one nobody is told. */
  readonly teller?: Teller | undefined;
  /** how many invitations one team sends, and one of its admins; no limit without */
  readonly invitationsPerHour?: number | undefined;
}
