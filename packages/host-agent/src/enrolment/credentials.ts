/** What the host proves itself with, in a file of root. */
import { X509Certificate } from "node:crypto";
import { rm } from "node:fs/promises";
import { WrennError } from "@wrenn/protocol/errors";
import { readJson, writeFileAtomic } from "@wrenn/runtime/atomic-file";
import { z } from "zod";

const fileSchema = z.object({
  host_id: z.string(),
  control_plane: z.string().describe("URL"),
  address: z.string().describe("`host:port` at which the control plane reaches this host"),
  token: z.string(),
  refresh_token: z.string(),
  cert_pem: z.string(),
  key_pem: z.string(),
  ca_cert_pem: z.string(),
  local: z.boolean().default(false).describe("given on the host's own box, by whoever starts both"),
  registered_with: z.string().describe("SHA-256 of the registration token, hex"),
});
export type HostCredentials = z.infer<typeof fileSchema>;

/** Undefined when the host is not enrolled. @throws config_invalid when the file holds something else */
export async function readCredentials(file: string): Promise<HostCredentials | undefined> {
  const { data, success } = fileSchema.optional().safeParse(await readJson(file).catch(() => null));
  if (success) return data;
  throw new WrennError(
    "config_invalid",
    `${file} does not hold the credentials of this host: remove it and enrol the host anew`,
  );
}

export async function writeCredentials(file: string, credentials: HostCredentials): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify(credentials, undefined, 2)}\n`, 0o600);
}

export async function removeCredentials(file: string): Promise<void> {
  await rm(file, { force: true });
}

/** In the second half of the certificate's life: what keeps it from being renewed has as long again to pass. */
export function renewalDue({ cert_pem: pem }: HostCredentials, now: number): boolean {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  return now >= (validFromDate.getTime() + validToDate.getTime()) / 2;
}
