/** Removes every machine and every trace of an instance from the box. Waits for a host agent that is still stopping. */
import { rm } from "node:fs/promises";
import type { HostBase } from "./host.ts";
import { lockInstance } from "./instance-lock.ts";
import { releaseResources } from "./machines/resources.ts";
import { sweep } from "./machines/sweep.ts";
import { hostTable } from "./network/rules.ts";
import { removeHostRules } from "./network/slot.ts";

/** Goes on after failures. @throws already_running, or AggregateError of all failures */
export async function removeAll(host: HostBase): Promise<void> {
  const lock = await lockInstance(host.layout);
  const failures: unknown[] = [];
  const attempt = (step: Promise<void>) => step.catch((error: unknown) => failures.push(error));
  const { records, strays, unreadable } = await host.journal.load();
  for (const record of records) {
    await attempt(releaseResources(host, record, undefined).then(() => host.journal.remove(record.id)));
  }
  const folders = [...strays, ...unreadable.map((name) => host.journal.machineDir(name))];
  await host.slots.settled();
  await attempt(sweep(host, { strays: folders, unreadable: [] }));
  await host.slots.settled();
  await attempt(removeHostRules(hostTable(host.layout.instance)));
  await attempt(host.cgroups.close());
  await attempt(rm(host.layout.run, { recursive: true, force: true }));
  await lock.release();
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join("; "));
}
