/** `wrenn control-plane`: the API without a host of its own, in the foreground. */
import type { Command } from "commander";
import { requireOwnFolder } from "../denied.ts";
import { makeLogFolder, makeStateFolder } from "../instance.ts";
import { checkSettings } from "../settings.ts";
import { warnOfUnknown } from "./config.ts";
import { runInForeground } from "./foreground.ts";

export function controlPlaneCommand(program: Command): void {
  program
    .command("control-plane")
    .description("Run the control plane alone, in the foreground: its hosts are other boxes, or enrolled ones")
    .option("--listen <host:port>", "where the API listens (WRENN_CP_LISTEN_ADDR), such as 0.0.0.0:9725")
    .addHelpText(
      "after",
      [
        "\nSeveral control planes share one PostgreSQL (DATABASE_URL) and the same JWT_SECRET, WRENN_ENCRYPTION_KEY,",
        "WRENN_CA_CERT and WRENN_CA_KEY. With DATABASE_URL it needs no root, only a WRENN_DIR that it may write to.",
        "WRENN_ADMIN_EMAIL and WRENN_ADMIN_PASSWORD make the first administrator. `wrenn host-agent` runs a host.",
      ].join("\n"),
    )
    .action(async ({ listen }: { listen?: string }) => {
      process.env["WRENN_LOCAL_HOST"] = "0";
      // In a fresh state folder, as in a container, each start would make one more.
      process.env["WRENN_LOCAL_KEY"] ||= "0";
      if (listen !== undefined) process.env["WRENN_CP_LISTEN_ADDR"] = listen;
      const { layout } = checkSettings(process.env);
      warnOfUnknown(process.env);
      await makeStateFolder(layout);
      requireOwnFolder(layout);
      await makeLogFolder(layout);
      await runInForeground("@wrenn/control-plane/main");
    });
}
