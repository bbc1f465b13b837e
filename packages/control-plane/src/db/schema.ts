/** The tables of the control plane. `drizzle-kit generate` turns a change of them into the next SQL migration. */
export * from "./schema/audit.ts";
export * from "./schema/capsules.ts";
export * from "./schema/channels.ts";
export * from "./schema/hosts.ts";
export * from "./schema/idempotency.ts";
export * from "./schema/identity.ts";
export * from "./schema/installation.ts";
export * from "./schema/usage.ts";
