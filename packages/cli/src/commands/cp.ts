/** `wrenn cp`: files and folders into capsules and out of them. */
import { WrennError } from "@wrenn/protocol/errors";
import type { Command } from "commander";
import type { ApiClient } from "../api/client.ts";
import { download, downloadToPipe } from "../copy/download.ts";
import { type Endpoint, parseEndpoint } from "../copy/endpoint.ts";
import { CopyReport } from "../copy/report.ts";
import { upload, uploadStream } from "../copy/upload.ts";
import { apiClient, localInstance } from "../instance.ts";
import { json, note, printable, style } from "../output/print.ts";
import { TransferBar } from "../output/transfer-bar.ts";
import { exitCodeOf, onEndingSignal } from "../signals.ts";
import type { JsonOption } from "./options.ts";

const HELP = `
One of the two is ID:PATH, a path in a capsule, absolute or relative to the home of root; the other a path here, or -.
  wrenn cp ./site ID:/srv           the folder becomes /srv/site, or /srv when there is no such folder yet
  wrenn cp ./site/. ID:/srv         what is in it goes into /srv
  wrenn cp ID:/var/log/syslog .
  wrenn cp ID:/etc - | tar t        a folder goes to stdout as a tar archive, a file as it is
  pg_dump db | wrenn cp - ID:dump.sql
Modes and symlinks are kept; in the capsule everything belongs to root. A source that is itself a symlink is followed.
Folders that are missing above the target are made. A file replaces the old one when all of it has come. Folders
need a tar program in the capsule. A local name with a colon in it is written ./a:b.`;

export function cpCommand(program: Command): void {
  program
    .command("cp <source> <target>")
    .description("Copy files and folders into a capsule or out of it")
    .option("--json", "print the bytes and the failures as JSON")
    .addHelpText("after", HELP)
    .action(async (from: string, to: string, options: JsonOption) => {
      const [source, target] = [parseEndpoint(from), parseEndpoint(to)];
      const interruption = new AbortController();
      using _handler = onEndingSignal((signal) => {
        process.exitCode = exitCodeOf(signal);
        interruption.abort();
      });
      // stdout is the file's when it is copied there.
      const asJson = options.json === true && target.at !== "pipe";
      using bar = new TransferBar(`${from} → ${to}`, asJson);
      const report = new CopyReport(bar);
      try {
        await copy(apiClient(localInstance()), source, target, report, interruption.signal);
      } catch (error) {
        if (!interruption.signal.aborted) throw error;
        report.fail(from, "interrupted");
      } finally {
        bar[Symbol.dispose]();
        tell(report, asJson);
      }
    });
}

/** @throws invalid_request unless exactly one of the two is in a capsule */
async function copy(
  api: ApiClient,
  source: Endpoint,
  target: Endpoint,
  report: CopyReport,
  signal: AbortSignal,
): Promise<void> {
  if (source.at === "capsule" && target.at !== "capsule") {
    const wanted = { api, id: source.id, path: source.path, report, signal };
    await (target.at === "pipe" ? downloadToPipe(wanted) : download(target.path, wanted));
  } else if (source.at !== "capsule" && target.at === "capsule") {
    const wanted = { api, id: target.id, target: target.path, report, signal };
    await (source.at === "pipe" ? uploadStream(process.stdin, undefined, wanted) : upload(source.path, wanted));
  } else {
    const both = source.at === "capsule" ? "both are" : "none is";
    throw new WrennError("invalid_request", `one of the two must be in a capsule, as ID:PATH; here ${both}`);
  }
}

function tell({ bytes, failures, told }: CopyReport, asJson: boolean): void {
  if (asJson) json({ bytes, failures: told });
  else for (const { path, message } of told) note(`${style("error:", "red")} ${printable(`${path}: ${message}`)}`);
  if (!asJson && failures > told.length) note(`… and ${failures - told.length} more`);
  if (failures > 0) process.exitCode ||= 1;
}
