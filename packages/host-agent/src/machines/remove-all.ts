/** Removes every machine and every trace of an instance from the box. Call while no host agent runs for it. */
import { rm } from "node:fs/promises";
import type { HostBase } from "../host.ts";
import { hostTable } from "../network/rules.ts";
import { removeHostRules } from "../network/slot.ts";
import { releaseResources } from "./resources.ts";
import { sweep } from "./sweep.ts";

/** Goes on after failures. @throws AggregateError of all of them */
export async function removeAll(host: HostBase): Promise<void> {
  const failures: unknown[] = [];
  const attempt = (step: Promise<void>) => step.catch((error: unknown) => failures.push(error));
  const { records, strays } = await host.journal.load();
  for (const record of records) {
    await attempt(releaseResources(host, record, undefined).then(() => host.journal.remove(record.id)));
  }
  await attempt(sweep(host, strays));
  await attempt(removeHostRules(hostTable(host.layout.instance)));
  await attempt(host.cgroups.close());
  await attempt(rm(host.layout.run, { recursive: true, force: true }));
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join("; "));
}
