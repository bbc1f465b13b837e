/** What everything about channels needs. */
import type { Logger } from "@wrenn/runtime/logger";
import type { Database } from "../db/database.ts";
import type { Encryption } from "../encryption.ts";
import type { Outbound } from "./outbound.ts";

export interface ChannelDeps {
  readonly db: Database;
  readonly encryption: Encryption;
  readonly outbound: Outbound;
  readonly logger: Logger;
}
