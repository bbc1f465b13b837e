/** `wrenn backup` and `wrenn restore`: the database as a file. Loaded late: only these commands reach for the database. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { WrennError } from "@wrenn/protocol/errors";
import type { Layout } from "@wrenn/runtime/layout";
import { createLogger } from "@wrenn/runtime/logger";
import type { Command } from "commander";
import { localInstance, makeLogFolder, makeStateFolder, requireRoot } from "../instance.ts";
import { json, note } from "../output/print.ts";
import { readSupervisor } from "../supervisor/state.ts";

interface Options {
  readonly json?: boolean;
}

export function backupCommand(program: Command): void {
  program
    .command("backup")
    .description("Write the database to a file, while Wrenn runs or not; disks and memory of capsules are not in it")
    .argument("<file>", "is replaced when it is there")
    .option("--json", "print the result as JSON")
    .action(async (file: string, options: Options) => {
      requireRoot("backup");
      const { writeBackup } = await import("@wrenn/control-plane/db/backup");
      await withDatabase((db) => writeBackup(db, file), requireOwnDatabase);
      const { layout } = localInstance();
      if (options.json === true) json({ file });
      else note(`written to ${file}; keep ${filesOf(layout)} with it`);
    });
}

export function restoreCommand(program: Command): void {
  program
    .command("restore")
    .description("Put a backup into an empty database, such as that of a new WRENN_DIR; Wrenn must be stopped")
    .argument("<file>", "written by `wrenn backup` of the same version")
    .option("--revoke-keys", "without the API keys of the backup, and without the tokens that hosts enrol with")
    .option("--json", "print the result as JSON")
    .action(async (file: string, options: Options & { readonly revokeKeys?: boolean }) => {
      requireRoot("restore");
      const { layout } = localInstance();
      if (readSupervisor(layout) !== undefined) throw new WrennError("already_running", "stop Wrenn first: wrenn down");
      if (!existsSync(file)) throw new WrennError("not_found", `there is no file "${file}"`);
      const { readBackup } = await import("@wrenn/control-plane/db/backup");
      const revokeKeys = options.revokeKeys === true;
      const { rows, apiKeys, hostTokens } = await withDatabase((db) => readBackup(db, file, { revokeKeys }));
      if (options.json === true) return json({ file, rows, api_keys: apiKeys, host_tokens: hostTokens });
      note(`${rows} rows are back; put ${filesOf(layout)} back before the next start`);
      note(
        `${apiKeys} API keys and ${hostTokens} tokens of hosts are valid, also those that were revoked after the backup`,
      );
      note("everybody has to sign in again");
    });
}

function filesOf({ secretsFile, authorityFile, apiKeyFile, adminPasswordFile }: Layout): string {
  return `${secretsFile}, ${authorityFile}, ${apiKeyFile} and ${adminPasswordFile} (those of them that there are)`;
}

/** An embedded database is not made to find that nothing is in it. @throws not_found */
function requireOwnDatabase({ dir, postgres, secretsFile }: Layout): void {
  if (existsSync(join(postgres, "PG_VERSION"))) return;
  throw new WrennError(
    "not_found",
    existsSync(secretsFile)
      ? `there is no database in ${dir}: set DATABASE_URL to that of this platform`
      : `there is no platform in ${dir}: set WRENN_DIR to its folder, or DATABASE_URL to its database`,
  );
}

type Database = InstanceType<typeof import("@wrenn/control-plane/db/database")["Database"]>;

/**
 * The database that the environment names, the embedded one started if it does not run.
 * @param check of the folder that an embedded one would be in
 */
async function withDatabase<T>(use: (db: Database) => Promise<T>, check?: (layout: Layout) => void): Promise<T> {
  const [{ Database }, { startEmbeddedPostgres }, { envToConfig, readEnv }, { requireDatabase }] = await Promise.all([
    import("@wrenn/control-plane/db/database"),
    import("@wrenn/control-plane/db/embedded"),
    import("@wrenn/control-plane/config"),
    import("@wrenn/control-plane/require-database"),
  ]);
  const { database, layout } = envToConfig(readEnv(process.env));
  if (database.kind === "embedded") check?.(layout);
  const logger = createLogger("backup", "error");
  await using stack = new AsyncDisposableStack();
  if (database.kind === "external") await requireDatabase(database.url);
  else {
    await makeStateFolder(layout);
    await makeLogFolder(layout);
  }
  const url = database.kind === "external" ? database.url : stack.use(await startEmbeddedPostgres(layout, logger)).url;
  return await use(stack.use(new Database(url, logger)));
}
