/** `wrenn doctor`: checks every part that capsules need and says what to do about each that is not right. */
import type { Command } from "commander";
import { instanceChecks } from "../checks.ts";
import { localInstance } from "../instance.ts";
import { json, out, style } from "../output/print.ts";

export function doctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("Check every part of this box and say what to do")
    .option("--json", "print the checks as JSON")
    .action(async (options: { json?: boolean }) => {
      const { hostChecks } = await import("@wrenn/host-agent/setup/checks");
      const results = [];
      const instance = localInstance();
      for (const check of [...hostChecks(instance.config), ...instanceChecks(instance)]) {
        const result = { id: check.id, title: check.title, ...(await check.run()) };
        results.push(result);
        if (options.json !== true) {
          const mark = {
            ok: style("✓", "green", process.stdout),
            warning: style("!", "yellow", process.stdout),
            failed: style("✗", "red", process.stdout),
          };
          out(`${mark[result.status]} ${result.title}: ${result.detail}`);
          if (result.fix !== undefined) out(`    ${style(result.fix, "dim", process.stdout)}`);
        }
      }
      if (options.json === true) json({ checks: results });
      if (results.some((result) => result.status === "failed")) process.exitCode = 1;
    });
}
