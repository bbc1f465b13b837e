/** Hosts as the API shows them. */
import { idFromUuid } from "@wrenn/protocol/ids";
import type { Host, HostCredentials } from "@wrenn/protocol/rest/hosts";
import type { HostRow } from "../../db/schema.ts";
import { shownAddress } from "../../hosts/address.ts";
import type { Credentials } from "../../hosts/enrol.ts";
import type { NamedHost } from "../../hosts/manage.ts";
import { isDraining } from "../../hosts/registry.ts";
import { toTime, withoutNulls } from "../fields.ts";

/** @param teamName for those who may see hosts of several teams */
export function toHost(row: HostRow, teamName: string | null = null): Host {
  return {
    id: idFromUuid("host", row.id),
    type: row.type,
    status: row.status,
    draining: isDraining(row),
    tags: row.tags,
    ...withoutNulls({
      team_id: row.teamId === null ? null : idFromUuid("team", row.teamId),
      team_name: teamName,
      provider: row.provider,
      availability_zone: row.availabilityZone,
      arch: row.arch,
      cpu_cores: row.cpuCores,
      memory_mb: row.memoryMb,
      disk_gb: row.diskMb === null ? null : Math.floor(row.diskMb / 1024),
      address: row.address === null ? null : shownAddress(row.address),
      last_heartbeat_at: row.lastSeenAt === null ? null : toTime(row.lastSeenAt),
      created_by: row.createdBy === null ? null : idFromUuid("user", row.createdBy),
    }),
    created_at: toTime(row.createdAt),
    updated_at: toTime(row.updatedAt),
  };
}

export function toNamedHost({ row, teamName }: NamedHost): Host {
  return toHost(row, teamName);
}

export function toCredentials({ row, token, refreshToken, certPem, caPem }: Credentials): HostCredentials {
  return { host: toHost(row), token, refresh_token: refreshToken, cert_pem: certPem, ca_cert_pem: caPem };
}
