/** Creates that carry a key of the client's own: sent again, for whatever reason, they make no second capsule. */
import { createHash } from "node:crypto";
import { WrennError } from "@wrenn/protocol/errors";
import { waitFor } from "@wrenn/runtime/wait";
import { eq } from "drizzle-orm";
import type { Database } from "../db/database.ts";
import { isDuplicate } from "../db/errors.ts";
import { type CapsuleRow, capsules } from "../db/schema.ts";
import { type CreateRequest, createCapsule } from "./create.ts";
import type { CapsuleDeps } from "./deps.ts";

/** Milliseconds that a repeated request waits for the first: a cold boot under emulation, tried again. */
const PATIENCE_MS = 120_000;
const POLL_MS = 50;

/**
 * The capsule of that key, as it is now: made by this call or by an earlier one.
 * @param key 1 to 255 characters, one of the team's for each request that it means
 * @throws conflict when the key was used for another request, invalid_state when that request failed, what createCapsule throws
 */
export async function createCapsuleOnce(
  deps: CapsuleDeps,
  teamId: string,
  key: string,
  request: CreateRequest,
): Promise<CapsuleRow> {
  const once = { id: idOf(teamId, key), requestHash: hash(JSON.stringify(request)).toString("hex") };
  if ((await find(deps.db, once.id)) === undefined) {
    try {
      return await createCapsule(deps, teamId, request, once);
    } catch (error) {
      if (!isDuplicate(error, "capsules_pkey")) throw error;
    }
  }
  return earlier(deps, once);
}

async function earlier(
  { db }: CapsuleDeps,
  { id, requestHash }: { id: string; requestHash: string },
): Promise<CapsuleRow> {
  const started = async () => {
    const row = await find(db, id);
    if (row !== undefined && row.requestHash !== requestHash) {
      throw new WrennError("conflict", "this Idempotency-Key was used for another request");
    }
    return row?.state === "starting" ? undefined : row;
  };
  const row = await waitFor(started, { timeoutMs: PATIENCE_MS, intervalMs: POLL_MS });
  if (row === undefined)
    throw new WrennError("conflict", "the first request with this Idempotency-Key is not done yet");
  if (row.state !== "error") return row;
  const reason = row.endMessage ?? "the capsule did not start";
  throw new WrennError(
    "invalid_state",
    `the first request with this Idempotency-Key failed, try with another: ${reason}`,
  );
}

async function find(db: Database, id: string): Promise<CapsuleRow | undefined> {
  return (await db.queries.select().from(capsules).where(eq(capsules.id, id)))[0];
}

function hash(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** A UUID of version 8, which is free to be made of anything. */
function idOf(teamId: string, key: string): string {
  const bytes = hash(`${teamId}\n${key}`).subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
