/** What every operation on capsules needs. */
import type { Logger } from "@wrenn/runtime/logger";
import type { Database } from "../db/database.ts";
import type { HostClients } from "../hosts/clients.ts";
import type { PlacementPolicy } from "../placement/place.ts";
import type { Operations } from "./operations.ts";

export interface CapsuleDeps {
  readonly db: Database;
  readonly hosts: HostClients;
  readonly operations: Operations;
  readonly placement: PlacementPolicy;
  readonly logger: Logger;
}
