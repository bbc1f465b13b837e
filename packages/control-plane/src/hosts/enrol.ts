/** How a host gets what it proves itself with, and shows that it has it. The private key of a host never leaves it. */
import { WrennError } from "@wrenn/protocol/errors";
import { idFromUuid } from "@wrenn/protocol/ids";
import { and, eq, isNotNull, isNull, or, sql } from "drizzle-orm";
import type { Database, Queries } from "../db/database.ts";
import { type HostRow, hosts } from "../db/schema.ts";
import { signHostToken } from "../identity/host-token.ts";
import type { HostPrincipal } from "../identity/principal.ts";
import { parseHostAddress, shownAddress } from "./address.ts";
import type { ByocAddresses } from "./byoc-addresses.ts";
import type { Certificates } from "./certificates.ts";
import { claimRegistration, findRefresh, issueHostToken, keepRefresh } from "./credentials.ts";
import { isAddressTaken, mayEnrol } from "./registry.ts";

export interface EnrolDeps {
  readonly db: Database;
  readonly certificates: Certificates;
  readonly byocAddresses: ByocAddresses;
  /** signs tokens; at least 32 bytes */
  readonly tokenSecret: Uint8Array;
}

export interface Registration {
  readonly token: string;
  /** `host:port` */
  readonly address: string;
  /** PKCS #10 in PEM */
  readonly csr: string;
  readonly arch?: string | undefined;
  readonly cpuCores?: number | undefined;
  readonly memoryMb?: number | undefined;
  readonly diskMb?: number | undefined;
}

export interface Credentials {
  readonly row: HostRow;
  readonly token: string;
  readonly refreshToken: string;
  readonly certPem: string;
  readonly caPem: string;
}

/**
 * A host enrols. A token is used up only by a registration that succeeds.
 * @throws unauthorized for a token that is unknown, used or expired; not_found when the host needs none any more;
 * invalid_request; conflict when another host has the address
 */
export async function registerHost(deps: EnrolDeps, registration: Registration): Promise<Credentials> {
  const address = parseHostAddress(registration.address);
  try {
    return await deps.db.queries.transaction(async (tx) => {
      const claimed = await claimRegistration(tx, registration.token);
      if (claimed === undefined) throw new WrennError("unauthorized", "invalid or expired registration token");
      const { arch, cpuCores, memoryMb, diskMb } = registration;
      const [row] = await tx
        .update(hosts)
        .set({
          address,
          ...(arch === undefined ? {} : { arch }),
          ...(cpuCores === undefined ? {} : { cpuCores }),
          ...(memoryMb === undefined ? {} : { memoryMb }),
          ...(diskMb === undefined ? {} : { diskMb }),
          updatedAt: new Date(),
        })
        .where(and(eq(hosts.id, claimed.id), or(mayEnrol, isNotNull(hosts.localInstance))))
        .returning();
      if (row === undefined) throw new WrennError("not_found", "no such host waits to be registered");
      if (row.type === "byoc") deps.byocAddresses.check(address);
      // What a host that enrols anew had before is not good for anything any more.
      await keepRefresh(tx, row.id, []);
      return issue(deps, tx, row, registration.csr, null);
    });
  } catch (error) {
    if (!isAddressTaken(error)) throw error;
    throw new WrennError("conflict", `another host is registered at ${registration.address}`, { cause: error });
  }
}

/**
 * New credentials for those that are about to expire, or have.
 * @throws unauthorized for a token that is unknown, replaced or expired; invalid_request
 */
export async function refreshHost(deps: EnrolDeps, token: string, csr: string): Promise<Credentials> {
  return deps.db.queries.transaction(async (tx) => {
    const row = await findRefresh(tx, token);
    if (row === undefined) throw new WrennError("unauthorized", "invalid or expired refresh token");
    await keepRefresh(tx, row.id, [token]);
    // The host may never see this answer: it goes on with what it has until it shows that it has the new.
    return issue(deps, tx, row, csr, row.previousFingerprint ?? row.certFingerprint);
  });
}

async function issue(
  { certificates, tokenSecret }: EnrolDeps,
  tx: Queries,
  row: HostRow,
  csr: string,
  previousFingerprint: string | null,
): Promise<Credentials> {
  const address = shownAddress(row.address ?? "");
  const { certPem, caPem, fingerprint } = await certificates.issueHost(csr, {
    id: idFromUuid("host", row.id),
    address,
  });
  const changes = { certFingerprint: fingerprint, previousFingerprint };
  await tx.update(hosts).set(changes).where(eq(hosts.id, row.id));
  const refreshToken = await issueHostToken(tx, row.id, "refresh");
  const token = await signHostToken(tokenSecret, row.id, fingerprint);
  return { row: { ...row, ...changes }, token, refreshToken, certPem, caPem };
}

/**
 * The host lives, and has what its token came with.
 * @param address `host:port` where it is reached now: its port may have changed
 * @returns whether it is now to be reached elsewhere, or with its new certificate only
 * @throws forbidden for another host's id; unauthorized for a certificate that the host was not given last, as after the database
 * was put back from a backup; not_found when the host was deleted; invalid_request, conflict
 */
export async function heartbeat(db: Database, host: HostPrincipal, hostId: string, address?: string): Promise<boolean> {
  if (host.hostId !== hostId) throw new WrennError("forbidden", "the token is another host's");
  const [row] = await db.queries
    .select()
    .from(hosts)
    .where(and(eq(hosts.id, hostId), isNull(hosts.deletedAt)));
  if (row === undefined) throw new WrennError("not_found", "the host was deleted");
  const isLast = row.certFingerprint === host.fingerprint;
  if (!isLast && row.previousFingerprint !== host.fingerprint) {
    throw new WrennError("unauthorized", "the token came with a certificate that is not the host's any more");
  }
  const confirms = isLast && row.previousFingerprint !== null;
  const moved = address === undefined ? undefined : movedTo(row, address);
  try {
    await db.queries
      .update(hosts)
      .set({
        lastSeenAt: new Date(),
        ...(moved === undefined ? {} : { address: moved }),
        ...(isLast
          ? {
              previousFingerprint: sql`case when ${hosts.certFingerprint} = ${host.fingerprint} then null else ${hosts.previousFingerprint} end`,
            }
          : {}),
      })
      .where(and(eq(hosts.id, hostId), isNull(hosts.deletedAt)));
  } catch (error) {
    if (!isAddressTaken(error)) throw error;
    throw new WrennError("conflict", `another host is registered at ${address}`, { cause: error });
  }
  return confirms || moved !== undefined;
}

/** The URL of a host whose port has changed. Its certificate is for the rest of the address. */
function movedTo(row: HostRow, address: string): string | undefined {
  const url = parseHostAddress(address);
  if (url === row.address) return undefined;
  if (row.address !== null && new URL(row.address).hostname === new URL(url).hostname) return url;
  throw new WrennError(
    "invalid_request",
    `the host enrolled at ${shownAddress(row.address ?? "")}: let it enrol anew to move it`,
  );
}
