/** What end-to-end tests share: the running platform, and short ways to ask a capsule something. */
import type { ApiClient } from "@wrenn/cli/api/client";
import { Platform } from "@wrenn/testkit/platform";
import { inject } from "vitest";

/** The platform of this run; leave it as you found it. */
export const shared = Platform.at(inject("platformDir"));

/** A platform of the test's own with the templates of the shared one. */
export function ownPlatform(env: Record<string, string> = {}): Promise<Platform> {
  return Platform.prepare({ env, templatesFrom: shared.layout.dir });
}

/** Runs a shell script in a capsule and returns what it printed. @throws when it fails */
export async function sh(api: ApiClient, id: string, script: string): Promise<string> {
  const result = await api.exec(id, { cmd: "/bin/sh", args: ["-c", script] });
  if (result.exit_code !== 0) throw new Error(`${script}: code ${result.exit_code}: ${result.stderr}`);
  return result.stdout.trim();
}

/** A capsule for the length of `body`. */
export async function withCapsule<T>(api: ApiClient, body: (id: string) => Promise<T>): Promise<T> {
  const { id } = await api.create({});
  try {
    return await body(id);
  } finally {
    await api.destroy(id);
  }
}
