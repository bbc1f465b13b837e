/** Whether the servers of this box can start with the settings that they are given. */
import { cpus } from "node:os";
import { type Config, envToConfig, readEnv } from "@wrenn/control-plane/config";
import { envToHostConfig } from "@wrenn/host-agent/config";
import { hasCode, WrennError } from "@wrenn/protocol/errors";

/**
 * @param port of the API, where that takes the place of WRENN_CP_LISTEN_ADDR
 * @throws config_invalid with one sentence for each value that is wrong for either server
 */
export function checkSettings(given: NodeJS.ProcessEnv, port?: number): Config {
  const env = port === undefined ? given : { ...given, WRENN_CP_LISTEN_ADDR: `127.0.0.1:${port}` };
  const problems = new Set<string>();
  const read = <T>(settings: () => T): T | undefined => {
    try {
      return settings();
    } catch (error) {
      if (!hasCode(error, "config_invalid")) throw error;
      // What both read they say in the same words.
      for (const problem of error.message.split("; ")) problems.add(problem);
      return undefined;
    }
  };
  const config = read(() => envToConfig(readEnv(env)));
  read(() => envToHostConfig(env, cpus().length));
  if (config === undefined || problems.size > 0) throw new WrennError("config_invalid", [...problems].join("; "));
  return config;
}

/** Before minutes of setup, at the end of which the control plane would not start. @throws config_invalid */
export async function requireExternalDatabase(env: NodeJS.ProcessEnv): Promise<void> {
  const { databaseUrl } = readEnv(env);
  if (databaseUrl === undefined) return;
  const { requireDatabase } = await import("@wrenn/control-plane/require-database");
  await requireDatabase(databaseUrl);
}
