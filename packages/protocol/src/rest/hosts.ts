/** REST schemas of hosts, and what hosts and the control plane say to each other before they have certificates. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { time } from "./capsules.ts";
import { idOf, like } from "./common.ts";

export const HOST_STATUSES = ["pending", "online", "offline", "draining", "unreachable"] as const;
export type HostStatus = (typeof HOST_STATUSES)[number];

/** `byoc`: a team brought it, and only that team uses it. */
export const HOST_TYPES = ["regular", "byoc"] as const;
export type HostType = (typeof HOST_TYPES)[number];

export const hostTag = like("gpu").regex(
  /^[a-zA-Z0-9][a-zA-Z0-9._:=-]{0,63}$/,
  "must be 1 to 64 letters, digits or any of . _ : = -",
);

export const hostSchema = z
  .object({
    id: idOf("host"),
    type: z.enum(HOST_TYPES),
    team_id: z.string().optional(),
    team_name: z.string().optional(),
    provider: z.string().optional(),
    availability_zone: z.string().optional(),
    arch: like("x86_64").describe("As `uname -m` says it: `x86_64`, `aarch64`").optional(),
    cpu_cores: z
      .int()
      .meta({ examples: [32] })
      .optional(),
    memory_mb: z
      .int()
      .meta({ examples: [131_072] })
      .optional(),
    disk_gb: z.int().optional(),
    address: z.string().optional(),
    status: z.enum(HOST_STATUSES).meta({ examples: ["online"] }),
    draining: z
      .boolean()
      .meta({ examples: [false] })
      .describe("Whether new capsules go elsewhere; one that is `unreachable` is drained again when it is back"),
    tags: z.array(like("gpu")),
    last_heartbeat_at: time.optional(),
    created_by: z.string().optional(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: "Host" });
export type Host = z.infer<typeof hostSchema>;

const label = z.string().trim().min(1).max(100);

export const createHostSchema = z
  .object({
    type: z.enum(HOST_TYPES),
    team_id: z.string().optional().describe("Whose host it is; for `byoc` only, the team of the session when absent"),
    provider: label.optional(),
    availability_zone: label.optional(),
    tags: z.array(hostTag).max(LIMITS.hostTags).optional(),
  })
  .meta({ id: "CreateHost" });
export type CreateHost = z.input<typeof createHostSchema>;

export const hostWithTokenSchema = z
  .object({
    host: hostSchema,
    registration_token: like("0123456789abcdef".repeat(4)).describe(
      "64 hexadecimal digits, good for one registration within one hour",
    ),
  })
  .meta({ id: "HostWithToken" });
export type HostWithToken = z.infer<typeof hostWithTokenSchema>;

export const hostTagSchema = z.object({ tag: hostTag }).meta({ id: "HostTag" });

export const hostDrainSchema = z
  .object({ draining: z.boolean().describe("Whether new capsules go elsewhere; those that are there stay") })
  .meta({ id: "HostDrain" });

export const hostDeletePreviewSchema = z
  .object({
    host: hostSchema,
    sandbox_ids: z.array(idOf("capsule")).describe("Capsules that would end with it; paused ones too"),
    snapshots: z.array(like("python-with-numpy")).describe("Names of the snapshots that would be lost with it"),
  })
  .meta({ id: "HostDeletePreview" });
export type HostDeletePreview = z.infer<typeof hostDeletePreviewSchema>;

const pem = like("-----BEGIN CERTIFICATE REQUEST-----\n…\n-----END CERTIFICATE REQUEST-----\n").max(16_384);
const count = z.int().min(1).max(2_147_483_647);

export const registerHostSchema = z
  .object({
    token: like("0123456789abcdef".repeat(4)),
    address: like("10.0.0.5:7443").max(300).describe("`host:port` at which the control plane reaches the host agent"),
    csr: pem.describe("PKCS #10 request in PEM, signed with the host's ECDSA P-256 key, which stays on the host"),
    arch: label.optional(),
    cpu_cores: count.optional(),
    memory_mb: count.optional(),
    disk_gb: count.max(2_000_000).optional(),
  })
  .meta({ id: "RegisterHost" });
export type RegisterHost = z.input<typeof registerHostSchema>;

export const heartbeatSchema = z
  .object({
    address: z.string().max(300).optional().describe("`host:port`, where the port has changed since the host enrolled"),
  })
  .meta({ id: "Heartbeat" });
export type Heartbeat = z.input<typeof heartbeatSchema>;

export const refreshHostSchema = z
  .object({
    refresh_token: like("fedcba9876543210".repeat(4)),
    csr: pem.describe("PKCS #10 request in PEM, of a new key"),
  })
  .meta({ id: "RefreshHost" });
export type RefreshHost = z.input<typeof refreshHostSchema>;

const certificate = like("-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n");

export const hostCredentialsSchema = z
  .object({
    host: hostSchema,
    token: like("eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmVk").describe("For the header X-Host-Token, for 7 days"),
    refresh_token: like("fedcba9876543210".repeat(4)).describe("For one refresh within 60 days"),
    cert_pem: certificate.describe("For 7 days"),
    ca_cert_pem: certificate,
  })
  .meta({ id: "HostCredentials" });
export type HostCredentials = z.infer<typeof hostCredentialsSchema>;
