/** A create that may have been begun before, by a process that did not come to its end. */
import { WrennError } from "@wrenn/protocol/errors";
import { waitFor } from "@wrenn/runtime/wait";
import { eq } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { isDuplicate } from "../db/errors.ts";
import { type CapsuleRow, capsules } from "../db/schema.ts";
import { type CreateRequest, createCapsule } from "./create.ts";
import type { CapsuleDeps } from "./deps.ts";

/** Milliseconds for the reconciler to find out what became of it. */
const PATIENCE_MS = 120_000;
const POLL_MS = 50;

/**
 * The capsule of that id, as it is now: made by this call or by an earlier one.
 * @param id UUID, the same for each attempt at one request
 * @throws invalid_state when an earlier attempt failed, what createCapsule throws
 */
export async function createCapsuleOnce(
  deps: CapsuleDeps,
  teamId: string,
  id: string,
  request: CreateRequest,
): Promise<CapsuleRow> {
  if ((await find(deps.db, id)) === undefined) {
    try {
      return await createCapsule(deps, teamId, request, id);
    } catch (error) {
      if (!isDuplicate(error, "capsules_pkey")) throw error;
    }
  }
  return earlier(deps.db, id);
}

async function earlier(db: Database, id: string): Promise<CapsuleRow> {
  const started = async () => {
    const row = await find(db, id);
    return row?.state === "starting" ? undefined : row;
  };
  const row = await waitFor(started, { timeoutMs: PATIENCE_MS, intervalMs: POLL_MS });
  if (row === undefined) throw new WrennError("host_unavailable", "the capsule of the first request still starts");
  if (row.state !== "error") return row;
  const reason = row.endMessage ?? "the capsule did not start";
  throw new WrennError("invalid_state", `the first request with this Idempotency-Key failed: ${reason}`);
}

async function find(db: Database, id: string): Promise<CapsuleRow | undefined> {
  return (await db.queries.select().from(capsules).where(eq(capsules.id, id)))[0];
}
