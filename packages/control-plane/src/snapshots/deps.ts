/** What every operation on snapshots needs. */
import type { Logger } from "@wrenn/runtime/logger";
import type { Database } from "../db/database.ts";
import type { HostClients } from "../hosts/clients.ts";
import type { Operations } from "../operations.ts";
import type { QuotaLimits } from "../quotas/quotas.ts";

export interface SnapshotDeps {
  readonly db: Database;
  readonly hosts: HostClients;
  readonly operations: Operations;
  /** of teams that have none of their own */
  readonly quotas: QuotaLimits;
  readonly logger: Logger;
}
